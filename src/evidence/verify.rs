//! Whether a package is the one that was handed over: nothing changed, missing or added, signed by who it should be, and proved.
//!
//! It needs no store and no keys of ours: a stranger runs it. A key that lies in the package proves nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::bag::{BAGIT, SECOND, SIGNATURE, SIGNED, TAG_FILES, sha256_hex, sha512_hex};
use super::proof::{self, Fault};
use super::{EvidenceError, SignerKey};
use crate::ledger::{Checkpoint, VerifyKey};

/// What a check has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Intact, proved, and signed by the key that was named.
    Intact {
        /// The trusted comment of the signature.
        signed: String,
        /// The head of the ledger that the proofs lead to.
        head: Checkpoint,
        /// How many lines were not kept: nothing but their batch is proved.
        not_kept: u64,
    },
    /// Consistent in itself; but nobody said whose signature to expect, so it could be a forgery as a whole.
    SignerNotChecked {
        /// The head of the ledger that the proofs lead to.
        head: Checkpoint,
    },
    /// Not the package that was handed over, or not proved.
    Wrong {
        /// The first file that is wrong.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Checks a package that lies in a folder. An error means that it could not be read at all.
pub fn verify(
    folder: &Path,
    signer: Option<&SignerKey>,
    log_key: Option<&VerifyKey>,
) -> Result<Verification, EvidenceError> {
    let files = match read(folder)? {
        Ok(files) => files,
        Err(fault) => return Ok(wrong(fault)),
    };
    if ![SIGNED, "bagit.txt", "manifest-sha256.txt"]
        .iter()
        .any(|name| files.contains_key(*name))
    {
        return Err(EvidenceError::NoPackage(folder.to_owned()));
    }
    Ok(check_files(&files, signer, log_key))
}

/// Checks a package whose files were read.
pub(crate) fn check_files(
    files: &BTreeMap<String, Vec<u8>>,
    signer: Option<&SignerKey>,
    log_key: Option<&VerifyKey>,
) -> Verification {
    check(files, signer, log_key).unwrap_or_else(wrong)
}

fn wrong((file, reason): Fault) -> Verification {
    Verification::Wrong { file, reason }
}

fn fault<T>(file: &str, reason: &str) -> Result<T, Fault> {
    Err((file.to_owned(), reason.to_owned()))
}

fn check(
    files: &BTreeMap<String, Vec<u8>>,
    signer: Option<&SignerKey>,
    log_key: Option<&VerifyKey>,
) -> Result<Verification, Fault> {
    check_tags(files)?;
    check_payload(files)?;
    let signed = match signer {
        None => None,
        Some(key) => match key.verify(file(files, SIGNATURE)?, file(files, SIGNED)?) {
            Ok(comment) => Some(comment),
            Err(reason) => return fault(SIGNATURE, reason),
        },
    };
    file(files, SIGNATURE)?;
    let (head, not_kept) = proof::check(files, log_key)?;
    Ok(match signed {
        Some(signed) => Verification::Intact {
            signed,
            head,
            not_kept,
        },
        None => Verification::SignerNotChecked { head },
    })
}

/// The files of the root: exactly those that belong there, each as both tag manifests say.
fn check_tags(files: &BTreeMap<String, Vec<u8>>) -> Result<(), Fault> {
    let expected: BTreeSet<&str> = TAG_FILES.into_iter().collect();
    for name in TAG_FILES.iter().chain(&[SIGNED, SECOND, SIGNATURE]) {
        file(files, name)?;
    }
    let extra = files.keys().find(|path| {
        !path.starts_with("data/")
            && !expected.contains(path.as_str())
            && ![SIGNED, SECOND, SIGNATURE].contains(&path.as_str())
    });
    if let Some(path) = extra {
        return fault(path, "no manifest lists it");
    }
    let first = manifest(files, SIGNED, 64)?;
    let second = manifest(files, SECOND, 128)?;
    for (name, listed) in [(SIGNED, &first), (SECOND, &second)] {
        if !listed.keys().copied().eq(expected.iter().copied()) {
            return fault(name, "it does not list the files that stand beside it");
        }
    }
    check_hashes(files, (SIGNED, &first), (SECOND, &second))?;
    if file(files, "bagit.txt")? != BAGIT.as_bytes() {
        return fault("bagit.txt", "it is not the declaration of a bag");
    }
    Ok(())
}

/// The files under `data/`: exactly those that both manifests list, each as they say.
fn check_payload(files: &BTreeMap<String, Vec<u8>>) -> Result<(), Fault> {
    let (one, two) = ("manifest-sha256.txt", "manifest-sha512.txt");
    let first = manifest(files, one, 64)?;
    let second = manifest(files, two, 128)?;
    if !first.keys().eq(second.keys()) {
        return fault(two, "it lists other files than manifest-sha256.txt");
    }
    if let Some(path) = first.keys().find(|path| !path.starts_with("data/")) {
        return fault(one, &format!("it lists {path}, which is not under data/"));
    }
    let there = files.keys().filter(|path| path.starts_with("data/"));
    for path in there {
        if !first.contains_key(path.as_str()) {
            return fault(path, "no manifest lists it");
        }
    }
    check_hashes(files, (one, &first), (two, &second))
}

type Listed<'f> = BTreeMap<&'f str, &'f str>;

/// If one hash holds and the other does not, the manifest is wrong and not the file.
fn check_hashes(
    files: &BTreeMap<String, Vec<u8>>,
    (first_name, first): (&str, &Listed<'_>),
    (second_name, second): (&str, &Listed<'_>),
) -> Result<(), Fault> {
    for (path, sha256) in first {
        let bytes = file(files, path)?;
        let short = sha256_hex(bytes) == **sha256;
        let long = second
            .get(path)
            .is_some_and(|known| sha512_hex(bytes) == **known);
        match (short, long) {
            (true, true) => {}
            (false, false) => return fault(path, "it is not the file that was handed over"),
            (false, true) => return fault(first_name, &format!("its hash of {path} is wrong")),
            (true, false) => return fault(second_name, &format!("its hash of {path} is wrong")),
        }
    }
    Ok(())
}

/// Reads a manifest; only the spelling that packages are written in will do.
fn manifest<'f>(
    files: &'f BTreeMap<String, Vec<u8>>,
    name: &str,
    digits: usize,
) -> Result<Listed<'f>, Fault> {
    let parse = || {
        let text = std::str::from_utf8(files.get(name)?).ok()?;
        let mut listed = Listed::new();
        let mut last = "";
        for line in text.strip_suffix('\n')?.split('\n') {
            let (hash, path) = line.split_once("  ")?;
            let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            let sound = hash.len() == digits && hash.bytes().all(lower_hex) && is_plain(path);
            if !sound || path <= last {
                return None;
            }
            last = path;
            listed.insert(path, hash);
        }
        Some(listed)
    };
    match parse() {
        Some(listed) => Ok(listed),
        None => fault(name, "it is not a manifest"),
    }
}

/// A path of plain names: nothing that could lead out of the folder.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    })
}

fn file<'f>(files: &'f BTreeMap<String, Vec<u8>>, path: &str) -> Result<&'f [u8], Fault> {
    match files.get(path) {
        Some(bytes) => Ok(bytes),
        None => fault(path, "it is missing"),
    }
}

type Files = BTreeMap<String, Vec<u8>>;

/// Reads every file below the folder. A link, a pipe or a name that is not plain is a fault of the package.
pub(crate) fn read(folder: &Path) -> Result<Result<Files, Fault>, EvidenceError> {
    let mut files = Files::new();
    let mut folders = vec![(folder.to_owned(), String::new())];
    while let Some((path, prefix)) = folders.pop() {
        let fault_at = |source| EvidenceError::file(&path, source);
        for entry in fs::read_dir(&path).map_err(fault_at)? {
            let entry = entry.map_err(fault_at)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if !is_plain(&name) {
                // Whatever a terminal would obey is shown as it is written.
                let shown = name.escape_default().to_string();
                return Ok(fault(&shown, "its name is not plain"));
            }
            // This does not follow links.
            let kind = entry.file_type().map_err(fault_at)?;
            if kind.is_dir() {
                folders.push((entry.path(), format!("{name}/")));
            } else if kind.is_file() {
                let bytes = fs::read(entry.path())
                    .map_err(|source| EvidenceError::file(&entry.path(), source))?;
                files.insert(name, bytes);
            } else {
                return Ok(fault(&name, "it is not a plain file"));
            }
        }
    }
    Ok(Ok(files))
}
