//! The private records beside the log: what an entry must not say in clear, encrypted, and erasable one by one.
//!
//! An entry holds only a commitment: SHA-256 over a random salt and the record's canonical JSON.
//! The record lies encrypted under a key of its own; that key lies beside it, wrapped under the ledger's
//! key for records. To erase a record its wrapped key is destroyed; the log and its proofs stay whole.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;
use zeroize::Zeroizing;

use super::canonical::to_canonical;
use super::digest::Digest;
use super::{LedgerError, sync_folder};

/// Where the records lie, and the key that wraps theirs.
pub(crate) struct PrivateRecords {
    folder: PathBuf,
    wrapping: Zeroizing<[u8; 32]>,
}

/// What became of a record that an entry commits to.
#[derive(Clone, Debug, PartialEq)]
pub enum PrivateRecord {
    /// It is here.
    Kept(Value),
    /// Its key was destroyed.
    Erased,
}

impl PrivateRecords {
    pub(crate) fn open(folder: PathBuf, wrapping: &[u8; 32]) -> Result<Self, LedgerError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|source| LedgerError::file(&folder, source))?;
        Ok(PrivateRecords {
            folder,
            wrapping: Zeroizing::new(*wrapping),
        })
    }

    /// Writes a record to the disk for good, and says what commits to it.
    pub(crate) fn write(&self, value: &Value) -> Result<Digest, LedgerError> {
        let mut plain = random::<32>()?.to_vec();
        plain.extend_from_slice(to_canonical(value)?.as_bytes());
        let commitment = commitment(&plain);
        let key = Zeroizing::new(random::<32>()?);
        // The key serves once, so its nonce may be fixed.
        seal(&key, [0; NONCE_LEN], &commitment, &mut plain)?;
        let nonce = random::<NONCE_LEN>()?;
        let mut wrapped = key.to_vec();
        seal(&self.wrapping, nonce, &commitment, &mut wrapped)?;
        let with_nonce = [nonce.as_slice(), &wrapped].concat();
        self.write_file(&commitment, "record", &plain)?;
        self.write_file(&commitment, "key", &with_nonce)?;
        sync_folder(&self.folder)?;
        Ok(commitment)
    }

    /// Reads a record and checks it against its commitment.
    pub(crate) fn read(&self, commitment: &Digest) -> Result<PrivateRecord, LedgerError> {
        let wrapped = match fs::read(self.path(commitment, "key")) {
            Ok(wrapped) => wrapped,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(PrivateRecord::Erased),
            Err(source) => return Err(LedgerError::file(&self.path(commitment, "key"), source)),
        };
        let path = self.path(commitment, "record");
        let damaged = || LedgerError::PrivateRecord(*commitment);
        let sealed = match fs::read(&path) {
            Ok(sealed) => sealed,
            // To erase a record its key goes first: a key alone is not what erasing leaves.
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(damaged()),
            Err(source) => return Err(LedgerError::file(&path, source)),
        };
        let (nonce, wrapped) = wrapped.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(|_| damaged())?;
        let key = open(&self.wrapping, nonce, commitment, wrapped).ok_or_else(damaged)?;
        let key = <[u8; 32]>::try_from(key.as_slice()).map_err(|_| damaged())?;
        let plain = open(&key, [0; NONCE_LEN], commitment, &sealed).ok_or_else(damaged)?;
        if self::commitment(&plain) != *commitment {
            return Err(damaged());
        }
        let (_, json) = plain.split_at_checked(32).ok_or_else(damaged)?;
        serde_json::from_slice(json)
            .map(PrivateRecord::Kept)
            .map_err(|_| damaged())
    }

    /// Destroys a record's key, then the record; says whether there was one.
    ///
    /// What a disk keeps of an overwritten block is out of our hands; the key that wraps all records is the second lock.
    pub(crate) fn erase(&self, commitment: &Digest) -> Result<bool, LedgerError> {
        let path = self.path(commitment, "key");
        let length = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(LedgerError::file(&path, source)),
        };
        let overwrite = || -> std::io::Result<()> {
            let mut file = fs::OpenOptions::new().write(true).open(&path)?;
            file.write_all(&vec![0; usize::try_from(length).unwrap_or(64)])?;
            file.sync_all()?;
            fs::remove_file(&path)?;
            fs::remove_file(self.path(commitment, "record"))
        };
        overwrite().map_err(|source| LedgerError::file(&path, source))?;
        sync_folder(&self.folder)?;
        Ok(true)
    }

    fn path(&self, commitment: &Digest, kind: &str) -> PathBuf {
        self.folder.join(format!("{commitment}.{kind}"))
    }

    fn write_file(&self, name: &Digest, kind: &str, bytes: &[u8]) -> Result<(), LedgerError> {
        let path = self.path(name, kind);
        write_new(&path, bytes).map_err(|source| LedgerError::file(&path, source))
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The commitment of a salt with what follows it; its prefix keeps it apart from leaves and nodes.
fn commitment(salted: &[u8]) -> Digest {
    Digest::of(&[&[0x02], salted])
}

fn seal(
    key: &[u8; 32],
    nonce: [u8; NONCE_LEN],
    name: &Digest,
    bytes: &mut Vec<u8>,
) -> Result<(), LedgerError> {
    UnboundKey::new(&CHACHA20_POLY1305, key)
        .and_then(|key| {
            LessSafeKey::new(key).seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(name.0),
                bytes,
            )
        })
        .map_err(|_| LedgerError::BadKey)
}

fn open(key: &[u8; 32], nonce: [u8; NONCE_LEN], name: &Digest, sealed: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).ok()?);
    let mut bytes = sealed.to_vec();
    let length = key
        .open_in_place(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(name.0),
            &mut bytes,
        )
        .ok()?
        .len();
    bytes.truncate(length);
    Some(bytes)
}

fn random<const N: usize>() -> Result<[u8; N], LedgerError> {
    let mut bytes = [0u8; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| LedgerError::NoRandom)?;
    Ok(bytes)
}
