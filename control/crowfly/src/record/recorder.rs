//! The writing end: lines are made by the control thread and written by a thread of their own, so that a
//! slow disk costs the record and not the node.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use thiserror::Error;

use super::{Header, Step};

/// Octets that are collected before the disk's thread gets them.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks that wait for the disk.
const MAX_CHUNKS: usize = 256;
/// Permissions of a record: its owner's alone.
const MODE: u32 = 0o600;

/// Why there is no record.
#[derive(Debug, Error)]
#[error("cannot record to {}: {source}", path.display())]
pub struct RecordError {
    path: PathBuf,
    source: io::Error,
}

/// A record that is being written.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    buffer: Vec<u8>,
    left_bytes: u64,
    max_bytes: u64,
    disk: Option<(SyncSender<Vec<u8>>, JoinHandle<()>)>,
    /// Set by the disk's thread when it gives up.
    broken: Arc<OnceLock<String>>,
    ended: Option<String>,
}

impl Recorder {
    /// Starts a record of at most `max_bytes`. What an earlier run left under the name is kept, as
    /// `NAME.previous`.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path, max_bytes: u64, header: &Header) -> Result<Self, RecordError> {
        let failed = |source| RecordError {
            path: path.to_path_buf(),
            source,
        };
        let file = open(path).map_err(failed)?;
        let (chunks, received) = sync_channel(MAX_CHUNKS);
        let broken = Arc::new(OnceLock::new());
        let told = broken.clone();
        let disk = std::thread::Builder::new()
            .name("record".to_owned())
            .spawn(move || write_all(file, &received, &told))
            .map_err(failed)?;
        let mut new = Self {
            path: path.to_path_buf(),
            buffer: Vec::with_capacity(CHUNK_BYTES),
            left_bytes: max_bytes,
            max_bytes,
            disk: Some((chunks, disk)),
            broken,
            ended: None,
        };
        new.line(header);
        Ok(new)
    }

    /// Adds a step. After the record has ended this does nothing.
    pub fn step(&mut self, step: &Step) {
        self.line(step);
    }

    /// Gives the disk what was collected. To be called about once a second: that much a crash costs.
    pub fn flush(&mut self) {
        let Some((disk, _)) = &self.disk else { return };
        if self.buffer.is_empty() {
            return;
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK_BYTES));
        match disk.try_send(chunk) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.end("the disk does not keep up".to_owned()),
            // It says why itself.
            Err(TrySendError::Disconnected(_)) => {}
        }
    }

    /// Why the record has ended, if it has: a sentence for an operator. What is there can be replayed.
    pub fn ended(&mut self) -> Option<&str> {
        if self.ended.is_none()
            && let Some(why) = self.broken.get()
        {
            self.end(why.clone());
        }
        self.ended.as_deref()
    }

    /// Writes what is left and waits for the disk.
    pub fn finish(mut self) {
        self.flush();
        if let Some((chunks, disk)) = self.disk.take() {
            drop(chunks);
            // The thread does not panic: nothing in it can.
            let _ = disk.join();
        }
    }

    fn line(&mut self, line: &impl serde::Serialize) {
        if self.disk.is_none() {
            return;
        }
        let before = self.buffer.len();
        if let Err(error) = serde_json::to_writer(&mut self.buffer, line) {
            self.buffer.truncate(before);
            return self.end(format!("a step is not plain JSON: {error}"));
        }
        self.buffer.push(b'\n');
        let length = (self.buffer.len() - before) as u64;
        if length > self.left_bytes {
            self.buffer.truncate(before);
            self.flush();
            return self.end(format!("it has its {} bytes", self.max_bytes));
        }
        self.left_bytes -= length;
        if self.buffer.len() >= CHUNK_BYTES {
            self.flush();
        }
    }

    /// A record with a gap could not be replayed, so the first loss is its end.
    fn end(&mut self, why: String) {
        if self.ended.is_none() {
            self.ended = Some(format!(
                "the record {} has ended: {why}",
                self.path.display()
            ));
        }
        self.buffer = Vec::new();
        // The thread writes what it has, and ends by itself.
        self.disk = None;
    }
}

fn open(path: &Path) -> io::Result<File> {
    // A device or a pipe is nobody's earlier record.
    if fs::symlink_metadata(path).is_ok_and(|there| there.is_file()) {
        let mut previous = path.as_os_str().to_owned();
        previous.push(".previous");
        fs::rename(path, previous)?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(MODE)
        .open(path)
}

fn write_all(mut file: File, chunks: &Receiver<Vec<u8>>, broken: &OnceLock<String>) {
    for chunk in chunks {
        if let Err(error) = file.write_all(&chunk) {
            // Set once, here.
            let _ = broken.set(error.to_string());
            return;
        }
    }
}
