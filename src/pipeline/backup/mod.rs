//! Backup and restore of a data folder: store, ledger, originals, names, registers, lists and keys as of one moment.
//!
//! A set is a folder. Parts of the store, originals, names and private records lie in it encrypted as they lie in the
//! data folder; what is in clear there is sealed; and the keys are wrapped for a recipient whose identity is elsewhere.
//! The manifest is written last, and the folder takes its name last of all: a set that was broken off does not look whole.

mod drill;
mod make;
mod restore;
mod set;

use std::path::PathBuf;

pub use drill::{Drill, drill};
pub use make::recipients;
pub use make::{Made, Making};
pub use restore::{Restored, Restoring, Unlock};
pub use set::{Manifest, SetKeys};

use crate::keys::KeyError;
use crate::ledger::LedgerError;
use crate::store::StoreError;
use crate::store::sealed::SealError;
use crate::store::sealed_stream::SealedStreamError;

/// A backup can not be made, read or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A file or folder can not be used.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something is there already.
    #[error("{0} is there already: a set or a data folder is never written over, so name another")]
    Exists(PathBuf),
    /// The disk is too small.
    #[error("{path} has room for {free} bytes, and {needed} are needed")]
    NoRoom {
        /// Where.
        path: PathBuf,
        /// How many are needed.
        needed: u64,
        /// How many there are.
        free: u64,
    },
    /// The folder is no set.
    #[error("{0} has no manifest: it is no set, or one whose making was broken off")]
    NoSet(PathBuf),
    /// The name is that of a set whose making was broken off.
    #[error(
        "{0} is named as what was broken off is, and would not be taken for a set: name another"
    )]
    NamedPartial(PathBuf),
    /// The manifest can not be read, or was changed.
    #[error("the manifest of the set was changed, or belongs to other keys")]
    Manifest,
    /// A file of the set is not as it was.
    #[error("the file {file} of the set {problem}")]
    Damaged {
        /// Which, below the set.
        file: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// What was restored is not what was backed up.
    #[error("what was restored differs from what was backed up: {0}")]
    Differs(String),
    /// The set was made with another schema.
    #[error(
        "the set was made by release {made_by}, whose tables differ from those of this release: restore it with that one, and bring it up to date afterwards"
    )]
    OtherSchema {
        /// Which release.
        made_by: String,
    },
    /// A recipient can not be read.
    #[error(
        "recipient {0} is no age key (age1...): make a pair with `age-keygen`, and keep the identity apart from the set"
    )]
    Recipient(usize),
    /// The identity can not open the keys.
    #[error("the identity does not open the keys of the set")]
    Identity,
    /// Keys of this data folder are there, and are others.
    #[error("{0} holds another key of the same name: it is never written over")]
    OtherKeys(PathBuf),
    /// The keys.
    #[error("cannot use the keys")]
    Keys(#[from] KeyError),
    /// The store.
    #[error("cannot use the store")]
    Store(#[from] StoreError),
    /// The ledger.
    #[error("cannot use the ledger")]
    Ledger(#[from] LedgerError),
    /// A file can not be sealed or opened.
    #[error("cannot seal or open a file of the set")]
    Stream(#[from] SealedStreamError),
    /// A key can not be used for sealing.
    #[error("cannot seal")]
    Seal(#[from] SealError),
}

impl BackupError {
    fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> BackupError {
        let path = path.to_owned();
        move |source| BackupError::File { path, source }
    }
}
