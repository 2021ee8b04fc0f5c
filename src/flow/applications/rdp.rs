//! RDP: the request for a connection in its envelope (MS-RDPBCGR, 2.2.1.1), over UDP its own reliable greeting; TLS after it is read.

use super::tls;
use super::{Answer, Application, Facts, Hearing, Talk};
use crate::flow::bytes::Bytes;
use crate::record::ApplicationClass;

pub(super) struct Rdp;

/// Where it listens.
const PORT: u16 = 3389;
/// The envelope's version, and the code of a request and of its confirmation.
const TPKT: u8 = 3;
const REQUEST: u8 = 0xe0;
const CONFIRMATION: u8 = 0xd0;
/// How a request for security begins: kind, flags, length.
const SECURITY: [u8; 4] = [1, 0, 8, 0];
const COOKIE: &[u8] = b"Cookie: ";

impl Application for Rdp {
    fn begins(&self, first: u8) -> bool {
        matches!(first, TPKT | 0xff)
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let said = talk.now();
        if !talk.is_tcp() {
            // The first datagram: no acknowledgement, a window, SYN among the flags.
            let is_greeting = matches!(said, [0xff, 0xff, 0xff, 0xff, _, _, flags, kind, ..] if flags & 0x1e == 0 && kind & 1 == 1);
            return Answer::when(is_greeting && talk.has_port(PORT) && said.len() >= 1_000);
        }
        match envelope(said) {
            Some((REQUEST, rest)) => {
                let asks =
                    rest.starts_with(COOKIE) || rest.windows(4).any(|window| window == SECURITY);
                Answer::when(asks || talk.has_port(PORT))
            }
            Some((CONFIRMATION, _)) => Answer::when(talk.has_port(PORT)),
            Some(_) => Answer::NotMine,
            None => Answer::when_more(
                said.len() < 11 && said.first().is_none_or(|first| *first == TPKT),
            ),
        }
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("rdp", ApplicationClass::RemoteControl);
        let asked = talk.asked();
        let mut reader = Bytes::new(asked);
        let sealed = (|| {
            reader.skip(2)?;
            let length = usize::from(reader.be16()?);
            asked.get(length..)
        })();
        match sealed {
            Some(sealed)
                if talk.is_tcp() && !sealed.is_empty() && tls::hear_hello(sealed, facts) =>
            {
                Hearing::Enough
            }
            _ if talk.is_tcp() => Hearing::GoOn,
            _ => Hearing::Enough,
        }
    }
}

/// The code and the rest of what stands in an envelope (RFC 1006, X.224).
fn envelope(said: &[u8]) -> Option<(u8, &[u8])> {
    let mut reader = Bytes::new(said);
    let version = reader.u8()?;
    reader.skip(1)?;
    let length = usize::from(reader.be16()?);
    let header = usize::from(reader.u8()?);
    let code = reader.u8()?;
    let fits = version == TPKT && header + 5 <= length && length <= said.len();
    reader.skip(5)?;
    let rest = said.get(11..length).unwrap_or_default();
    Some((if fits { code } else { 0 }, rest))
}
