//! Tokens of accounts, and the sealed table from tokens back to names.
//!
//! A token is the first 16 bytes of HMAC-SHA-256 (RFC 2104) over the name without case, so the same person
//! has the same token in every log; names that no person bears are marked in it. The table lies apart from the store; who reads it answers to the ledger.

mod at_hand;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use foldhash::fast::RandomState;
use hashbrown::HashSet;
use ring::hmac;

use at_hand::AtHand;

use super::sealed::{SealError, SealKey};
use crate::record::{AccountText, AccountToken, Realms, Tokens};

/// Makes tokens, and remembers the names that are new to the table.
pub struct Names {
    token_key: hmac::Key,
    seal_key: SealKey,
    /// Which realms mean the same.
    realms: Realms,
    file: PathBuf,
    /// By the name as it is written.
    made: AtHand,
    /// Those in the table, and those that are on their way into it.
    known: HashSet<AccountToken, RandomState>,
    /// On their way into the table.
    fresh: Vec<(AccountToken, String)>,
    /// While a program knows which names are in the table, none is forgotten: it would not write them again.
    _in_use: fs::File,
}

/// The table of names can not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NamesError {
    /// The file can not be used.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A piece of the table was changed.
    #[error("the table of names {path} was changed at byte {offset}")]
    Changed {
        /// Which.
        path: PathBuf,
        /// Where.
        offset: u64,
    },
    /// A piece could not be sealed.
    #[error("the table of names could not be sealed")]
    Seal(#[from] SealError),
}

/// How many names are kept at hand while a log is read; beyond it the memory starts anew. About 100 bytes each.
const NAMES_AT_HAND: usize = 1_000_000;

const CONTEXT: &[u8] = b"invigil names";

impl Names {
    /// The names of a data folder.
    pub fn open(
        data: &Path,
        token_key: &[u8; 32],
        seal_key: &[u8; 32],
    ) -> Result<Self, NamesError> {
        let mut names = Names {
            _in_use: in_use(data)?,
            token_key: hmac::Key::new(hmac::HMAC_SHA256, token_key),
            seal_key: SealKey::new(seal_key)?,
            realms: Realms::default(),
            file: data.join("names.sealed"),
            made: AtHand::default(),
            known: HashSet::default(),
            fresh: Vec::new(),
        };
        names.known = names.table()?.into_keys().collect();
        Ok(names)
    }

    /// The same, with realms that mean the same.
    #[must_use]
    pub fn with_realms(self, realms: Realms) -> Self {
        Names { realms, ..self }
    }

    /// Writes the names that are new and returns when they are on the disk.
    pub fn keep(&mut self) -> Result<(), NamesError> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        self.fresh.sort_unstable();
        let names = self.fresh.iter().map(|(token, name)| (token, name));
        let sealed = self.seal_key.seal(CONTEXT, &piece_of(names))?;
        self.append(&sealed).map_err(|source| NamesError::File {
            path: self.file.clone(),
            source,
        })?;
        self.fresh.clear();
        Ok(())
    }

    /// The name behind a token. The caller has written the reason into the ledger.
    pub fn name(&self, token: AccountToken) -> Result<Option<String>, NamesError> {
        Ok(self.table()?.remove(&token))
    }

    /// Forgets the names of all accounts but these, and says how many went; nothing if another program has the table
    /// in use. The table takes its new place as a whole.
    pub fn forget(
        data: &Path,
        seal_key: &[u8; 32],
        keep: &BTreeSet<AccountToken>,
        is_trial: bool,
    ) -> Result<Option<u64>, NamesError> {
        let lock = lock_file(data)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(source)) => {
                let path = data.join(LOCK);
                return Err(NamesError::File { path, source });
            }
        }
        let file = data.join("names.sealed");
        let seal_key = SealKey::new(seal_key)?;
        let all = table_of(&file, &seal_key)?;
        let known = all.len();
        let kept: BTreeMap<AccountToken, String> = all
            .into_iter()
            .filter(|(token, _)| keep.contains(token))
            .collect();
        let gone = u64::try_from(known - kept.len()).unwrap_or(u64::MAX);
        if gone > 0 && !is_trial {
            let sealed = seal_key.seal(CONTEXT, &piece_of(&kept))?;
            let write = || {
                let beside = file.with_extension("new");
                let mut fresh = fs::File::create(&beside)?;
                fresh.write_all(&(sealed.len() as u64).to_le_bytes())?;
                fresh.write_all(&sealed)?;
                fresh.sync_all()?;
                fs::rename(&beside, &file)?;
                fs::File::open(data)?.sync_all()
            };
            write().map_err(|source| NamesError::File {
                path: file.clone(),
                source,
            })?;
        }
        Ok(Some(gone))
    }

    /// Adds a piece after the last whole one. The lock keeps two programs from writing at once; what a
    /// crash left behind the last whole piece is cut off first, or it would hide all that follows.
    fn append(&self, sealed: &[u8]) -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&self.file)?;
        file.lock()?;
        let whole = whole_pieces(&mut file)?;
        file.set_len(whole)?;
        file.seek(io::SeekFrom::Start(whole))?;
        let mut piece = (sealed.len() as u64).to_le_bytes().to_vec();
        piece.extend_from_slice(sealed);
        file.write_all(&piece)?;
        file.sync_all()
    }

    /// The whole table. A last piece that was cut short by a crash holds names of a batch that was not
    /// acknowledged: it is passed over, and its batch brings them again.
    fn table(&self) -> Result<BTreeMap<AccountToken, String>, NamesError> {
        table_of(&self.file, &self.seal_key)
    }
}

impl Tokens for Names {
    fn token(&mut self, account: &AccountText) -> AccountToken {
        if let Some(token) = self.made.get(account.reveal()) {
            return token;
        }
        let name = self.realms.normal(account);
        let tag = hmac::sign(&self.token_key, name.as_bytes());
        let mut hash = [0; 16];
        for (to, from) in hash.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        let token = AccountToken::of(account, hash);
        if self.known.insert(token) {
            self.fresh.push((token, name));
        }
        if self.made.len() >= NAMES_AT_HAND {
            self.made.clear();
        }
        self.made.insert(account.reveal(), token);
        token
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Names")
            .field("known", &self.known.len())
            .finish_non_exhaustive()
    }
}

fn table_of(file: &Path, seal_key: &SealKey) -> Result<BTreeMap<AccountToken, String>, NamesError> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => {
            return Err(NamesError::File {
                path: file.to_owned(),
                source,
            });
        }
    };
    let mut table = BTreeMap::new();
    let mut rest = bytes.as_slice();
    while let Some((sealed, after)) = split_piece(rest) {
        let plain = seal_key
            .open(CONTEXT, sealed)
            .map_err(|_| NamesError::Changed {
                path: file.to_owned(),
                offset: (bytes.len() - rest.len()) as u64,
            })?;
        read_piece(&plain, &mut table);
        rest = after;
    }
    Ok(table)
}

/// The names of these tokens as they stand in a piece.
fn piece_of<'n>(names: impl IntoIterator<Item = (&'n AccountToken, &'n String)>) -> Vec<u8> {
    let mut plain = Vec::new();
    for (token, name) in names {
        plain.extend_from_slice(&token.0);
        plain.extend_from_slice(&u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes());
        plain.extend_from_slice(name.as_bytes());
    }
    plain
}

fn lock_file(data: &Path) -> Result<fs::File, NamesError> {
    let path = data.join(LOCK);
    let mut options = fs::OpenOptions::new();
    let opened = options.create(true).truncate(false).write(true).open(&path);
    opened.map_err(|source| NamesError::File { path, source })
}

/// Held for as long as a program has the table in use.
fn in_use(data: &Path) -> Result<fs::File, NamesError> {
    let file = lock_file(data)?;
    file.lock_shared().map_err(|source| NamesError::File {
        path: data.join(LOCK),
        source,
    })?;
    Ok(file)
}

const LOCK: &str = "names.lock";

/// How many bytes of the table are whole pieces. What is in them is not read: that would cost more with each batch.
fn whole_pieces(file: &mut fs::File) -> io::Result<u64> {
    let end = file.metadata()?.len();
    let mut whole = 0u64;
    while end - whole >= 8 {
        let mut length = [0; 8];
        file.seek(io::SeekFrom::Start(whole))?;
        file.read_exact(&mut length)?;
        match u64::from_le_bytes(length).checked_add(whole + 8) {
            Some(after) if after <= end => whole = after,
            _ => break,
        }
    }
    Ok(whole)
}

/// The first whole piece and what follows it.
fn split_piece(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, after) = bytes.split_first_chunk::<8>()?;
    after.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}

fn read_piece(mut plain: &[u8], table: &mut BTreeMap<AccountToken, String>) {
    while let Some((token, rest)) = plain.split_first_chunk::<16>() {
        let Some((length, rest)) = rest.split_first_chunk::<4>() else {
            return;
        };
        let Some((name, rest)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize) else {
            return;
        };
        table.insert(
            AccountToken(*token),
            String::from_utf8_lossy(name).into_owned(),
        );
        plain = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> AccountText {
        AccountText::new(name).unwrap()
    }

    #[test]
    fn a_token_leads_back_to_its_name_and_the_file_does_not_show_it() {
        let data = tempfile::tempdir().unwrap();
        let mut names = Names::open(data.path(), &[1; 32], &[2; 32]).unwrap();
        let token = names.token(&account("J.Bloggs"));
        assert_eq!(token, names.token(&account("j.bloggs ")));
        names.keep().unwrap();
        names.token(&account("a.other"));
        names.keep().unwrap();

        let names = Names::open(data.path(), &[1; 32], &[2; 32]).unwrap();
        assert_eq!(names.name(token).unwrap().as_deref(), Some("j.bloggs"));
        assert_eq!(names.name(AccountToken([0; 16])).unwrap(), None);
        let file = fs::read(data.path().join("names.sealed")).unwrap();
        assert!(!file.windows(6).any(|w| w.eq_ignore_ascii_case(b"bloggs")));
    }

    #[test]
    fn a_name_is_written_once_and_again_only_if_it_did_not_arrive() {
        let data = tempfile::tempdir().unwrap();
        let mut names = Names::open(data.path(), &[1; 32], &[2; 32]).unwrap();
        names.token(&account("b.first"));
        names.token(&account("B.First"));
        names.token(&account("a.second"));
        let table = data.path().join("names.sealed");
        fs::create_dir(&table).unwrap();
        assert!(names.keep().is_err(), "a folder is no table");
        fs::remove_dir(&table).unwrap();
        names.keep().unwrap();
        let written = fs::metadata(&table).unwrap().len();
        names.token(&account("b.FIRST"));
        names.keep().unwrap();
        assert_eq!(fs::metadata(&table).unwrap().len(), written);
        let all: Vec<String> = names.table().unwrap().into_values().collect();
        assert_eq!(all.len(), 2);
        assert!(all.contains(&"a.second".to_owned()) && all.contains(&"b.first".to_owned()));
    }

    #[test]
    fn another_key_makes_other_tokens() {
        let data = tempfile::tempdir().unwrap();
        let mut one = Names::open(data.path(), &[1; 32], &[2; 32]).unwrap();
        let mut two = Names::open(data.path(), &[3; 32], &[2; 32]).unwrap();
        assert_ne!(one.token(&account("a")), two.token(&account("a")));
    }

    #[test]
    fn a_piece_cut_short_by_a_crash_is_passed_over() {
        let data = tempfile::tempdir().unwrap();
        let mut names = Names::open(data.path(), &[1; 32], &[2; 32]).unwrap();
        let token = names.token(&account("first"));
        names.keep().unwrap();
        let whole = fs::read(data.path().join("names.sealed")).unwrap();
        let mut torn = whole.clone();
        torn.extend_from_slice(&whole[..20]);
        fs::write(data.path().join("names.sealed"), torn).unwrap();
        let mut names = Names::open(data.path(), &[1; 32], &[2; 32]).unwrap();
        assert_eq!(names.name(token).unwrap().as_deref(), Some("first"));

        let second = names.token(&account("second"));
        names.keep().unwrap();
        let names = Names::open(data.path(), &[1; 32], &[2; 32]).unwrap();
        assert_eq!(names.name(second).unwrap().as_deref(), Some("second"));
    }

    #[test]
    fn realms_that_mean_the_same_make_one_token_and_by_default_none_do() {
        let data = tempfile::tempdir().unwrap();
        let of = |names: &mut Names, name: &str| names.token(&AccountText::new(name).unwrap());
        let mut apart = Names::open(data.path(), &[1; 32], &[2; 32]).unwrap();
        let (down, at) = ("OAK\\j.bloggs", "j.bloggs@oak.example");
        assert_ne!(of(&mut apart, down), of(&mut apart, at));
        let group = vec![vec!["OAK".to_owned(), "oak.example".to_owned()]];
        let names = Names::open(data.path(), &[1; 32], &[2; 32]).unwrap();
        let mut joined = names.with_realms(Realms::new(&group).unwrap());
        assert_eq!(of(&mut joined, down), of(&mut joined, at));
        assert_ne!(of(&mut joined, down), of(&mut joined, "j.bloggs"));
    }
}
