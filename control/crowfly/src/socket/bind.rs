//! The socket's place in the file system: what a dead process left is replaced, what a live one has is
//! left alone.

use std::fs::{DirBuilder, Permissions};
use std::io::{Error as IoError, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mio::net::UnixListener;
use thiserror::Error;

/// The control socket cannot be opened.
#[derive(Debug, Error)]
pub enum BindError {
    /// A process answers at this socket.
    #[error("{}: another process serves this socket; stop it or choose another path", .0.display())]
    InUse(PathBuf),
    /// Something else has this path.
    #[error("{}: exists and is not a socket; it is left alone", .0.display())]
    NotASocket(PathBuf),
    /// The system refuses.
    #[error("{}: {doing}: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Why not.
        source: IoError,
    },
}

/// A socket file that is ours; dropping it removes it from the file system.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// Binds a listener with mode 0600. It is bound under a name of its own and renamed, so that nobody can
/// connect before the mode is set, and a stale socket is replaced in one step.
pub(super) fn bind(path: &Path) -> Result<(UnixListener, SocketFile), BindError> {
    let failed = |doing| {
        move |source| BindError::Io {
            path: path.to_path_buf(),
            doing,
            source,
        }
    };
    make_folder(path).map_err(failed("making its folder"))?;
    refuse_live(path)?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let temporary = PathBuf::from(name);
    remove(&temporary).map_err(failed("removing a stale socket"))?;
    let listener = UnixListener::bind(&temporary).map_err(failed("binding"))?;
    let place = || {
        std::fs::set_permissions(&temporary, Permissions::from_mode(0o600))?;
        let metadata = std::fs::symlink_metadata(&temporary)?;
        std::fs::rename(&temporary, path)?;
        Ok(SocketFile {
            path: path.to_path_buf(),
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    };
    match place() {
        Ok(file) => Ok((listener, file)),
        Err(error) => {
            let _ = remove(&temporary);
            Err(failed("setting mode and name")(error))
        }
    }
}

/// Makes the last folder of the path, as systemd's RuntimeDirectory= would.
fn make_folder(path: &Path) -> Result<(), IoError> {
    match path.parent() {
        Some(folder) if folder != Path::new("") && !folder.exists() => {
            DirBuilder::new().mode(0o755).create(folder)
        }
        _ => Ok(()),
    }
}

fn refuse_live(path: &Path) -> Result<(), BindError> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !metadata.file_type().is_socket() {
        return Err(BindError::NotASocket(path.to_path_buf()));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) if source.kind() == ErrorKind::PermissionDenied => Err(BindError::Io {
            path: path.to_path_buf(),
            doing: "asking whether a process serves it",
            source,
        }),
        // Connected, or its queue of connections is full: somebody listens.
        _ => Err(BindError::InUse(path.to_path_buf())),
    }
}

fn remove(path: &Path) -> Result<(), IoError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|now| (now.dev(), now.ino()) == (self.device, self.inode));
        if ours {
            let _ = remove(&self.path);
        }
    }
}
