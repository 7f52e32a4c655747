//! The Restart Counter (RFC 5847 section 3.2): another one at every start, whatever became of the process.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use thiserror::Error;

/// The counter cannot be kept.
#[derive(Debug, Error)]
#[error(
    "the restart counter cannot be kept in {}: {source}; let crowfly write there, or name another directory \
     in state_dir",
    .file.display()
)]
pub struct RestartCounterError {
    /// Its file.
    pub file: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

/// Counts this start: reads, raises by one and writes the counter of a node, in one step as others see it.
/// A node without one begins with the time, so that one whose directory was lost does not repeat itself.
pub(super) fn count(state_dir: &Path, node_id: &str) -> Result<u32, RestartCounterError> {
    let file = state_dir.join(format!("{node_id}.restart-counter"));
    let next = raise(state_dir, &file);
    next.map_err(|source| RestartCounterError { file, source })
}

fn raise(state_dir: &Path, file: &Path) -> io::Result<u32> {
    fs::create_dir_all(state_dir)?;
    let last = match fs::read_to_string(file) {
        Ok(text) => text.trim().parse().ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let next = last.map_or_else(seconds, |last: u32| last.wrapping_add(1));
    let new = file.with_extension("new");
    let mut writing = File::create(&new)?;
    writeln!(writing, "{next}")?;
    writing.sync_all()?;
    fs::rename(&new, file)?;
    Ok(next)
}

/// Since 1970, as far as 32 bits go.
fn seconds() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(1, |since| since.as_secs() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("crowfly-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        directory
    }

    #[test]
    fn rfc5847_3_2_every_start_has_another_counter() {
        let directory = scratch("restart-counter");
        let first = count(&directory, "mag1").unwrap();
        assert_eq!(count(&directory, "mag1").unwrap(), first.wrapping_add(1));
        fs::write(directory.join("mag1.restart-counter"), "4294967295\n").unwrap();
        assert_eq!(count(&directory, "mag1").unwrap(), 0);
        // Damaged: it starts anew, and does not stop the node.
        fs::write(directory.join("mag1.restart-counter"), "x").unwrap();
        assert!(count(&directory, "mag1").unwrap() > 1_000_000);
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_counter_that_cannot_be_kept_is_said_with_its_file() {
        let directory = scratch("restart-counter-refused");
        fs::write(&directory, "a file, not a directory").unwrap();
        let error = count(&directory, "mag1").unwrap_err().to_string();
        assert!(
            error.contains("mag1.restart-counter") && error.contains("state_dir"),
            "{error}"
        );
        fs::remove_file(&directory).unwrap();
    }
}
