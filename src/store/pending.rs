//! A batch on its way into the store: written down, sealed, before its first row is stored, and taken away once the
//! ledger has it.
//!
//! Rows and ledger can not be written in one step. A crash between them is healed by finishing what is written down
//! here, and not by reading the source again: the source may have grown meanwhile, and give other batches.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::sealed::{SealError, SealKey};
use crate::record::SourceId;

/// The folder of batches on their way.
#[derive(Debug)]
pub struct Pending {
    folder: PathBuf,
    key: SealKey,
}

/// A batch that is written down. Who holds this is at work on it; no other process takes it up meanwhile.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    _locked: File,
}

/// Batches on their way can not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PendingError {
    /// A file or folder can not be used.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is written down can not be sealed, or is not what was written.
    #[error("the batch on its way in {path} can not be sealed or opened")]
    Seal {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: SealError,
    },
}

impl Pending {
    /// Those of a data folder.
    pub fn open(data: &Path, key: &[u8; 32]) -> Result<Self, SealError> {
        Ok(Pending {
            folder: data.join("pending"),
            key: SealKey::new(key)?,
        })
    }

    /// Writes a batch down and returns when it is on the disk. A source has one batch on its way at a time.
    pub fn put(&self, source: SourceId, batch: &[u8]) -> Result<Kept, PendingError> {
        let name = format!("{source}.sealed");
        let path = self.folder.join(&name);
        let sealed = self
            .key
            .seal(context(&name).as_bytes(), batch)
            .map_err(|source| PendingError::Seal {
                path: path.clone(),
                source,
            })?;
        match self.write(&path, &sealed) {
            Ok(locked) => Ok(Kept {
                path,
                _locked: locked,
            }),
            Err(source) => Err(PendingError::File { path, source }),
        }
    }

    /// The batches that nobody is at work on: a crash left them.
    pub fn left(&self) -> Result<Vec<(Vec<u8>, Kept)>, PendingError> {
        let mut left = Vec::new();
        for path in self.names().map_err(|source| PendingError::File {
            path: self.folder.clone(),
            source,
        })? {
            let taken = take_up(&path).map_err(|source| PendingError::File {
                path: path.clone(),
                source,
            })?;
            let Some((sealed, locked)) = taken else {
                continue;
            };
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let batch = self
                .key
                .open(context(&name).as_bytes(), &sealed)
                .map_err(|source| PendingError::Seal {
                    path: path.clone(),
                    source,
                })?;
            let kept = Kept {
                path,
                _locked: locked,
            };
            left.push((batch, kept));
        }
        Ok(left)
    }

    fn names(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "sealed") {
                names.push(path);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Locked before it takes its name, so that nobody finds it without its lock.
    fn write(&self, path: &Path, sealed: &[u8]) -> io::Result<File> {
        let mut make = fs::DirBuilder::new();
        make.recursive(true).mode(0o700).create(&self.folder)?;
        let partial = path.with_extension("partial");
        let mut file = File::create(&partial)?;
        file.lock()?;
        file.write_all(sealed)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        File::open(&self.folder)?.sync_all()?;
        Ok(file)
    }
}

impl Kept {
    /// The ledger has the batch: what was written down goes.
    pub fn done(self) -> Result<(), PendingError> {
        fs::remove_file(&self.path).map_err(|source| PendingError::File {
            path: self.path.clone(),
            source,
        })
    }
}

/// The bytes, if nobody is at work on them.
fn take_up(path: &Path) -> io::Result<Option<(Vec<u8>, File)>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Its writer may have been done with it, and written the next, between the opening and the lock.
    let same = path
        .metadata()
        .is_ok_and(|there| file.metadata().is_ok_and(|ours| ours.ino() == there.ino()));
    if !same {
        return Ok(None);
    }
    let mut sealed = Vec::new();
    file.read_to_end(&mut sealed)?;
    Ok(Some((sealed, file)))
}

fn context(name: &str) -> String {
    format!("invigil pending {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_left_is_found_sealed_and_what_is_being_worked_on_is_not_touched() {
        let data = tempfile::tempdir().unwrap();
        let pending = Pending::open(data.path(), &[1; 32]).unwrap();
        let source = SourceId([7; 16]);
        let kept = pending.put(source, b"rows with a planted-word").unwrap();
        assert_eq!(pending.left().unwrap().len(), 0, "its writer lives");
        drop(kept);

        let file = fs::read(data.path().join(format!("pending/{source}.sealed"))).unwrap();
        assert!(!file.windows(12).any(|w| w == b"planted-word"));
        let mut left = pending.left().unwrap();
        let (batch, kept) = left.pop().unwrap();
        assert_eq!(batch, b"rows with a planted-word");
        kept.done().unwrap();
        assert_eq!(pending.left().unwrap().len(), 0);
    }

    #[test]
    fn a_batch_under_another_name_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let pending = Pending::open(data.path(), &[1; 32]).unwrap();
        drop(pending.put(SourceId([7; 16]), b"rows").unwrap());
        let folder = data.path().join("pending");
        let from = folder.join(format!("{}.sealed", SourceId([7; 16])));
        fs::rename(from, folder.join(format!("{}.sealed", SourceId([8; 16])))).unwrap();
        assert!(pending.left().is_err());
    }
}
