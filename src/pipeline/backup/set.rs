//! A set: its manifest, and the way of a file into it and out of it, with its digest.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use ring::hmac;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::BackupError;
use crate::keys::{KeyRing, Purpose};
use crate::ledger::Digest;
use crate::store::sealed::SealKey;
use crate::store::sealed_stream;

/// What a set says of itself. It names files, counts and digests, and nothing of what they hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form of the set.
    pub version: u32,
    /// The moment that it is of.
    pub made: String,
    /// The id of the data folder.
    pub data_id: String,
    /// The version of the program.
    pub tool_version: String,
    /// The version of the engine.
    pub engine_version: String,
    /// The files of the schema.
    pub schema: Vec<String>,
    /// How many entries the ledger has.
    pub ledger_size: u64,
    /// The ledger's root.
    pub ledger_root: Digest,
    /// The ledger's signed head.
    pub ledger_head: String,
    /// Rows by table, as they lie in the parts.
    pub tables: Vec<TableRows>,
    /// What the store answered at that moment.
    pub answers: Vec<AnswerDigest>,
    /// All files but the manifest and its mark.
    pub files: Vec<SetFile>,
}

/// A table of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRows {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// Its parts.
    pub parts: Vec<String>,
}

/// A question and the digest of its answer's lines in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerDigest {
    /// What was asked.
    pub question: String,
    /// What was answered.
    pub digest: Digest,
}

/// A file of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetFile {
    /// Where it lies below the set.
    pub path: String,
    /// Its bytes in the set.
    pub bytes: u64,
    /// Their digest.
    pub digest: Digest,
    /// Whether it was sealed for the set; else it was encrypted before, or says nothing.
    pub sealed: bool,
}

/// The keys of a set.
pub struct SetKeys {
    pub(super) seal: SealKey,
    mark: hmac::Key,
}

/// The file of the manifest, that of its mark, that of the keys.
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const MARK: &str = "manifest.mark";
pub(super) const KEYS: &str = "keys.age";

impl SetKeys {
    /// Those of a data folder.
    pub fn of(ring: &KeyRing) -> Result<SetKeys, BackupError> {
        let mark = ring.key(Purpose::BackupManifest);
        Ok(SetKeys {
            seal: SealKey::new(&ring.key(Purpose::Backup))?,
            mark: hmac::Key::new(hmac::HMAC_SHA256, mark.as_slice()),
        })
    }

    pub(super) fn mark(&self, manifest: &[u8]) -> String {
        let tag = hmac::sign(&self.mark, manifest);
        tag.as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Whether a folder has the name of one that is being made, or was broken off.
pub(super) fn is_partial(set: &Path) -> bool {
    set.extension().is_some_and(|end| end == "partial")
}

impl Manifest {
    /// Reads the manifest of a set and checks its mark.
    pub fn read(set: &Path, keys: &SetKeys) -> Result<(Manifest, Digest), BackupError> {
        // Whole or not: what has not got its name was never said to be a set.
        if is_partial(set) {
            return Err(BackupError::NoSet(set.to_owned()));
        }
        let path = set.join(MANIFEST);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BackupError::NoSet(set.to_owned()));
            }
            Err(source) => return Err(BackupError::File { path, source }),
        };
        let mark = fs::read_to_string(set.join(MARK)).map_err(|_| BackupError::Manifest)?;
        if keys.mark(&bytes) != mark.trim() {
            return Err(BackupError::Manifest);
        }
        let manifest = serde_json::from_slice(&bytes).map_err(|_| BackupError::Manifest)?;
        Ok((manifest, Digest::of(&[&bytes])))
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// Checks that all files are there and as they were, and that there are no others. `said` is told of bytes read.
    pub fn check_files(
        &self,
        set: &Path,
        said: &mut dyn FnMut(u64),
    ) -> Result<Vec<BackupError>, BackupError> {
        let mut problems = Vec::new();
        for file in &self.files {
            if let Err(problem) = file.copy_out(set, &mut io::sink(), None) {
                problems.push(problem);
            }
            said(file.bytes);
        }
        for path in files_below(set)? {
            let name = name_below(set, &path);
            let is_known =
                name == MANIFEST || name == MARK || self.files.iter().any(|file| file.path == name);
            if !is_known {
                problems.push(BackupError::Damaged {
                    file: name,
                    problem: "is in no manifest",
                });
            }
        }
        Ok(problems)
    }
}

impl SetFile {
    /// Passes the file on, opened if it was sealed for the set, and fails if it is not as it was.
    pub(super) fn copy_out(
        &self,
        set: &Path,
        to: &mut dyn Write,
        keys: Option<&SetKeys>,
    ) -> Result<(), BackupError> {
        let path = set.join(&self.path);
        let damaged = |problem| BackupError::Damaged {
            file: self.path.clone(),
            problem,
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged("is missing"));
            }
            Err(source) => return Err(BackupError::File { path, source }),
        };
        let mut from = Hashing::of(file);
        let opened = match keys.filter(|_| self.sealed) {
            Some(keys) => sealed_stream::open(&keys.seal, &self.path, &mut from, to).err(),
            None => {
                io::copy(&mut from, to).map_err(BackupError::file(&path))?;
                None
            }
        };
        // What a failed opening has left unread counts too, so that the digest is judged first.
        io::copy(&mut from, &mut io::sink()).map_err(BackupError::file(&path))?;
        let (bytes, digest) = from.end();
        if bytes != self.bytes || digest != self.digest {
            return Err(damaged("was changed"));
        }
        match opened {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}

/// A set while it is made.
pub(super) struct Writing<'a> {
    pub(super) folder: PathBuf,
    pub(super) keys: &'a SetKeys,
    pub(super) files: Vec<SetFile>,
    /// An older set, whose files that are the same are linked and not copied.
    pub(super) base: Option<(PathBuf, Manifest)>,
    pub(super) linked: u64,
}

impl Writing<'_> {
    /// Takes a file in. Of one that grows only the first bytes may be wanted.
    pub(super) fn add(
        &mut self,
        name: &str,
        from: &Path,
        sealed: bool,
        first: Option<u64>,
    ) -> Result<u64, BackupError> {
        let file = File::open(from).map_err(BackupError::file(from))?;
        if !sealed && first.is_none() && self.link(name, &file, from)? {
            return Ok(self.files.last().map_or(0, |file| file.bytes));
        }
        self.write(name, &mut file.take(first.unwrap_or(u64::MAX)), sealed)
    }

    /// Takes bytes in.
    pub(super) fn write(
        &mut self,
        name: &str,
        from: &mut dyn Read,
        sealed: bool,
    ) -> Result<u64, BackupError> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            make_folder(parent)?;
        }
        let mut to = Hashing::of(new_file(&path)?);
        match sealed {
            true => sealed_stream::seal(&self.keys.seal, name, from, &mut to)?,
            false => drop(io::copy(from, &mut to).map_err(BackupError::file(&path))?),
        }
        to.inner.sync_all().map_err(BackupError::file(&path))?;
        let (bytes, digest) = to.end();
        self.files.push(SetFile {
            path: name.to_owned(),
            bytes,
            digest,
            sealed,
        });
        Ok(bytes)
    }

    /// Links a file of the older set in, if it is the same: parts and originals never change under their names.
    fn link(&mut self, name: &str, file: &File, from: &Path) -> Result<bool, BackupError> {
        let never_changes = name.starts_with("parts/") || name.starts_with("data/originals/");
        let Some((base, manifest)) = self.base.as_ref().filter(|_| never_changes) else {
            return Ok(false);
        };
        let length = file.metadata().map_err(BackupError::file(from))?.len();
        let same = |known: &&SetFile| known.path == name && known.bytes == length;
        let Some(known) = manifest.files.iter().find(same) else {
            return Ok(false);
        };
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            make_folder(parent)?;
        }
        // On another file system it is copied.
        if fs::hard_link(base.join(name), &path).is_err() {
            return Ok(false);
        }
        self.files.push(known.clone());
        self.linked += 1;
        Ok(true)
    }
}

/// Hashes and counts what passes.
struct Hashing<T> {
    inner: T,
    context: Context,
    bytes: u64,
}

impl<T> Hashing<T> {
    fn of(inner: T) -> Self {
        Hashing {
            inner,
            context: Context::new(&SHA256),
            bytes: 0,
        }
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    fn end(self) -> (u64, Digest) {
        (self.bytes, Digest::finish(self.context))
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.pass(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.pass(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A file that only its owner may read, and that was not there.
pub(super) fn new_file(path: &Path) -> Result<File, BackupError> {
    let mut options = fs::OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    options.open(path).map_err(BackupError::file(path))
}

pub(super) fn make_folder(path: &Path) -> Result<(), BackupError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(BackupError::file(path))
}

/// All plain files below a folder, in order; none if it is not there.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => {
                return Err(BackupError::File {
                    path: folder,
                    source,
                });
            }
        };
        for entry in entries {
            let entry = entry.map_err(BackupError::file(&folder))?;
            let kind = entry.file_type().map_err(BackupError::file(&folder))?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The name of a path below a folder.
pub(super) fn name_below(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    below.to_string_lossy().into_owned()
}

/// Refuses where there is less room than is needed, with some to spare.
pub(super) fn check_room(path: &Path, needed: u64) -> Result<(), BackupError> {
    let stat = rustix::fs::statvfs(path)
        .map_err(|error| BackupError::file(path)(io::Error::from(error)))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let needed = needed + needed / 20 + SPARE;
    match free < needed {
        true => Err(BackupError::NoRoom {
            path: path.to_owned(),
            needed,
            free,
        }),
        false => Ok(()),
    }
}

/// Room for what is small and many.
const SPARE: u64 = 32 << 20;

/// The keys of a data folder as they are wrapped.
#[derive(Serialize, Deserialize)]
pub(super) struct WrappedKeys {
    pub(super) data_id: String,
    /// Each file of the folder of keys, by its name.
    pub(super) files: Vec<(String, String)>,
}

impl Drop for WrappedKeys {
    fn drop(&mut self) {
        self.files.iter_mut().for_each(|(_, text)| text.zeroize());
    }
}
