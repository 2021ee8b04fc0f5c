//! Tor's link between client and relay: TLS whose names are made up, `www.` and random letters, on both sides.
//!
//! The server's certificate decides: its issuer ends in `.com`, its subject in `.net`, both random, and nothing else
//! is named in it. From TLS 1.3 on the certificate is sealed, and this says nothing.

use super::Facts;
use crate::flow::bytes::Bytes;

const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
/// The object identifier of a common name, as a certificate carries it.
const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];

/// Whether the hello is one that a client of Tor may send.
pub(super) fn may_be(facts: &Facts) -> bool {
    facts.alpn().is_empty()
        && facts.tls_version() != "1.3"
        && is_made_up(facts.server_name.as_bytes(), b".com")
}

/// Whether the certificate in one of these handshakes is a relay's; `None` while it has not come.
pub(super) fn certificate(handshakes: [&[u8]; 2]) -> Option<bool> {
    handshakes.into_iter().find_map(|bytes| {
        let mut reader = Bytes::new(bytes);
        if reader.u8()? != SERVER_HELLO {
            return None;
        }
        let length = reader.be24()?;
        reader.skip(length as usize)?;
        if reader.u8()? != CERTIFICATE {
            return Some(false);
        }
        let length = reader.be24()?;
        Some(is_of_relay(reader.take(length as usize)?))
    })
}

/// Whether the first two common names are an issuer and a subject such as a relay invents.
fn is_of_relay(certificates: &[u8]) -> bool {
    let mut names = memchr::memmem::find_iter(certificates, &COMMON_NAME).map(|at| {
        let mut reader = Bytes::new(
            certificates
                .get(at + COMMON_NAME.len()..)
                .unwrap_or_default(),
        );
        reader
            .skip(1)
            .and_then(|()| reader.counted8())
            .map_or(&[][..], |name| name.rest())
    });
    let (issuer, subject) = (names.next(), names.next());
    issuer.is_some_and(|name| is_made_up(name, b".com"))
        && subject.is_some_and(|name| is_made_up(name, b".net"))
        && names.next().is_none()
}

/// `www.`, four to twenty-five letters of base 32, and this end.
fn is_made_up(name: &[u8], end: &[u8]) -> bool {
    name.strip_prefix(b"www.")
        .and_then(|rest| rest.strip_suffix(end))
        .is_some_and(|middle| {
            (4..=25).contains(&middle.len())
                && middle
                    .iter()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
        })
}
