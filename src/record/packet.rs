//! A frame off the wire, on its way from capture to the flow table.

use super::Timestamp;

/// One captured frame. The bytes belong to the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Its number in the source, from 1.
    pub number: u64,
    /// When it was seen.
    pub time: Timestamp,
    /// Link type, as in the LINKTYPE registry of tcpdump.org.
    pub link_type: u16,
    /// How long it was on the wire, in bytes.
    pub wire_length: u32,
    /// What was kept of it.
    pub bytes: &'a [u8],
}
