//! Evidence: what was asked for and may be given, in a package that a stranger can check with stock tools.
//!
//! [`export()`] takes an authorised request, selects, judges who each row belongs to, and makes a [`Bag`]:
//! records, originals where the class of data allows them, and the proofs that tie every line to the
//! ledger. [`verify()`] checks such a package and needs nothing but the package and two public keys.

mod agreement;
mod bag;
mod export;
mod figures;
mod holdings;
mod operating;
mod originals;
mod papers;
mod proof;
mod records;
#[cfg(feature = "frames")]
mod replay;
mod seal;
mod select;
mod signer;
mod stamp;
mod verify;

use std::path::{Path, PathBuf};

use crate::record::SourceId;

pub use bag::{Bag, BagInfo, write_whole};
pub use export::{Exporter, Summary, export};
pub use figures::Figure;
pub use holdings::StoreHoldings;
pub use originals::{FrameBytes, Frames};
#[cfg(feature = "frames")]
pub use replay::{Replay, replay};
pub use seal::{open, recipients, seal};
pub use select::{
    Attribution, Candidate, Holdings, Judgement, Records, RecordsWanted, RivalClaim, Subject,
};
pub use signer::{Signer, SignerKey};
pub use stamp::timestamp_query;
pub use verify::{Verification, verify};

/// Evidence can not be made, opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// A file or folder can not be used.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The folder holds no package.
    #[error("{0} is not an evidence package")]
    NoPackage(PathBuf),
    /// The key that signs can not be used.
    #[error("the key that signs packages, {0}, can not be used")]
    SignerKey(PathBuf),
    /// A text is no public key of a signer.
    #[error("the signer's key is not a minisign public key")]
    NoSignerKey,
    /// A package could not be signed.
    #[error("the package could not be signed")]
    Signing,
    /// This build sets no PDF.
    #[error(
        "this build of the program sets no PDF: build it with the feature `pdf`, which is on by default"
    )]
    NoTypesetter,
    /// The typesetter refused.
    #[error("a paper of the package could not be set: {0}")]
    Setting(String),
    /// A key to seal to can not be read.
    #[error("recipient {0} is not a public age key such as age1...")]
    Recipient(usize),
    /// A package could not be sealed.
    #[error("the package could not be sealed")]
    Sealing,
    /// A file is no sealed package, or not a whole one.
    #[error("the file is not a sealed package, or a part of it is missing or changed")]
    NotSealed,
    /// The identity does not open it.
    #[error("the package is sealed to somebody else")]
    NotForUs,
    /// No identity in the file.
    #[error("the identity file holds no age identity (AGE-SECRET-KEY-...)")]
    NoIdentity,
    /// A network card was asked for beyond sign-ins.
    #[error(
        "a network card can be asked for in sign-ins only: ask for the account or the address that it had"
    )]
    CardsForSignInsOnly,
    /// The subscriber of an address was asked for, and no rows to find them by.
    #[error(
        "who had an address is found by the rows at it: ask for sign_ins or for records beside subscriber"
    )]
    SubscriberOfAddress,
    /// A row has no batch in the ledger.
    #[error("frame {frame} of source {of} stands in no batch of the ledger")]
    NoBatch {
        /// The frame.
        frame: u64,
        /// The source.
        of: SourceId,
    },
    /// Originals are not what was entered in the ledger.
    #[error(
        "the originals of source {of} from frame {frame} are not those that the ledger has: nothing of them can be given out"
    )]
    OriginalsDiffer {
        /// The first frame of the batch.
        frame: u64,
        /// The source.
        of: SourceId,
    },
    /// No statement writes this.
    #[error("records of this kind are not written for this class of data")]
    NoStatement,
    /// A value has no form in JSON.
    #[error("a part of the package has no form in JSON: this is a fault of the program")]
    Shape,
    /// The ledger failed.
    #[error("the ledger can not be used")]
    Ledger(#[from] crate::ledger::LedgerError),
    /// The originals failed.
    #[error("the originals can not be used")]
    Originals(#[from] crate::store::originals::OriginalsError),
    /// A row of the store is not what this program writes.
    #[error("the answer to {0} holds a row that this program did not write")]
    StoredRow(&'static str),
    /// The store failed.
    #[error("the store can not be used")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An archive can not be written or read.
    #[error("the archive of the package can not be written or read")]
    Archive(#[source] std::io::Error),
    /// An archive holds something that no package has.
    #[error("the archive holds links or paths that no package has; nothing of them was written")]
    Smuggled,
}

impl EvidenceError {
    pub(crate) fn file(path: &Path, source: std::io::Error) -> Self {
        EvidenceError::File {
            path: path.to_owned(),
            source,
        }
    }
}

#[cfg(test)]
mod tests;
