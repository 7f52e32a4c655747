//! What EAL prints while it starts, so that a failure can be told in one sentence.
//!
//! Its log lines go on to standard error at once, and the last of them are kept. What it and `getopt` print
//! past the log (a page of usage after a wrong argument) is held back and shown only when it started.

use std::ffi::{c_char, c_int, c_void};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::slice;
use std::sync::{Mutex, PoisonError};

use dpdk_sys as sys;

/// Most octets of the log that are kept.
const LOG_MAX_BYTES: usize = 32 * 1024;

static LOG: Mutex<Log> = Mutex::new(Log {
    kept: Vec::new(),
    screen: None,
});

struct Log {
    kept: Vec<u8>,
    /// The real standard error.
    screen: Option<File>,
}

/// What was printed past the log, and the log.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) log: String,
    pub(crate) stderr: String,
}

/// While it lives, standard output and standard error go to memory, the log to the screen and to memory.
pub(crate) struct Capture {
    stream: *mut c_void,
    stdout: Option<Redirected>,
    stderr: Option<Redirected>,
}

impl Capture {
    pub(crate) fn begin() -> Self {
        let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        log.kept.clear();
        log.screen = duplicate(libc::STDERR_FILENO);
        drop(log);
        // SAFETY: the function stays for ever, and one capture lives at a time: EAL starts once.
        let stream = unsafe { sys::cf_log_open(Some(keep)) };
        Self {
            stream,
            stdout: Redirected::begin(libc::STDOUT_FILENO),
            stderr: Redirected::begin(libc::STDERR_FILENO),
        }
    }

    /// Puts everything back; `show` prints what was held back.
    pub(crate) fn end(self, show: bool) -> Said {
        // SAFETY: null flushes every stream of C's.
        unsafe { libc::fflush(std::ptr::null_mut()) };
        let stdout = self.stdout.map(Redirected::end).unwrap_or_default();
        let stderr = self.stderr.map(Redirected::end).unwrap_or_default();
        if !self.stream.is_null() {
            // SAFETY: opened by `begin`, closed once.
            unsafe { sys::cf_log_close(self.stream) };
        }
        if show {
            // Nothing can be said about a screen that takes nothing.
            let _ = std::io::stdout().write_all(&stdout);
            let _ = std::io::stderr().write_all(&stderr);
        }
        let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        log.screen = None;
        Said {
            log: String::from_utf8_lossy(&std::mem::take(&mut log.kept)).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }
}

/// Takes a piece of DPDK's log.
unsafe extern "C" fn keep(text: *const c_char, length: usize) {
    // SAFETY: the stream passes a buffer and its length.
    let text = unsafe { slice::from_raw_parts(text.cast::<u8>(), length) };
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(screen) = &mut log.screen {
        let _ = screen.write_all(text);
    }
    if log.kept.len() + text.len() > LOG_MAX_BYTES {
        // The cause of a failure stands at the end.
        let half = log.kept.len() / 2;
        log.kept.drain(..half);
    }
    let room = LOG_MAX_BYTES.saturating_sub(log.kept.len());
    log.kept.extend_from_slice(&text[..text.len().min(room)]);
}

/// A descriptor that for now points to memory.
struct Redirected {
    descriptor: c_int,
    original: File,
    memory: File,
}

impl Redirected {
    fn begin(descriptor: c_int) -> Option<Self> {
        let original = duplicate(descriptor)?;
        // SAFETY: a NUL-terminated name and a valid flag.
        let memory = unsafe { libc::memfd_create(c"eal-output".as_ptr(), libc::MFD_CLOEXEC) };
        if memory < 0 {
            return None;
        }
        // SAFETY: a fresh descriptor that nobody else has.
        let memory = File::from(unsafe { OwnedFd::from_raw_fd(memory) });
        // SAFETY: null flushes every stream of C's; both descriptors are open.
        unsafe {
            libc::fflush(std::ptr::null_mut());
            libc::dup2(memory.as_raw_fd(), descriptor);
        }
        Some(Self {
            descriptor,
            original,
            memory,
        })
    }

    fn end(mut self) -> Vec<u8> {
        // SAFETY: both descriptors are open.
        unsafe { libc::dup2(self.original.as_raw_fd(), self.descriptor) };
        let mut held = Vec::new();
        let read = self.memory.seek(SeekFrom::Start(0));
        if read.is_ok() {
            // What cannot be read back is only missing from an explanation.
            let _ = self.memory.read_to_end(&mut held);
        }
        held
    }
}

fn duplicate(descriptor: c_int) -> Option<File> {
    // SAFETY: takes any number; a negative answer is an error.
    let copy = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3) };
    // SAFETY: a fresh descriptor that nobody else has.
    (copy >= 0).then(|| File::from(unsafe { OwnedFd::from_raw_fd(copy) }))
}
