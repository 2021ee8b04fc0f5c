//! What can go wrong with the ledger. No error shows what an entry or a private record says.

use std::path::{Path, PathBuf};

use super::Digest;

/// The ledger can not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A file can not be used.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An entry is not what was written.
    #[error("the ledger is damaged: entry {index} is not what was written")]
    Damaged {
        /// Which.
        index: u64,
    },
    /// Entries are missing or others: the root is not the one that was signed.
    #[error(
        "the ledger is not the one that was signed: {size} entries, the signed head has {signed}"
    )]
    NotAsSigned {
        /// Entries found.
        size: u64,
        /// Entries under the signed head.
        signed: u64,
    },
    /// A head can not be read or its signature does not hold.
    #[error("the signed head of the ledger does not hold")]
    BadHead,
    /// A private record does not keep to its commitment.
    #[error("the private record {0} is damaged")]
    PrivateRecord(Digest),
    /// No such entry.
    #[error("the ledger has no entry {0}")]
    NoEntry(u64),
    /// The name of the ledger can not stand in a signed note.
    #[error("the name of the ledger must be a word without blanks and without a plus sign")]
    BadOrigin,
    /// A key can not be used.
    #[error("a key of the ledger can not be used")]
    BadKey,
    /// A value has no canonical form.
    #[error("a value has no canonical form: whole numbers below 2^53 and texts only")]
    NotCanonical,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandom,
}

impl LedgerError {
    pub(crate) fn file(path: &Path, source: std::io::Error) -> Self {
        LedgerError::File {
            path: path.to_owned(),
            source,
        }
    }
}
