//! Making a set: a moment is frozen while nobody stores, and copied while everybody does.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use age::x25519::Recipient;
use zeroize::Zeroizing;

use super::set::{
    AnswerDigest, KEYS, MANIFEST, MARK, TableRows, WrappedKeys, Writing, check_room, files_below,
    is_partial, make_folder, name_below, new_file,
};
use super::{BackupError, Manifest, SetKeys};
use crate::keys::KeyRing;
use crate::ledger::{Act, BackedUp, Digest, Head, Ledger};
use crate::record::Timestamp;
use crate::store::backup::{Answer, FrozenPart, schema, thaw};
use crate::store::{LIBRARY_VERSION, Store};

/// What a set is made of.
pub struct Making<'a> {
    /// The data folder.
    pub data: &'a Path,
    /// Its keys.
    pub keys: &'a KeyRing,
    /// The store.
    pub store: &'a Store,
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The configuration file, if there is one.
    pub config: Option<&'a Path>,
    /// For whom the keys are wrapped.
    pub recipients: &'a [Recipient],
    /// An older set, of which what is the same is linked.
    pub base: Option<&'a Path>,
    /// Reads the time.
    pub now: fn() -> Timestamp,
}

/// A set that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// What stands for it in the ledger.
    pub backed_up: BackedUp,
    /// How many of its files are links into the older set.
    pub linked: u64,
}

/// Reads public age keys.
pub fn recipients<T: AsRef<str>>(keys: &[T]) -> Result<Vec<Recipient>, BackupError> {
    let read = |(at, key): (usize, &T)| {
        Recipient::from_str(key.as_ref().trim()).map_err(|_| BackupError::Recipient(at + 1))
    };
    keys.iter().enumerate().map(read).collect()
}

/// What is known of the moment.
struct Moment {
    made: Timestamp,
    head: Head,
    entries: u64,
    parts: Vec<FrozenPart>,
    answers: Vec<Answer>,
    /// Files of the data folder, each with how much of it belongs to the moment.
    files: Vec<(PathBuf, Option<u64>)>,
}

impl Making<'_> {
    /// Makes a set in this folder, which must not be there. The caller keeps files and deletions waiting with
    /// `release`, which is called as soon as the moment is frozen.
    pub fn into_set(
        &self,
        set: &Path,
        release: impl FnOnce(),
        said: &mut dyn FnMut(u64, u64),
    ) -> Result<Made, BackupError> {
        let partial = partial_of(set);
        if is_partial(set) {
            return Err(BackupError::NamedPartial(set.to_owned()));
        }
        if set.exists() {
            return Err(BackupError::Exists(set.to_owned()));
        }
        let keys = SetKeys::of(self.keys)?;
        let base = match self.base {
            Some(base) => Some((base.to_owned(), Manifest::read(base, &keys)?.0)),
            None => None,
        };
        // What an earlier attempt has left is no set, and nobody's.
        match fs::remove_dir_all(&partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(BackupError::file(&partial)(error));
            }
            _ => make_folder(&partial)?,
        }
        let mut writing = Writing {
            folder: partial.clone(),
            keys: &keys,
            files: Vec::new(),
            base,
            linked: 0,
        };
        let moment = self.freeze(&mut writing)?;
        release();
        let made = self.copy(moment, writing, said);
        thaw(self.data)?;
        let made = made?;
        fs::rename(&partial, set).map_err(BackupError::file(set))?;
        sync_parent(set)?;
        let act = Act::BackedUp(made.backed_up.clone());
        self.ledger.append((self.now)(), &act, None)?;
        Ok(made)
    }

    /// Store and ledger of one moment: nothing is between its rows and its entry while it is taken. What waits in the
    /// spool is copied in it, too: it goes from there when it is entered, and is known as entered if it was.
    fn freeze(&self, set: &mut Writing<'_>) -> Result<Moment, BackupError> {
        let _quiet = self.ledger.quiet()?;
        for path in files_below(&self.data.join("spool"))? {
            let name = format!("data/{}", name_below(self.data, &path));
            if path.extension().is_some_and(|end| end == "sealed") {
                match set.add(&name, &path, false, None) {
                    // Entered before, and tidied up just now.
                    Err(BackupError::File { source, .. })
                        if source.kind() == io::ErrorKind::NotFound => {}
                    added => drop(added?),
                }
            }
        }
        let parts = self.store.freeze(self.data)?;
        let answers = self.store.fingerprints()?;
        let (head, entries) = self.ledger.extent()?;
        let mut files = Vec::new();
        for below in ["originals", "lists", "ledger/private"] {
            let found = files_below(&self.data.join(below))?;
            files.extend(found.into_iter().map(|path| (path, None)));
        }
        let names = self.data.join("names.sealed");
        if let Ok(about) = names.metadata() {
            files.push((names, Some(about.len())));
        }
        files.retain(|(path, _)| path.extension().is_none_or(|end| end != "partial"));
        Ok(Moment {
            made: (self.now)(),
            head,
            entries,
            parts,
            answers,
            files,
        })
    }

    fn copy(
        &self,
        moment: Moment,
        mut set: Writing<'_>,
        said: &mut dyn FnMut(u64, u64),
    ) -> Result<Made, BackupError> {
        let mut parts = Vec::new();
        for part in &moment.parts {
            for path in files_below(&part.folder)? {
                let below = name_below(&part.folder, &path);
                parts.push((format!("parts/{}/{}/{below}", part.table, part.name), path));
            }
        }
        let size = |path: &Path| path.metadata().map_or(0, |about| about.len());
        let total: u64 = parts.iter().map(|(_, path)| size(path)).sum::<u64>()
            + moment.files.iter().map(|(path, _)| size(path)).sum::<u64>()
            + moment.entries;
        check_room(&set.folder, total)?;
        let mut done = 0;
        for (name, path) in parts {
            done += set.add(&name, &path, false, None)?;
            said(done, total);
        }
        for (path, first) in &moment.files {
            let name = format!("data/{}", name_below(self.data, path));
            // Lists lie in clear in the data folder; all else there is sealed already.
            let in_clear = name.starts_with("data/lists/");
            done += set.add(&name, path, in_clear, *first)?;
            said(done, total);
        }
        let entries = self.data.join("ledger/entries.jsonl");
        if entries.exists() {
            set.add(
                "data/ledger/entries.jsonl",
                &entries,
                true,
                Some(moment.entries),
            )?;
        }
        set.write("data/ledger/head", &mut moment.head.note.as_bytes(), true)?;
        set.write("data/id", &mut self.keys.id().as_bytes(), false)?;
        if let Some(config) = self.config.filter(|path| path.exists()) {
            set.add("config/invigil.toml", config, true, None)?;
        }
        set.write(KEYS, &mut self.wrapped_keys()?.as_slice(), false)?;
        said(total, total);
        self.seal(moment, set)
    }

    /// Writes manifest and mark: from here on it is a set.
    fn seal(&self, moment: Moment, set: Writing<'_>) -> Result<Made, BackupError> {
        let manifest = Manifest {
            version: 1,
            made: moment.made.to_string(),
            data_id: self.keys.id().to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            engine_version: LIBRARY_VERSION.to_owned(),
            schema: schema().into_iter().map(str::to_owned).collect(),
            ledger_size: moment.head.size,
            ledger_root: moment.head.root,
            ledger_head: moment.head.note,
            tables: by_table(&moment.parts),
            answers: digests(&moment.answers),
            files: set.files,
        };
        let bytes = serde_json::to_vec_pretty(&manifest).map_err(|_| BackupError::Manifest)?;
        let mark = set.keys.mark(&bytes);
        for (name, text) in [(MANIFEST, bytes.as_slice()), (MARK, mark.as_bytes())] {
            let path = set.folder.join(name);
            let mut file = new_file(&path)?;
            file.write_all(text)
                .and_then(|()| file.sync_all())
                .map_err(BackupError::file(&path))?;
        }
        Ok(Made {
            backed_up: BackedUp {
                manifest: Digest::of(&[&bytes]),
                size: manifest.ledger_size,
                root: manifest.ledger_root,
                files: manifest.files.len() as u64,
                bytes: manifest.bytes(),
                rows: manifest.rows(),
                tool_version: manifest.tool_version,
            },
            linked: set.linked,
        })
    }

    /// All keys of the data folder, for the recipients alone.
    fn wrapped_keys(&self) -> Result<Vec<u8>, BackupError> {
        let mut files = Vec::new();
        for path in files_below(self.keys.folder())? {
            let text = fs::read_to_string(&path).map_err(BackupError::file(&path))?;
            let name = name_below(self.keys.folder(), &path);
            files.push((name, text));
        }
        let wrapped = WrappedKeys {
            data_id: self.keys.id().to_owned(),
            files,
        };
        let plain = serde_json::to_vec(&wrapped).map_err(|_| BackupError::Manifest)?;
        let plain = Zeroizing::new(plain);
        let to = self.recipients.iter().map(|one| one as &dyn age::Recipient);
        let encryptor =
            age::Encryptor::with_recipients(to).map_err(|_| BackupError::Recipient(1))?;
        let mut sealed = Vec::new();
        let write = || -> io::Result<()> {
            let mut writer = encryptor.wrap_output(&mut sealed)?;
            writer.write_all(&plain)?;
            writer.finish().map(drop)
        };
        write().map_err(BackupError::file(Path::new(KEYS)))?;
        Ok(sealed)
    }
}

/// Where a set lies while it is made.
pub(super) fn partial_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

pub(super) fn sync_parent(path: &Path) -> Result<(), BackupError> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    fs::File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(BackupError::file(parent))
}

/// The digests of answers, each over its lines in order: an answer is a set of rows.
pub(super) fn digests(answers: &[Answer]) -> Vec<AnswerDigest> {
    let digest = |answer: &Answer| {
        let mut lines: Vec<&[u8]> = answer.bytes.split(|byte| *byte == b'\n').collect();
        lines.sort_unstable();
        AnswerDigest {
            question: answer.question.clone(),
            digest: Digest::of(&[&lines.join(&b"\n"[..])]),
        }
    };
    answers.iter().map(digest).collect()
}

fn by_table(parts: &[FrozenPart]) -> Vec<TableRows> {
    let mut tables: Vec<TableRows> = Vec::new();
    for part in parts {
        match tables.last_mut().filter(|last| last.table == part.table) {
            Some(last) => {
                last.rows += part.rows;
                last.parts.push(part.name.clone());
            }
            None => tables.push(TableRows {
                table: part.table.clone(),
                rows: part.rows,
                parts: vec![part.name.clone()],
            }),
        }
    }
    tables
}
