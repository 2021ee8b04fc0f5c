//! Bytes off a port or out of a file, cut into packets: the first stage on the way of the data.
//!
//! [`CaptureFile`] reads pcap and pcapng, plain or gzipped, from anything that can be read; [`Device`]
//! reads a port, and [`Writer`] keeps what was read off it. Damage in a file is a [`Step`] of its own and never stops
//! what can still be read. This stage looks into no packet, but for an operator's [`Filter`].

mod batch;
mod classic;
mod device;
mod file;
mod filter;
mod next_generation;
pub mod privileges;
mod ring;
mod window;
mod writer;

#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use device::{Device, DeviceOptions, Drops, Look};
pub use file::CaptureFile;
pub use filter::Filter;
pub use writer::{Interface, Writer, WriterOptions, with_word};

use crate::record::{Packet, RejectReason, Timestamp};

/// What comes next out of a source of packets.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A frame.
    Packet(Packet<'a>),
    /// Time had come so far, and no frame had: only files that the program has written itself say so.
    Time(Timestamp),
    /// Something in the file that is no frame and should have been one. It is no frame read: it stands beside the sums.
    Damage {
        /// What is wrong.
        reason: RejectReason,
        /// Where it begins in the decompressed source.
        offset: u64,
        /// How many bytes were passed over; `u32::MAX` also for more.
        length: u32,
    },
}

/// A source of packets can not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The source ends before a capture begins.
    #[error("the capture is empty")]
    Empty,
    /// It is compressed, and that is broken from the beginning on.
    #[error("the compression of the capture is broken, and nothing of it can be read")]
    Broken,
    /// Neither pcap nor pcapng.
    #[error("not a capture file: it begins with {0}")]
    UnknownFormat(String),
    /// The operating system could not read on.
    #[error("cannot read the capture")]
    Read(#[source] std::io::Error),
    /// The device can not be opened.
    #[error("cannot open capture device {name:?}")]
    Open {
        /// Which.
        name: String,
        /// Why.
        source: pcap::Error,
    },
    /// The device's frames can not be shared out among several rings.
    #[error("cannot share the frames of capture device {name:?} among several rings")]
    Share {
        /// Which.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// The filter is none.
    #[error("cannot use the capture filter {filter:?}")]
    Filter {
        /// What was asked for.
        filter: String,
        /// Why.
        source: pcap::Error,
    },
    /// The device can not be read any more.
    #[error("capture device {name:?} was lost")]
    Lost {
        /// Which.
        name: String,
        /// Why.
        source: pcap::Error,
    },
}
