//! Commands of DPDK's telemetry socket (`dpdk-telemetry.py`).
//!
//! DPDK calls back in a thread of its own for each client, several at once, from the registration until the very
//! end of the process: nothing can be unregistered, and `rte_eal_cleanup` ends none of these threads. A callback gets
//! no pointer of ours, only the command's name. Hence:
//!
//! * all commands are registered together and stay in a static that is written once, so that finding one takes no
//!   lock; what a command owns is `Send + Sync + 'static` and is never dropped;
//! * a command answers a [`TelemetryReply`], an ordinary value whose bounds are DPDK's; C sees it only when it is whole.
//!
//! DPDK 22.11 takes requests apart with `strtok`: of two clients that ask at the very same moment one may be given the
//! other's parameters. That is so for its own commands too.

mod reply;

use std::ffi::{CStr, CString, c_char, c_int};
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::OnceLock;

use dpdk_sys as sys;

pub use self::reply::{ReplyError, TelemetryReply};
use crate::TelemetryError;
use crate::error::errno_text;

/// Longest name of a command, octets: `MAX_CMD_LEN` of DPDK's telemetry.c without the closing NUL.
const MAX_NAME_BYTES: usize = 55;
/// Longest help of a command, octets.
const MAX_HELP_BYTES: usize = sys::RTE_TEL_MAX_STRING_LEN as usize - 1;

/// What answers a command: the parameters, which are what a client has put behind the first comma, become a reply.
/// None: the client is told `null`, as with DPDK's own commands.
///
/// It runs in a thread of DPDK's, several at once, and must not wait for long: the client waits with it.
pub type TelemetryAnswer = Box<dyn Fn(Option<&str>) -> Option<TelemetryReply> + Send + Sync>;

/// A command that a client of the telemetry socket can give.
pub struct TelemetryCommand {
    /// `/crowfly/status`, for example: at most 55 octets, no comma.
    pub name: String,
    /// What `/help,NAME` says: at most 127 octets.
    pub help: String,
    /// What answers it.
    pub answer: TelemetryAnswer,
}

impl fmt::Debug for TelemetryCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetryCommand")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The commands of this process, for ever.
static COMMANDS: OnceLock<Vec<TelemetryCommand>> = OnceLock::new();

/// See [`Eal::register_telemetry`](crate::Eal::register_telemetry), which makes sure that EAL is up.
pub(crate) fn register(commands: Vec<TelemetryCommand>) -> Result<(), TelemetryError> {
    let texts = commands.iter().map(texts).collect::<Result<Vec<_>, _>>()?;
    COMMANDS
        .set(commands)
        .map_err(|_| TelemetryError::AlreadyRegistered)?;
    for (name, help) in texts {
        // SAFETY: both are C strings, which DPDK copies; `call` can be called from any thread until the process ends,
        // since it uses nothing but its arguments and a static that was written before.
        let answer =
            unsafe { sys::rte_telemetry_register_cmd(name.as_ptr(), Some(call), help.as_ptr()) };
        if answer != 0 {
            return Err(TelemetryError::Refused {
                name: name.to_string_lossy().into_owned(),
                reason: errno_text(answer),
            });
        }
    }
    Ok(())
}

/// Name and help as C strings, where DPDK takes them.
fn texts(command: &TelemetryCommand) -> Result<(CString, CString), TelemetryError> {
    let TelemetryCommand { name, help, .. } = command;
    let plain = |text: &str| text.bytes().all(|octet| matches!(octet, b' '..=b'~'));
    let usable = name.starts_with('/')
        && name.len() <= MAX_NAME_BYTES
        && !name.contains(',')
        && help.len() <= MAX_HELP_BYTES
        && plain(name)
        && plain(help);
    let texts = usable
        .then(|| {
            CString::new(name.as_str())
                .ok()
                .zip(CString::new(help.as_str()).ok())
        })
        .flatten();
    texts.ok_or_else(|| TelemetryError::Unusable {
        name: name.clone(),
        max_name: MAX_NAME_BYTES,
        max_help: MAX_HELP_BYTES,
    })
}

/// What DPDK calls for each of our commands: 0 with `data` filled in, or a negative error, which the client sees as
/// `null`.
unsafe extern "C" fn call(
    name: *const c_char,
    parameters: *const c_char,
    data: *mut sys::rte_tel_data,
) -> c_int {
    // SAFETY: DPDK passes the name that it has found in its table, and parameters or a null pointer: C strings that
    // live until this function returns. They are copied, or read, before that.
    let (name, parameters) = unsafe {
        (
            CStr::from_ptr(name),
            (!parameters.is_null()).then(|| CStr::from_ptr(parameters)),
        )
    };
    // A panic must not unwind into C.
    let answered = panic::catch_unwind(AssertUnwindSafe(|| answer(name, parameters)));
    match answered {
        // SAFETY: `data` is DPDK's, for this call alone, and nobody has started to fill it.
        Ok(Some(reply)) => unsafe { reply.write(data) },
        Ok(None) => -libc::EINVAL,
        Err(payload) => {
            // Dropping what a panic has left may panic again.
            std::mem::forget(payload);
            -libc::EFAULT
        }
    }
}

fn answer(name: &CStr, parameters: Option<&CStr>) -> Option<TelemetryReply> {
    let commands = COMMANDS.get()?;
    let mut commands = commands.iter();
    let command = commands.find(|command| command.name.as_bytes() == name.to_bytes())?;
    match parameters {
        None => (command.answer)(None),
        // What is no UTF-8 is no parameter of ours.
        Some(parameters) => (command.answer)(Some(parameters.to_str().ok()?)),
    }
}
