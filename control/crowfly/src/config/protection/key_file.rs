//! Keys out of files of their own, and whose those files may be.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pmipv6::esp::KeyMaterial;
use zeroize::Zeroizing;

use super::super::Config;
use super::super::error::Complaint;
use super::super::locate::KeyPath;
use super::check::association_path;
use super::{Secret, Security};

/// Longest key file that is read: the longest key, and some white space.
const MAX_KEY_FILE_BYTES: u64 = 1024;
/// Permissions of group and others: none of them may be set on what holds a key.
const OTHERS: u32 = 0o077;

impl Security {
    /// Reads the key files; what is wrong with them.
    pub(in crate::config) fn read_key_files(&mut self, directory: &Path) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        for (index, peer) in self.peers.iter_mut().enumerate() {
            for (at, association) in peer.associations.iter_mut().enumerate() {
                let path = association_path(index, at);
                let outbound = association.outbound.as_mut().map(|leg| ("outbound", leg));
                let inbound = Some(("inbound", &mut association.inbound));
                for (name, leg) in [inbound, outbound].into_iter().flatten() {
                    let Some(file) = &leg.key_file else { continue };
                    match read_key(&directory.join(file)) {
                        Ok(secret) => leg.read = Some(secret),
                        Err(reason) => complaints.push(Complaint {
                            path: path.key(name).key("key_file"),
                            reason,
                        }),
                    }
                }
            }
        }
        complaints
    }
}

/// A file that holds keys is its owner's alone.
pub(in crate::config) fn check_mode(config: &Config, file: &Path) -> Vec<Complaint> {
    let holds_keys = config.security.as_ref().is_some_and(Security::holds_keys);
    if !holds_keys {
        return Vec::new();
    }
    let reason = match std::fs::metadata(file).map(|of| of.permissions().mode()) {
        Ok(mode) if mode & OTHERS == 0 => return Vec::new(),
        Ok(_) => format!(
            "holds keys, and others than the file's owner may read or write it: chmod 600 {}",
            file.display()
        ),
        Err(error) => format!("holds keys, and whose the file is cannot be seen: {error}"),
    };
    let path = KeyPath::default().key("security");
    vec![Complaint { path, reason }]
}

fn read_key(file: &Path) -> Result<Secret, String> {
    let unread = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut opened = std::fs::File::open(file).map_err(unread)?;
    let mode = opened.metadata().map_err(unread)?.permissions().mode();
    if mode & OTHERS != 0 {
        return Err(format!(
            "others than the file's owner may read or write it: chmod 600 {}",
            file.display()
        ));
    }
    // Room for all at once: growing would leave copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_KEY_FILE_BYTES as usize));
    let limited = opened.by_ref().take(MAX_KEY_FILE_BYTES);
    { limited }.read_to_end(&mut text).map_err(unread)?;
    let text = std::str::from_utf8(&text).map_err(|_| "not hexadecimal digits".to_owned())?;
    let key = KeyMaterial::from_hex(text).map_err(|error| error.to_string())?;
    Ok(Secret(key))
}
