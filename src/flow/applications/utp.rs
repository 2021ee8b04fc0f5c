//! uTP, which carries BitTorrent over UDP (BEP 29): two packets of one connection whose clock and numbers go on.

use super::{Answer, Over, Signature, Talk};
use crate::flow::bytes::Bytes;
use crate::record::ApplicationClass::P2p;

pub(super) static UTP: Signature = Signature {
    name: "bittorrent",
    class: P2p,
    over: Over::Udp,
    first: b"\x01\x11\x21\x31\x41",
    probe,
};

/// Between two packets no more may lie: a minute, and a window of numbers.
const LONGEST_PAUSE: u32 = 60_000_000;
const WIDEST_GAP: u16 = 512;
/// A packet without data is as long as its header and one short extension.
const LONGEST_EMPTY: usize = 20 + 64;

fn probe(talk: &Talk<'_>) -> Answer {
    let first = if talk.from_initiator {
        talk.asked()
    } else {
        talk.answered()
    };
    let (Some(before), Some(now)) = (Header::read(first), Header::read(talk.packet)) else {
        return Answer::NotMine;
    };
    // The number of a connection is one more in one of the directions, and in all packets after the first.
    if before.connection.abs_diff(now.connection) > 1 {
        return Answer::NotMine;
    }
    let pause = now.clock.wrapping_sub(before.clock);
    if pause == 0 {
        return Answer::NeedMore;
    }
    Answer::when(
        pause < LONGEST_PAUSE
            && now.number.wrapping_sub(before.number) < WIDEST_GAP
            && now.window >> 24 == 0,
    )
}

/// No packet has more extensions.
const MOST_EXTENSIONS: u8 = 4;

struct Header {
    connection: u16,
    clock: u32,
    window: u32,
    number: u16,
}

impl Header {
    fn read(packet: &[u8]) -> Option<Header> {
        let mut reader = Bytes::new(packet);
        let (kind, extension) = (reader.u8()?, reader.u8()?);
        let header = Header {
            connection: reader.be16()?,
            clock: reader.be32()?,
            window: {
                reader.skip(4)?;
                reader.be32()?
            },
            number: reader.be16()?,
        };
        reader.skip(2)?;
        let (mut next, mut extensions) = (extension, 0);
        while next != 0 && extensions < MOST_EXTENSIONS {
            let (after, length) = (reader.u8()?, usize::from(reader.u8()?));
            // What was received out of order is told in words of four bytes.
            if next > 3 || length == 0 || next == 1 && length % 4 != 0 {
                return None;
            }
            reader.skip(length)?;
            (next, extensions) = (after, extensions + 1);
        }
        // Only data, the first of the five kinds, comes with a payload.
        let fits = kind & 0x0f == 1
            && kind >> 4 <= 4
            && next == 0
            && header.window > 0
            && (kind >> 4 == 0 || packet.len() <= LONGEST_EMPTY);
        (fits && header.clock != 0).then_some(header)
    }
}
