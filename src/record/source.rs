//! Where a row came from: its source, the frame in it, the record in the frame.

use std::fmt;

use std::collections::BTreeMap;

use super::Timestamp;
use super::columns::{Word, record};
use super::words::words;

/// Sixteen bytes that name a source for good.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub [u8; 16]);

impl SourceId {
    /// Reads 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        u128::from_str_radix(text, 16)
            .ok()
            .filter(|_| text.len() == 32)
            .map(|value| SourceId(value.to_be_bytes()))
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceId({self})")
    }
}

/// The place of a record: unique in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The source.
    pub source: SourceId,
    /// The line or packet number of the record's first, from 1.
    pub frame: u64,
    /// Which record of the frame, from 0.
    pub ordinal: u32,
}

words! {
    /// What a source is.
    SourceKind {
        /// A file of packets.
        CaptureFile = "capture_file",
        /// A device that packets are read from.
        CaptureDevice = "capture_device",
        /// A file of log lines.
        LogFile = "log_file",
        /// Standard input.
        Stream = "stream",
        /// A register.
        Register = "register",
        /// A listener on the network.
        Listener = "listener",
    }
}

record! {
    /// What has been read of one source up to now: the row of the table of sources.
    SourceLine, "sources", "source" {
        /// The source.
        source_id: SourceId, Local, Derived;
        /// What it is.
        kind: SourceKind, Local, Derived;
        /// The format it was read as.
        format: Word<'static>, Local, Derived;
        /// When it was first opened.
        opened: Timestamp, Local, Captured;
        /// SHA-256 of the decompressed bytes read so far, in hexadecimal digits.
        digest: String, Local, Derived;
        /// How many decompressed bytes were read.
        bytes: u64, Local, Derived;
        /// The first event's time.
        first_time: Option<Timestamp>, Local, Derived;
        /// The last event's time.
        last_time: Option<Timestamp>, Local, Derived;
        /// Frames read.
        read: u64, Local, Derived;
        /// Frames stored.
        stored: u64, Local, Derived;
        /// Frames rejected.
        rejected: u64, Local, Derived;
        /// Frames passed over.
        ignored: u64, Local, Derived;
        /// Rejected and passed over, by reason.
        reasons: BTreeMap<&'static str, u64>, Local, Derived;
        /// The version of the program that read it last.
        tool_version: Word<'static>, Local, Derived;
    }
}
