//! Google's QUIC before the standard: the hello stands in clear, as tags with values (versions Q024 to Q046).

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::flow::bytes::Bytes;
use crate::record::ApplicationClass;

pub(super) struct GoogleQuic;

/// How far into the datagram a hello begins at most.
const FURTHEST: usize = 96;
/// No hello has more values.
const MOST_TAGS: usize = 128;

impl Application for GoogleQuic {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn begins(&self, first: u8) -> bool {
        first & 0x80 != 0 || first & 0x09 == 0x09
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        Answer::when(!talk.is_tcp() && has_version(talk.packet))
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("quic", ApplicationClass::Web);
        match server_name(talk.packet) {
            Some(name) => {
                facts.server_name = name.into();
                Hearing::Enough
            }
            None => Hearing::GoOn,
        }
    }
}

/// Whether a packet carries one of the versions: behind the connection's number, or before it.
fn has_version(packet: &[u8]) -> bool {
    let at = match packet.first() {
        Some(first) if first & 0x80 != 0 => 1,
        // A version and a connection's number of eight bytes are there.
        Some(first) if first & 0x09 == 0x09 => 9,
        _ => return false,
    };
    match packet.get(at..at + 4) {
        Some([b'Q' | b'T', b'0', tens, ones]) => tens.is_ascii_digit() && ones.is_ascii_digit(),
        _ => false,
    }
}

/// The name in a hello that is not sealed.
pub(super) fn server_name(packet: &[u8]) -> Option<String> {
    let start = packet.get(..FURTHEST).unwrap_or(packet);
    let at = memchr::memmem::find(start, b"CHLO")?;
    let mut reader = Bytes::new(packet.get(at + 4..)?);
    let tags = usize::from(reader.be16()?.swap_bytes());
    reader.skip(2)?;
    if tags > MOST_TAGS {
        return None;
    }
    let mut index = Bytes::new(reader.take(tags * 8)?);
    let values = reader.rest();
    let mut begin = 0;
    while let Some([a, b, c, d]) = index.array::<4>() {
        let end = usize::try_from(index.be32()?.swap_bytes()).ok()?;
        if [a, b, c, d] == *b"SNI\0" {
            let name = std::str::from_utf8(values.get(begin..end)?).ok()?;
            let is_sound = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
            return is_sound.then(|| name.trim_end_matches('.').to_lowercase());
        }
        begin = end;
    }
    None
}
