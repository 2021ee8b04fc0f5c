//! What an export looks like: its version word, and whether its lengths agree with it. So exports are found on any
//! port, and datagrams that were written one behind the other are told apart.

use crate::flow::bytes::Bytes;

/// What [`version`] answers for sFlow 5, whose version is a word of four bytes.
pub(super) const SFLOW: u16 = 0xffff;

/// The version of an export, by its first bytes.
pub(super) fn version(bytes: &[u8]) -> Option<u16> {
    let mut input = Bytes::new(bytes);
    match input.be16()? {
        0 if input.be16()? == 5 && matches!(input.be32()?, 1 | 2) => Some(SFLOW),
        version @ (1 | 5 | 7 | 8 | 9 | 10) => Some(version),
        _ => None,
    }
}

/// Whether a datagram on some port is an export: version and all lengths must agree.
pub fn is_export(bytes: &[u8]) -> bool {
    let is_known = matches!(version(bytes), Some(1 | 5 | 7 | 9 | 10 | SFLOW));
    is_known && bytes.len() >= 20 && first_datagram(bytes) == Some(bytes.len())
}

/// How long the first of several datagrams is that stand one behind the other; nothing where no export begins or where
/// it breaks off.
pub fn first_datagram(bytes: &[u8]) -> Option<usize> {
    let mut input = Bytes::new(bytes);
    let kind = version(bytes)?;
    let length = match kind {
        1 | 5 | 7 => {
            input.skip(2)?;
            let count = usize::from(input.be16()?);
            let (head, record) = super::fixed::lengths(kind)?;
            if count > 64 {
                return None;
            }
            head + count * record
        }
        9 => return version9(bytes),
        10 => {
            input.skip(2)?;
            let length = usize::from(input.be16()?);
            if length < 16 {
                return None;
            }
            length
        }
        SFLOW => return samples(bytes),
        _ => return None,
    };
    (length <= bytes.len()).then_some(length)
}

/// NetFlow 9 does not say how long it is: sets follow until something stands there that is none, such as the version
/// word of the next datagram (set numbers from 2 to 255 are reserved).
fn version9(bytes: &[u8]) -> Option<usize> {
    let mut input = Bytes::new(bytes);
    input.skip(20)?;
    let mut sets = 0;
    let mut at = 20;
    while !input.is_empty() {
        let mut ahead = input;
        let (Some(id), Some(length)) = (ahead.be16(), ahead.be16()) else {
            break;
        };
        let is_set = matches!(id, 0 | 1 | 256..) && length >= 4;
        if !is_set || input.skip(usize::from(length)).is_none() {
            break;
        }
        at += usize::from(length);
        sets += 1;
    }
    (sets > 0).then_some(at)
}

fn samples(bytes: &[u8]) -> Option<usize> {
    let mut input = Bytes::new(bytes);
    input.skip(4)?;
    let address = if input.be32()? == 1 { 4 } else { 16 };
    input.skip(address + 12)?;
    let count = input.be32()?;
    for _ in 0..count {
        input.skip(4)?;
        let length = usize::try_from(input.be32()?).ok()?;
        input.skip(length)?;
    }
    Some(bytes.len() - input.rest().len())
}
