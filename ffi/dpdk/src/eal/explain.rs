//! From what EAL printed to one sentence.

use super::output::Said;
use crate::error::errno_text;
use crate::{EalError, FailedDevice};

type Make = fn(String) -> EalError;

/// Words of EAL's messages and what they mean, in the order in which they are looked for: what tells more
/// stands before what only follows from it.
const SIGNS: &[(&str, Make)] = &[
    ("Is another primary process running", |reason| {
        EalError::PrefixInUse { reason }
    }),
    ("unrecognized option", |reason| EalError::BadArgument {
        reason,
    }),
    ("invalid option", |reason| EalError::BadArgument { reason }),
    ("requires an argument", |reason| EalError::BadArgument {
        reason,
    }),
    ("unavailable", |reason| EalError::BadArgument { reason }),
    ("not compatible", |reason| EalError::BadArgument { reason }),
    ("invalid", |reason| EalError::BadArgument { reason }),
    ("Invalid", |reason| EalError::BadArgument { reason }),
    ("failed to parse device", |reason| EalError::Device {
        reason,
    }),
    ("Cannot probe devices", |reason| EalError::Device { reason }),
    ("Permission denied", |reason| EalError::Permission {
        reason,
    }),
    ("Operation not permitted", |reason| EalError::Permission {
        reason,
    }),
    ("no mounted hugetlbfs", |reason| EalError::Hugepages {
        reason,
    }),
    ("Cannot get hugepage information", |reason| {
        EalError::Hugepages { reason }
    }),
    ("Not enough memory", |reason| EalError::Memory { reason }),
    ("Cannot allocate memory", |reason| EalError::Memory {
        reason,
    }),
    ("error allocating", |reason| EalError::Memory { reason }),
    ("No free", |reason| EalError::Hugepages { reason }),
    ("Cannot init memory", |reason| EalError::Memory { reason }),
];

/// What a bus says when a driver refused a device: `failed to initialize NAME device`.
const FAILED_DEVICE: (&str, &str) = ("failed to initialize ", " device");

/// The reason for a failed start.
pub(crate) fn failure(errno: i32, said: &Said) -> EalError {
    for (sign, make) in SIGNS {
        let mut lines = said.stderr.lines().chain(said.log.lines());
        if let Some(line) = lines.find(|line| line.contains(sign)) {
            return make(bare(line).to_owned());
        }
    }
    let last = said.log.lines().rev().find(|line| !line.trim().is_empty());
    EalError::Other {
        reason: last.map_or_else(|| errno_text(errno), |line| bare(line).to_owned()),
    }
}

/// Devices that EAL started without.
pub(crate) fn failed_devices(said: &Said) -> Vec<FailedDevice> {
    let (before, after) = FAILED_DEVICE;
    let mut failed = Vec::new();
    let mut reason = "its driver gives no reason";
    for line in said.log.lines() {
        let device = line
            .split_once(before)
            .and_then(|(_, rest)| rest.strip_suffix(after));
        match device {
            Some(device) => failed.push(FailedDevice {
                device: device.to_owned(),
                reason: reason.to_owned(),
            }),
            // The driver's own complaint is the line before the bus's; EAL's own lines are not one.
            None if !line.starts_with("EAL: ") => reason = bare(line),
            None => reason = "its driver gives no reason",
        }
    }
    failed
}

/// A log line without `EAL: ` and the like, and without its full stop.
fn bare(line: &str) -> &str {
    let line = line.trim().trim_end_matches('.');
    let text = line.split_once(": ").map_or(line, |(_, text)| text);
    text.strip_prefix("FATAL: ").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(log: &str) -> Said {
        Said {
            log: log.to_owned(),
            stderr: String::new(),
        }
    }

    #[test]
    fn the_line_that_tells_more_is_quoted() {
        let error = failure(
            libc::EINVAL,
            &said(
                "EAL: Detected CPU lcores: 2\nEAL: lcore 77 unavailable\nEAL: Invalid 'command line' arguments.\n",
            ),
        );
        let reason = "lcore 77 unavailable".to_owned();
        assert_eq!(error, EalError::BadArgument { reason });
    }

    #[test]
    fn missing_hugepages_are_told_from_missing_memory() {
        let log = "EAL: 512 hugepages of size 2097152 reserved, but no mounted hugetlbfs found for that size\n\
                   EAL: Cannot get hugepage information.\n";
        let error = failure(libc::EACCES, &said(log));
        assert!(matches!(error, EalError::Hugepages { .. }), "{error:?}");
        assert!(
            error.to_string().contains("no mounted hugetlbfs"),
            "{error}"
        );
        let log = "EAL: error allocating rte services array\nEAL: rte_service_init() failed\n";
        let error = failure(libc::ENOEXEC, &said(log));
        assert!(matches!(error, EalError::Memory { .. }), "{error:?}");
    }

    #[test]
    fn what_is_not_known_is_quoted_as_it_is() {
        let reason = "the crow is ill".to_owned();
        assert_eq!(
            failure(0, &said("EAL: the crow is ill\n\n")),
            EalError::Other { reason }
        );
        let reason = errno_text(libc::EIO);
        assert_eq!(failure(libc::EIO, &said("")), EalError::Other { reason });
    }

    #[test]
    fn each_failed_device_has_its_drivers_reason() {
        let log = "EAL: Selected IOVA mode 'VA'\n\
                   open_single_rx_pcap(): Couldn't open /nope: No such file or directory\n\
                   vdev_probe(): failed to initialize net_pcap0 device\n\
                   EAL: Selected nothing\n\
                   vdev_probe(): failed to initialize net_null0 device\n";
        let failed = failed_devices(&said(log));
        let told = failed
            .iter()
            .map(|failed| (&*failed.device, &*failed.reason));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                (
                    "net_pcap0",
                    "Couldn't open /nope: No such file or directory"
                ),
                ("net_null0", "its driver gives no reason"),
            ]
        );
    }
}
