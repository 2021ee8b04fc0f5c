//! The only place that joins stages and owns threads and channels.

/// A capture's rows by several threads, each with flows of its own.
pub mod apart;
pub mod backup;
pub mod capture;
pub mod check;
pub mod collect;
pub mod deposit;
pub mod door;
pub mod follow;
pub mod formats;
pub mod history;
pub mod ingest;
pub mod input;
pub mod lane;
pub mod lists;
pub mod live;
pub mod log_files;
pub mod memory;
pub mod mend;
pub mod output;
pub mod parts;
pub mod registers;
pub mod retention;
mod shared;
pub mod simulate;
pub mod sources;
pub mod stop;
mod storing;
pub mod syslog;
pub mod trail;
mod way;

use std::io;

use crate::record::SumsDoNotAddUp;

/// The work can not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// An input can not be read.
    #[error(transparent)]
    Input(#[from] input::InputError),
    /// An input is no capture, or can not be read on.
    #[error("cannot read packets from {name}")]
    Capture {
        /// Which.
        name: String,
        /// Why.
        source: crate::capture::CaptureError,
    },
    /// Frames can not be kept.
    #[error("cannot keep frames in {path}")]
    Keep {
        /// Where.
        path: std::path::PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A socket can not be read.
    #[error("cannot read flow exports from the network")]
    Listen(#[source] io::Error),
    /// A socket for syslog can not be used.
    #[error("cannot listen for syslog")]
    Syslog(#[source] io::Error),
    /// Records can not be written.
    #[error("cannot write records")]
    Output(#[source] io::Error),
    /// The sums do not add up.
    #[error(transparent)]
    Sums(#[from] SumsDoNotAddUp),
    /// The ledger can not be used.
    #[error("cannot enter it in the ledger")]
    Ledger(#[from] crate::ledger::LedgerError),
    /// The store can not be used.
    #[error("cannot store it")]
    Store(#[from] crate::store::StoreError),
    /// Originals can not be used.
    #[error("cannot keep the originals")]
    Originals(#[from] crate::store::originals::OriginalsError),
    /// What is on its way can not be written down, or read back.
    #[error("cannot go on")]
    Spool(#[from] crate::store::spool::SpoolError),
    /// Names can not be kept.
    #[error("cannot keep the table of names")]
    Names(#[from] crate::store::names::NamesError),
    /// The program was told to stop.
    #[error(
        "interrupted: what is stored is entered in the ledger; the same command goes on from there"
    )]
    Interrupted,
    /// A part of the work stopped without saying why.
    #[error("{0} stopped without saying why: this is a fault of the program")]
    Stopped(&'static str),
    /// What was written down of a batch is not a batch of this release.
    #[error(
        "a batch that was broken off can not be read: finish it with the release that began it"
    )]
    PendingBatch,
    /// A table that the program does not have.
    #[error("there is no table {0}: this is a fault of the program")]
    NoTable(&'static str),
}

/// Whether a disk had no room.
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

impl PipelineError {
    fn capture(name: &str, source: crate::capture::CaptureError) -> Self {
        PipelineError::Capture {
            name: name.to_owned(),
            source,
        }
    }
}
