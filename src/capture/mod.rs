//! Bytes off a port or out of a file, cut into packets: the first stage on the way of the data.
//!
//! [`CaptureFile`] reads pcap and pcapng, plain or gzipped, from anything that can be read; [`Device`]
//! reads a port. Damage in a file is a [`Step`] of its own and never stops what can still be read. This
//! stage looks into no packet.

mod classic;
mod device;
mod file;
mod next_generation;
mod window;

#[cfg(test)]
mod tests;

pub use device::{Device, DeviceOptions, Drops};
pub use file::CaptureFile;

use crate::record::{Packet, RejectReason};

/// What comes next out of a source of packets.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A frame.
    Packet(Packet<'a>),
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
