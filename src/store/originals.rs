//! Originals: the frames as they were read, byte for byte, packed and sealed by batch.
//!
//! A package discloses them and recomputes their leaves in the ledger's tree. They lie in
//! `originals/SOURCE/FIRST-LAST.sealed`; writing a batch again writes the same frames.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::sealed::{SealError, SealKey};
use crate::record::SourceId;

/// The folder of originals.
#[derive(Debug)]
pub struct Originals {
    folder: PathBuf,
    key: SealKey,
}

/// One frame as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// Its number in the source.
    pub frame: u64,
    /// Where it began in the decompressed source.
    pub offset: u64,
    /// Its bytes, with the line end where it had one.
    pub bytes: Vec<u8>,
}

/// Frames of one batch, on their way into the folder.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    index: Vec<u8>,
    bytes: Vec<u8>,
    first: Option<u64>,
    last: u64,
}

/// Originals can not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OriginalsError {
    /// A file or folder can not be used.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A batch is not what was written.
    #[error("the originals in {path} are damaged")]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
    /// A batch could not be sealed.
    #[error("originals could not be sealed")]
    Seal(#[from] SealError),
}

impl Batch {
    /// An empty batch with room for as much as another holds: of one source, one is about as large as the next.
    pub fn with_room_of(other: &Batch) -> Self {
        Batch {
            index: Vec::with_capacity(other.index.len()),
            bytes: Vec::with_capacity(other.bytes.len()),
            ..Batch::default()
        }
    }

    /// Adds the next frame.
    pub fn push(&mut self, frame: u64, offset: u64, bytes: &[u8]) {
        self.first.get_or_insert(frame);
        self.last = frame;
        self.index.extend_from_slice(&frame.to_le_bytes());
        self.index.extend_from_slice(&offset.to_le_bytes());
        self.index
            .extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether no frame was added.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    fn packed(&self) -> Vec<u8> {
        let mut plain = Vec::with_capacity(8 + self.index.len() + self.bytes.len());
        plain.extend_from_slice(&(self.index.len() as u64).to_le_bytes());
        plain.extend_from_slice(&self.index);
        plain.extend_from_slice(&self.bytes);
        lz4_flex::block::compress_prepend_size(&plain)
    }
}

impl Originals {
    /// The originals of a data folder.
    pub fn open(data: &Path, key: &[u8; 32]) -> Result<Self, OriginalsError> {
        Ok(Originals {
            folder: data.join("originals"),
            key: SealKey::new(key)?,
        })
    }

    /// Writes a batch and returns when it is on the disk. An empty batch writes nothing.
    pub fn put(&self, source: SourceId, batch: &Batch) -> Result<(), OriginalsError> {
        let Some(first) = batch.first else {
            return Ok(());
        };
        let folder = self.folder.join(source.to_string());
        let name = format!("{first:016x}-{:016x}.sealed", batch.last);
        let sealed = self
            .key
            .seal(context(source, &name).as_bytes(), &batch.packed())?;
        let path = folder.join(&name);
        write_whole(&folder, &path, &sealed).map_err(|error| OriginalsError::File {
            path,
            source: error,
        })
    }

    /// First and last frame of each batch of a source, in order.
    pub fn batches(&self, source: SourceId) -> Result<Vec<(u64, u64)>, OriginalsError> {
        let folder = self.folder.join(source.to_string());
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(OriginalsError::File {
                    path: folder,
                    source: error,
                });
            }
        };
        let mut batches = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| OriginalsError::File {
                path: folder.clone(),
                source: error,
            })?;
            batches.extend(entry.file_name().to_str().and_then(range_of));
        }
        batches.sort_unstable();
        Ok(batches)
    }

    /// The sources of which there are originals, in order.
    pub fn sources(&self) -> Result<Vec<SourceId>, OriginalsError> {
        let fault = |source| OriginalsError::File {
            path: self.folder.clone(),
            source,
        };
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fault(error)),
        };
        let mut sources = Vec::new();
        for entry in entries {
            let name = entry.map_err(fault)?.file_name();
            sources.extend(name.to_str().and_then(SourceId::parse));
        }
        sources.sort_unstable();
        Ok(sources)
    }

    /// Takes a batch away: its time is over, or a crash left it and it is no batch of its source. When this returns,
    /// the folder no longer names it.
    pub fn remove(&self, source: SourceId, first: u64, last: u64) -> Result<(), OriginalsError> {
        let folder = self.folder.join(source.to_string());
        let path = folder.join(format!("{first:016x}-{last:016x}.sealed"));
        let remove = || {
            fs::remove_file(&path)?;
            fs::File::open(&folder)?.sync_all()
        };
        remove().map_err(|error| OriginalsError::File {
            path: path.clone(),
            source: error,
        })
    }

    /// All frames of one batch.
    pub fn batch(
        &self,
        source: SourceId,
        first: u64,
        last: u64,
    ) -> Result<Vec<Original>, OriginalsError> {
        let name = format!("{first:016x}-{last:016x}.sealed");
        let path = self.folder.join(source.to_string()).join(&name);
        let sealed = fs::read(&path).map_err(|error| OriginalsError::File {
            path: path.clone(),
            source: error,
        })?;
        let packed = self.key.open(context(source, &name).as_bytes(), &sealed)?;
        let plain = lz4_flex::block::decompress_size_prepended(&packed)
            .map_err(|_| OriginalsError::Damaged { path: path.clone() })?;
        unpack(&plain).ok_or(OriginalsError::Damaged { path })
    }

    /// The frames from `first` to `last`, of whatever batches hold them.
    pub fn frames(
        &self,
        source: SourceId,
        first: u64,
        last: u64,
    ) -> Result<Vec<Original>, OriginalsError> {
        let mut frames = Vec::new();
        for (batch_first, batch_last) in self.batches(source)? {
            if batch_first <= last && first <= batch_last {
                let batch = self.batch(source, batch_first, batch_last)?;
                frames.extend(
                    batch
                        .into_iter()
                        .filter(|one| (first..=last).contains(&one.frame)),
                );
            }
        }
        Ok(frames)
    }
}

fn context(source: SourceId, name: &str) -> String {
    format!("invigil originals {source}/{name}")
}

fn range_of(name: &str) -> Option<(u64, u64)> {
    let (first, last) = name.strip_suffix(".sealed")?.split_once('-')?;
    Some((
        u64::from_str_radix(first, 16).ok()?,
        u64::from_str_radix(last, 16).ok()?,
    ))
}

fn unpack(plain: &[u8]) -> Option<Vec<Original>> {
    let (length, rest) = plain.split_first_chunk::<8>()?;
    let (index, mut bytes) =
        rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let mut frames = Vec::with_capacity(index.len() / 24);
    for entry in index.chunks(24) {
        let (frame, entry) = entry.split_first_chunk::<8>()?;
        let (offset, entry) = entry.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*entry.first_chunk::<8>()?)).ok()?;
        let (own, others) = bytes.split_at_checked(length)?;
        bytes = others;
        frames.push(Original {
            frame: u64::from_le_bytes(*frame),
            offset: u64::from_le_bytes(*offset),
            bytes: own.to_vec(),
        });
    }
    Some(frames)
}

/// Writes beside the place, syncs, and moves into it, so that a file is whole or not there.
fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    make_folder(folder)?;
    let partial = path.with_extension("partial");
    let write = || -> io::Result<()> {
        let mut file = fs::File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    if let Err(error) = write() {
        // Half a file takes up room that the disk may just have run out of.
        drop(fs::remove_file(&partial));
        return Err(error);
    }
    fs::File::open(folder)?.sync_all()
}

/// Makes a folder and the folders above it, each of them on the disk in the one that holds it.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let Some(parent) = folder.parent() else {
        return Ok(());
    };
    make_folder(parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    fs::File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were_and_lie_sealed() {
        let data = tempfile::tempdir().unwrap();
        let originals = Originals::open(data.path(), &[1; 32]).unwrap();
        let source = SourceId([9; 16]);
        let mut batch = Batch::default();
        batch.push(1, 0, b"first planted-word\n");
        batch.push(2, 19, b"second\n");
        originals.put(source, &batch).unwrap();
        let mut batch = Batch::default();
        batch.push(3, 26, b"third");
        originals.put(source, &batch).unwrap();

        assert_eq!(originals.batches(source).unwrap(), [(1, 2), (3, 3)]);
        let frames = originals.frames(source, 2, 3).unwrap();
        assert_eq!(
            frames[0],
            Original {
                frame: 2,
                offset: 19,
                bytes: b"second\n".to_vec()
            }
        );
        assert_eq!(frames[1].bytes, b"third");
        let file = fs::read(
            data.path()
                .join("originals")
                .join(source.to_string())
                .join("0000000000000001-0000000000000002.sealed"),
        );
        assert!(!file.unwrap().windows(12).any(|w| w == b"planted-word"));
    }

    #[test]
    fn a_batch_in_another_batches_place_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let originals = Originals::open(data.path(), &[1; 32]).unwrap();
        let source = SourceId([9; 16]);
        let mut batch = Batch::default();
        batch.push(1, 0, b"first\n");
        originals.put(source, &batch).unwrap();
        let folder = data.path().join("originals").join(source.to_string());
        fs::rename(
            folder.join("0000000000000001-0000000000000001.sealed"),
            folder.join("0000000000000002-0000000000000002.sealed"),
        )
        .unwrap();
        assert!(originals.frames(source, 2, 2).is_err());
    }
}
