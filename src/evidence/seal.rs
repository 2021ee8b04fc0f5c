//! The package in an envelope: a tar archive encrypted with age to the recipients' X25519 keys, and the way back.

use std::io::{Read, Write};
use std::path::{Component, Path};
use std::str::FromStr;

use age::x25519::{Identity, Recipient};

use super::EvidenceError;
use super::bag::{make_folder, write_new};

/// Reads public age keys (`age1...`).
pub fn recipients<T: AsRef<str>>(keys: &[T]) -> Result<Vec<Recipient>, EvidenceError> {
    let read = |(at, key): (usize, &T)| {
        Recipient::from_str(key.as_ref().trim()).map_err(|_| EvidenceError::Recipient(at + 1))
    };
    keys.iter().enumerate().map(read).collect()
}

/// Encrypts to these recipients.
pub fn seal(plain: &[u8], recipients: &[Recipient]) -> Result<Vec<u8>, EvidenceError> {
    let to = recipients.iter().map(|one| one as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(to).map_err(|_| EvidenceError::Sealing)?;
    let mut sealed = Vec::new();
    let write = || -> std::io::Result<()> {
        let mut writer = encryptor.wrap_output(&mut sealed)?;
        writer.write_all(plain)?;
        writer.finish().map(drop)
    };
    write().map_err(|_| EvidenceError::Sealing)?;
    Ok(sealed)
}

/// Opens a sealed package into a folder; `identity` is the text of an age identity file.
pub fn open(sealed: &[u8], identity: &str, folder: &Path) -> Result<(), EvidenceError> {
    let identities: Vec<Identity> = identity
        .lines()
        .filter_map(|line| Identity::from_str(line.trim()).ok())
        .collect();
    if identities.is_empty() {
        return Err(EvidenceError::NoIdentity);
    }
    let decryptor = age::Decryptor::new(sealed).map_err(|_| EvidenceError::NotSealed)?;
    let mut plain = Vec::new();
    decryptor
        .decrypt(identities.iter().map(|one| one as &dyn age::Identity))
        .map_err(|_| EvidenceError::NotForUs)?
        .read_to_end(&mut plain)
        .map_err(|_| EvidenceError::NotSealed)?;
    unpack(&plain, folder)
}

/// Only plain files with plain names come out; everything else is refused before anything is written there.
fn unpack(plain: &[u8], folder: &Path) -> Result<(), EvidenceError> {
    let mut archive = tar::Archive::new(plain);
    let mut files = Vec::new();
    for entry in archive.entries().map_err(EvidenceError::Archive)? {
        let mut entry = entry.map_err(EvidenceError::Archive)?;
        let path = entry.path().map_err(EvidenceError::Archive)?.into_owned();
        let plain_name = path
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !entry.header().entry_type().is_file() || !plain_name {
            return Err(EvidenceError::Smuggled);
        }
        let mut bytes = Vec::new();
        entry
            .read_to_end(&mut bytes)
            .map_err(EvidenceError::Archive)?;
        files.push((folder.join(&path), bytes));
    }
    for (to, bytes) in files {
        if let Some(parent) = to.parent() {
            make_folder(parent, true)?;
        }
        write_new(&to, &bytes)?;
    }
    Ok(())
}
