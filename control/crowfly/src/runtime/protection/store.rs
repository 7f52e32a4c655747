//! The file that sequence numbers are kept in: replaced as a whole, so that a crash leaves the old or the
//! new one.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use pmipv6::esp::Saved;
use thiserror::Error;

/// Longest file that is read.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The file cannot be used; one sentence that says what to do.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It cannot be read or written.
    #[error(
        "{}: sequence numbers of protected signalling cannot be kept there: {source}; \
         give security.state_file a directory that the node may write to",
        file.display()
    )]
    Io {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not what a node has written.
    #[error(
        "{}: holds no sequence numbers of protected signalling ({reason}); put the file back from before, \
         or give every association a new SPI and key and remove it",
        file.display()
    )]
    Content {
        /// The file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// The file; none: nothing needs keeping.
#[derive(Debug)]
pub(super) struct Store {
    file: Option<PathBuf>,
}

impl Store {
    pub(super) fn new(file: Option<&Path>) -> Self {
        let file = file.map(Path::to_path_buf);
        Self { file }
    }

    /// What was stored; nothing at the very first start.
    pub(super) fn load(&self) -> Result<Saved, StoreError> {
        let Some(file) = &self.file else {
            return Ok(Saved::default());
        };
        let io = |source| StoreError::Io {
            file: file.clone(),
            source,
        };
        let content = |reason: String| StoreError::Content {
            file: file.clone(),
            reason,
        };
        match std::fs::metadata(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                tracing::warn!(file = %file.display(), "no sequence numbers were kept: the keys are new");
                return Ok(Saved::default());
            }
            Err(error) => return Err(io(error)),
            Ok(of) if of.len() > MAX_BYTES => return Err(content("too long".to_owned())),
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(file).map_err(io)?;
        serde_json::from_str(&text).map_err(|error| content(error.to_string()))
    }

    /// Replaces what was stored; `safely`: it outlasts the machine's power too.
    pub(super) fn store(&self, saved: &Saved, safely: bool) -> Result<(), StoreError> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        replace(file, saved, safely).map_err(|source| StoreError::Io {
            file: file.clone(),
            source,
        })
    }
}

fn replace(file: &Path, saved: &Saved, safely: bool) -> std::io::Result<()> {
    let directory = file.parent().unwrap_or(Path::new("/"));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let mut new = file.as_os_str().to_owned();
    new.push(".new");
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut written = options.open(&new)?;
    let mut text = serde_json::to_vec(saved)?;
    text.push(b'\n');
    written.write_all(&text)?;
    if safely {
        written.sync_data()?;
    }
    std::fs::rename(&new, file)?;
    if safely {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pmipv6::esp::SavedInbound;

    struct Scratch(PathBuf);

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_stored_is_loaded_and_rubbish_is_refused() {
        let name = format!("crowfly-store-{}", std::process::id());
        let scratch = Scratch(std::env::temp_dir().join(name));
        let file = scratch.0.join("deep/state.json");
        let store = Store::new(Some(&file));
        assert_eq!(store.load().unwrap(), Saved::default());
        let mut saved = Saved::default();
        saved.inbound.insert(256, SavedInbound { top: 7 });
        for safely in [true, false] {
            store.store(&saved, safely).unwrap();
            assert_eq!(store.load().unwrap(), saved);
        }
        std::fs::write(&file, "{").unwrap();
        let refused = store.load().unwrap_err().to_string();
        assert!(refused.contains("new SPI and key"), "{refused}");
        let below_a_file = Store::new(Some(&file.join("x")));
        assert!(below_a_file.store(&saved, true).is_err());
    }
}
