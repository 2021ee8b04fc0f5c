//! DTLS: TLS in datagrams; with the number that only Cisco's AnyConnect still sends, that VPN.

use super::client_hello::{Carrier, ClientHello};
use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::flow::bytes::Bytes;
use crate::record::ApplicationClass;

pub(super) struct Dtls;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// What OpenSSL calls a bad version: from before the standard, and AnyConnect's alone.
const ANYCONNECT: u16 = 0x0100;
/// Versions 1.0, 1.2 and 1.3.
const VERSIONS: [u16; 4] = [0xfeff, 0xfefd, 0xfefc, ANYCONNECT];

impl Application for Dtls {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn begins(&self, first: u8) -> bool {
        first == HANDSHAKE
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        Answer::when(!talk.is_tcp() && handshake(talk.packet).is_some())
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        let Some((version, mut message)) = handshake(talk.packet) else {
            return Hearing::GoOn;
        };
        if version == ANYCONNECT {
            facts.name("cisco_anyconnect", ApplicationClass::Vpn);
        } else if matches!(facts.application, "" | "stun") {
            facts.name("dtls", ApplicationClass::UnknownEncrypted);
        }
        let body = (|| {
            let kind = message.u8()?;
            let whole = message.be24()?;
            // The number of the message; then where this piece begins and how long it is.
            message.skip(2)?;
            let (begin, length) = (message.be24()?, message.be24()?);
            (kind == CLIENT_HELLO && begin == 0 && length == whole)
                .then(|| message.take(length as usize))?
        })();
        match body.and_then(|body| ClientHello::read(body, Carrier::Dtls)) {
            // The name that a call's own library gives here is not a server's, but it is what is said.
            Some(hello) => {
                hello.tell(Carrier::Dtls, facts);
                Hearing::Enough
            }
            None => Hearing::GoOn,
        }
    }
}

/// The version and the message of a record that holds a handshake in the clear.
fn handshake(packet: &[u8]) -> Option<(u16, Bytes<'_>)> {
    let mut reader = Bytes::new(packet);
    let (kind, version, epoch) = (reader.u8()?, reader.be16()?, reader.be16()?);
    reader.skip(6)?;
    let record = reader.counted16()?;
    let is_handshake = kind == HANDSHAKE && epoch == 0 && VERSIONS.contains(&version);
    (is_handshake && record.rest().len() >= 12).then_some((version, record))
}
