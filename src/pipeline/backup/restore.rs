//! Restoring a set into a data folder of its own, and proving that it is what was backed up.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use age::x25519::Identity;
use zeroize::Zeroizing;

use super::make::{digests, partial_of, sync_parent};
use super::set::{KEYS, WrappedKeys, check_room, make_folder, new_file};
use super::{BackupError, Manifest, SetKeys};
use crate::keys::{KeyRing, Purpose};
use crate::ledger::{Act, BackedUp, Digest, Ledger, LedgerKeys, Verified};
use crate::record::{EVENT_TABLES, Timestamp};
use crate::store::backup::{month_of, schema};
use crate::store::{Store, StoreSettings};

/// What opens a set.
pub enum Unlock<'a> {
    /// The identity for which its keys were wrapped: the text of an age identity file.
    Identity(&'a str),
    /// The keys of the data folder that it is of, where they are at hand.
    Keys(&'a KeyRing),
}

/// Where a set is restored to.
pub struct Restoring<'a> {
    /// The set.
    pub set: &'a Path,
    /// What opens it.
    pub unlock: Unlock<'a>,
    /// The data folder that is made.
    pub into: &'a Path,
    /// The folder of keys; those of the set are put there, but never over others.
    pub keys: &'a Path,
    /// The engine's library.
    pub engine: &'a Path,
    /// Reads the time.
    pub now: fn() -> Timestamp,
}

/// What was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What the set says of itself.
    pub manifest: Manifest,
    /// The digest of that.
    pub digest: Digest,
    /// The ledger, checked.
    pub ledger: Verified,
    /// How many questions were answered as they were then.
    pub answers: u64,
}

impl Restoring<'_> {
    /// Restores and proves. The data folder takes its name last of all.
    pub fn run(&self, said: &mut dyn FnMut(u64, u64)) -> Result<Restored, BackupError> {
        if !is_free(self.into)? {
            return Err(BackupError::Exists(self.into.to_owned()));
        }
        let partial = partial_of(self.into);
        match fs::remove_dir_all(&partial) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(BackupError::file(&partial)(error));
            }
            _ => make_folder(&partial)?,
        }
        let wrapped = self.unlocked()?;
        let ring = self.key_ring(&wrapped, &partial)?;
        let keys = SetKeys::of(&ring)?;
        let (manifest, digest) = Manifest::read(self.set, &keys)?;
        if manifest.schema != schema() {
            return Err(BackupError::OtherSchema {
                made_by: manifest.tool_version,
            });
        }
        check_room(&partial, manifest.bytes())?;
        if let Some(problem) = manifest
            .check_files(self.set, &mut |_| {})?
            .into_iter()
            .next()
        {
            return Err(problem);
        }
        self.papers(&manifest, &keys, &partial)?;
        let store = self.store(&ring, &partial)?;
        self.parts(&manifest, &store, said)?;
        let answers = compare(&manifest, &store)?;
        drop(store);
        let ledger = self.ledger(&manifest, digest, &ring, &partial)?;
        if self.into.exists() {
            fs::remove_dir(self.into).map_err(BackupError::file(self.into))?;
        }
        fs::rename(&partial, self.into).map_err(BackupError::file(self.into))?;
        sync_parent(self.into)?;
        Ok(Restored {
            manifest,
            digest,
            ledger,
            answers,
        })
    }

    fn unlocked(&self) -> Result<Option<WrappedKeys>, BackupError> {
        let Unlock::Identity(text) = &self.unlock else {
            return Ok(None);
        };
        let identities: Vec<Identity> = text
            .lines()
            .filter_map(|line| Identity::from_str(line.trim()).ok())
            .collect();
        let path = self.set.join(KEYS);
        if !path.exists() {
            return Err(BackupError::Damaged {
                file: KEYS.to_owned(),
                problem: "is missing",
            });
        }
        let sealed = fs::read(&path).map_err(BackupError::file(&path))?;
        let damaged = || BackupError::Damaged {
            file: KEYS.to_owned(),
            problem: "was changed",
        };
        let decryptor = age::Decryptor::new(sealed.as_slice()).map_err(|_| damaged())?;
        let mut plain = Zeroizing::new(Vec::new());
        decryptor
            .decrypt(identities.iter().map(|one| one as &dyn age::Identity))
            .map_err(|_| BackupError::Identity)?
            .read_to_end(&mut plain)
            .map_err(|_| damaged())?;
        let keys: WrappedKeys = serde_json::from_slice(&plain).map_err(|_| damaged())?;
        let is_name = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
                && !text.starts_with('.')
        };
        let sound = is_name(&keys.data_id) && keys.files.iter().all(|(name, _)| is_name(name));
        sound.then_some(Some(keys)).ok_or_else(damaged)
    }

    /// Puts the keys in their place, and opens them for the new folder.
    fn key_ring(&self, wrapped: &Option<WrappedKeys>, data: &Path) -> Result<KeyRing, BackupError> {
        let id = match (&self.unlock, wrapped) {
            (Unlock::Keys(ring), _) => ring.id().to_owned(),
            (_, Some(wrapped)) => wrapped.data_id.clone(),
            _ => return Err(BackupError::Identity),
        };
        let folder = self.keys.join(&id);
        make_folder(&folder)?;
        let files = match (&self.unlock, wrapped) {
            (Unlock::Keys(ring), _) => read_keys(ring.folder())?,
            (_, Some(wrapped)) => wrapped
                .files
                .iter()
                .map(|(name, text)| (name.clone(), Zeroizing::new(text.clone())))
                .collect(),
            _ => Vec::new(),
        };
        for (name, text) in files {
            let path = folder.join(name);
            match fs::read_to_string(&path).map(Zeroizing::new) {
                Ok(there) if *there == *text => {}
                Ok(_) => return Err(BackupError::OtherKeys(path)),
                Err(_) => {
                    let mut file = new_file(&path)?;
                    std::io::Write::write_all(&mut file, text.as_bytes())
                        .and_then(|()| file.sync_all())
                        .map_err(BackupError::file(&path))?;
                }
            }
        }
        let id_file = data.join("id");
        fs::write(&id_file, &id).map_err(BackupError::file(&id_file))?;
        Ok(KeyRing::open(self.keys, data)?)
    }

    /// All that lies beside the store.
    fn papers(&self, manifest: &Manifest, keys: &SetKeys, data: &Path) -> Result<(), BackupError> {
        for file in &manifest.files {
            let to = match file.path.split_once('/') {
                Some(("data", "id")) => continue,
                Some(("data", below)) => data.join(checked(below, &file.path)?),
                // Laid beside the data: whether it is to be used is for a person to say.
                Some(("config", "invigil.toml")) => data.join("invigil.toml.restored"),
                _ => continue,
            };
            if let Some(parent) = to.parent() {
                make_folder(parent)?;
            }
            let mut out = new_file(&to)?;
            file.copy_out(self.set, &mut out, Some(keys))?;
            out.sync_all().map_err(BackupError::file(&to))?;
        }
        Ok(())
    }

    fn store(&self, ring: &KeyRing, data: &Path) -> Result<Store, BackupError> {
        let key = ring.key(Purpose::Store);
        let settings = StoreSettings::embedded(data, self.engine, key, (self.now)());
        Ok(Store::open(&settings)?)
    }

    /// Lays the parts down where their tables look for them, and has them taken up.
    fn parts(
        &self,
        manifest: &Manifest,
        store: &Store,
        said: &mut dyn FnMut(u64, u64),
    ) -> Result<(), BackupError> {
        let (mut done, total) = (0, manifest.bytes());
        for table in &manifest.tables {
            let ready = store.ready_folder(&table.table)?;
            let below = format!("parts/{}/", table.table);
            for file in &manifest.files {
                let Some(name) = file.path.strip_prefix(&below) else {
                    continue;
                };
                let to = ready.join(checked(name, &file.path)?);
                if let Some(parent) = to.parent() {
                    make_folder(parent)?;
                }
                let mut out = new_file(&to)?;
                file.copy_out(self.set, &mut out, None)?;
                out.sync_all().map_err(BackupError::file(&to))?;
                done += file.bytes;
                said(done, total);
            }
            let months: BTreeSet<&str> = table.parts.iter().map(|part| month_of(part)).collect();
            for month in months {
                store.attach(&table.table, month)?;
            }
        }
        Ok(())
    }

    /// Checks the ledger, and enters in it that it was restored.
    fn ledger(
        &self,
        manifest: &Manifest,
        digest: Digest,
        ring: &KeyRing,
        data: &Path,
    ) -> Result<Verified, BackupError> {
        let keys = LedgerKeys {
            signing: *ring.key(Purpose::LedgerSigning),
            records: *ring.key(Purpose::LedgerRecords),
        };
        let origin = manifest.ledger_head.lines().next().unwrap_or_default();
        let ledger = Ledger::open(&data.join("ledger"), &keys, origin)?;
        let verified = ledger.verify()?;
        if (verified.entries, verified.root) != (manifest.ledger_size, manifest.ledger_root) {
            return Err(BackupError::Differs(
                "the ledger has another head".to_owned(),
            ));
        }
        let act = Act::Restored(BackedUp {
            manifest: digest,
            size: manifest.ledger_size,
            root: manifest.ledger_root,
            files: manifest.files.len() as u64,
            bytes: manifest.bytes(),
            rows: manifest.rows(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        });
        ledger.append((self.now)(), &act, None)?;
        Ok(verified)
    }
}

/// Rows by table, and the answers of then. Tables that replace rows may have done so since: their answers tell.
fn compare(manifest: &Manifest, store: &Store) -> Result<u64, BackupError> {
    let found = store.rows_by_table()?;
    for (table, rows) in &found {
        let then = manifest.tables.iter().find(|one| one.table == *table);
        let then = then.map_or(0, |one| one.rows);
        let exact = EVENT_TABLES.iter().any(|one| one.name == table);
        if *rows > then || (exact && *rows != then) || (then > 0 && *rows == 0) {
            return Err(BackupError::Differs(format!(
                "{table} has {rows} rows and had {then}"
            )));
        }
    }
    if let Some(missing) = manifest
        .tables
        .iter()
        .find(|one| !found.iter().any(|(table, _)| *table == one.table))
    {
        return Err(BackupError::Differs(format!(
            "{} is not there",
            missing.table
        )));
    }
    let now = digests(&store.fingerprints()?);
    for (then, now) in manifest.answers.iter().zip(&now) {
        if then != now {
            return Err(BackupError::Differs(format!(
                "{} is answered otherwise",
                then.question
            )));
        }
    }
    if manifest.answers.len() != now.len() {
        return Err(BackupError::Differs("the questions are others".to_owned()));
    }
    Ok(now.len() as u64)
}

/// A path of a set, if it stays below where it is put.
fn checked<'p>(below: &'p str, file: &str) -> Result<&'p Path, BackupError> {
    let path = Path::new(below);
    let plain = |part: std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
    path.components()
        .all(plain)
        .then_some(path)
        .ok_or_else(|| BackupError::Damaged {
            file: file.to_owned(),
            problem: "has a name that leads elsewhere",
        })
}

fn read_keys(folder: &Path) -> Result<Vec<(String, Zeroizing<String>)>, BackupError> {
    let mut files = Vec::new();
    for path in super::set::files_below(folder)? {
        let text = fs::read_to_string(&path).map_err(BackupError::file(&path))?;
        files.push((super::set::name_below(folder, &path), Zeroizing::new(text)));
    }
    Ok(files)
}

/// Whether there is nothing, or an empty folder.
fn is_free(path: &Path) -> Result<bool, BackupError> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(BackupError::File {
            path: PathBuf::from(path),
            source,
        }),
    }
}
