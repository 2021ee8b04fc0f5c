//! TLS over TCP: the Client Hello across records and segments, and the version that the server chose.

use super::client_hello::{Carrier, ClientHello, chosen_version};
use super::tor;
use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::flow::bytes::Bytes;
use crate::record::ApplicationClass;

pub(super) struct Tls;

/// Record types.
const HANDSHAKE: u8 = 22;
/// Handshake messages.
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
/// The longest record (RFC 5246, 6.2.3).
const LONGEST_RECORD: u16 = 16_384 + 2_048;
/// Ports on which records in the middle of a stream are believed to be TLS.
const USUAL_PORTS: [u16; 8] = [443, 465, 636, 853, 993, 995, 8443, 5061];

impl Application for Tls {
    fn over(&self) -> Over {
        Over::Tcp
    }

    fn begins(&self, first: u8) -> bool {
        (20..=23).contains(&first)
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        if !talk.is_tcp() {
            return Answer::NotMine;
        }
        let said = talk.now();
        if said.len() < 6 {
            let may_become = said.first().is_none_or(|kind| (20..=23).contains(kind));
            return if may_become {
                Answer::NeedMore
            } else {
                Answer::NotMine
            };
        }
        let mut reader = Bytes::new(said);
        let head = (|| {
            Some((
                reader.u8()?,
                reader.u8()?,
                reader.u8()?,
                reader.be16()?,
                reader.u8()?,
            ))
        })();
        let Some((kind, 3, minor, length, first)) = head else {
            return Answer::NotMine;
        };
        if minor > 4 || length == 0 || length > LONGEST_RECORD {
            return Answer::NotMine;
        }
        match kind {
            HANDSHAKE if matches!(first, CLIENT_HELLO | SERVER_HELLO) => Answer::Mine,
            20..=23 if talk.ports.iter().any(|port| USUAL_PORTS.contains(port)) => Answer::Mine,
            20..=23 => middle(said),
            _ => Answer::NotMine,
        }
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        let asked = handshake(talk.asked());
        let answered = handshake(talk.answered());
        // The one who opened the connection is not always the one who says hello.
        let hello = message(&asked, CLIENT_HELLO);
        let is_of_initiator = hello.is_some();
        let hello = hello.or_else(|| message(&answered, CLIENT_HELLO));
        let has_hello = hello.is_some();
        let answer = [&answered, &asked]
            .into_iter()
            .find_map(|said| message(said, SERVER_HELLO));
        if let Some(hello) = hello
            && !facts.has_hello()
            && let Some(hello) = ClientHello::read(hello, Carrier::Tls)
        {
            hello.tell(Carrier::Tls, facts);
        }
        if let Some(version) = answer.and_then(chosen_version) {
            facts.agree(version);
        }
        let (name, class) = kind_of_use(talk, facts.alpn());
        facts.name(name, class);
        if answer.is_some() && tor::may_be(facts) {
            // Up to version 1.2 the certificate is in clear, and comes next.
            match tor::certificate([&answered, &asked]) {
                Some(true) => {
                    facts.name("tor", ApplicationClass::Anonymiser);
                    Hearing::Enough
                }
                Some(false) => Hearing::Enough,
                None => Hearing::GoOn,
            }
        } else if answer.is_some() && (facts.has_hello() || !talk.is_from_start) {
            Hearing::Enough
        } else if has_hello && facts.has_hello() {
            // Only the answer is still to come.
            Hearing::Without {
                initiator: is_of_initiator,
            }
        } else if let Some(initiator) = tells_nothing(talk) {
            Hearing::Without { initiator }
        } else {
            Hearing::GoOn
        }
    }
}

/// The end whose first record is no handshake: no hello will be found behind it. True is the initiator.
fn tells_nothing(talk: &Talk<'_>) -> Option<bool> {
    let is_other = |said: &[u8]| said.first().is_some_and(|kind| *kind != HANDSHAKE);
    match (is_other(talk.asked()), is_other(talk.answered())) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// Whether records in the middle of a stream are TLS's wherever it runs: they end where what was said ends, and either
/// there are several, or the one is of the version that has been written since 2008.
fn middle(said: &[u8]) -> Answer {
    let mut reader = Bytes::new(said);
    let mut records = 0;
    while let (Some(20..=23), Some([3, minor @ 0..=4]), Some(length)) =
        (reader.u8(), reader.array(), reader.be16())
    {
        let is_likely = length > 0 && length <= LONGEST_RECORD;
        if !is_likely || reader.skip(usize::from(length)).is_none() {
            return Answer::when_more(is_likely);
        }
        records += 1;
        if reader.is_empty() {
            return Answer::when(records > 1 || minor == 3 && length >= 16);
        }
    }
    Answer::NotMine
}

/// Listens for a Client Hello at the beginning of what was said; true once it is known or will not come.
pub(super) fn hear_hello(said: &[u8], facts: &mut Facts) -> bool {
    let bytes = handshake(said);
    let hello =
        message(&bytes, CLIENT_HELLO).and_then(|hello| ClientHello::read(hello, Carrier::Tls));
    if let Some(hello) = &hello {
        hello.tell(Carrier::Tls, facts);
    }
    hello.is_some() || said.first().is_some_and(|kind| *kind != HANDSHAKE)
}

/// What TLS is used for here, as the protocol it negotiates or else its port says.
fn kind_of_use(talk: &Talk<'_>, alpn: &str) -> (&'static str, ApplicationClass) {
    let any = |ports: &[u16]| ports.iter().any(|port| talk.has_port(*port));
    match alpn {
        "dot" => ("dns_over_tls", ApplicationClass::EncryptedDns),
        _ if any(&[853]) => ("dns_over_tls", ApplicationClass::EncryptedDns),
        "h2" | "http/1.1" | "http/1.0" => ("tls", ApplicationClass::Web),
        "imap" => ("imaps", ApplicationClass::Mail),
        "pop3" => ("pop3s", ApplicationClass::Mail),
        // Mail sealed from its first byte has ports of its own (RFC 8314).
        _ if any(&[465]) => ("smtps", ApplicationClass::Mail),
        _ if any(&[993]) => ("imaps", ApplicationClass::Mail),
        _ if any(&[995]) => ("pop3s", ApplicationClass::Mail),
        _ if any(&[25, 587]) => ("tls", ApplicationClass::Mail),
        _ if any(&[443, 8443]) => ("tls", ApplicationClass::Web),
        _ => ("tls", ApplicationClass::UnknownEncrypted),
    }
}

/// The handshake's bytes out of the records they are cut into.
fn handshake(said: &[u8]) -> Vec<u8> {
    let mut reader = Bytes::new(said);
    let mut bytes = Vec::new();
    while let (Some(HANDSHAKE), Some(_), Some(length)) = (reader.u8(), reader.be16(), reader.be16())
    {
        match reader.take(usize::from(length)) {
            Some(part) => bytes.extend_from_slice(part),
            None => {
                bytes.extend_from_slice(reader.rest());
                break;
            }
        }
    }
    bytes
}

/// The body of the first message, if it is whole and of this kind.
fn message(handshake: &[u8], kind: u8) -> Option<&[u8]> {
    let mut reader = Bytes::new(handshake);
    if reader.u8()? != kind {
        return None;
    }
    let length = reader.be24()?;
    reader.take(length as usize)
}
