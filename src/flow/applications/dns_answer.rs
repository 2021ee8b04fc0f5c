//! What a name server answered, as a record of its own: RFC 1035, 4.1, with the types that a school's network sees.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Talk;
use super::dns::name;
use crate::flow::bytes::Bytes;
use crate::record::{DnsQuery, Word, from_store_ip};

/// How many answers of a message are kept.
const MOST_ANSWERS: u16 = 16;
/// Numbers of types.
const A: u16 = 1;
const CNAME: u16 = 5;
const PTR: u16 = 12;
const AAAA: u16 = 28;

/// The question that this message answers; `None` if it answers none.
pub(super) fn read(message: &[u8], talk: &Talk<'_>) -> Option<DnsQuery<'static>> {
    let mut reader = Bytes::new(message);
    reader.skip(2)?;
    let flags = reader.be16()?;
    let (asked, answers) = (reader.be16()?, reader.be16()?);
    reader.skip(4)?;
    if flags & 0x8000 == 0 || asked != 1 {
        return None;
    }
    let qname = name(message, &mut reader)?;
    let kind = reader.be16()?;
    reader.skip(2)?;
    let [initiator, responder] = talk.addresses;
    let [initiator_port, responder_port] = talk.ports;
    let (client, client_port, server) = if talk.from_initiator {
        (responder, responder_port, initiator)
    } else {
        (initiator, initiator_port, responder)
    };
    Some(DnsQuery {
        time: talk.time,
        client_ip: Some(from_store_ip(client.into())),
        client_port: Some(client_port),
        server_ip: Some(from_store_ip(server.into())),
        qname: Word::from(qname),
        qtype: type_name(kind),
        rcode: code_name(flags & 0x0f),
        answers: each(message, reader, answers.min(MOST_ANSWERS)),
        action: None,
        categories: Vec::new(),
        lists: Vec::new(),
    })
}

/// The answers whose meaning is an address or a name; where the message breaks off, those before.
fn each<'a>(message: &'a [u8], mut reader: Bytes<'a>, count: u16) -> Vec<Word<'static>> {
    let mut answers = Vec::new();
    for _ in 0..count {
        let read = (|| {
            name(message, &mut reader)?;
            let kind = reader.be16()?;
            reader.skip(6)?;
            // A name in the value may point back into the message.
            let mut value = reader;
            let length = usize::from(value.be16()?);
            reader.skip(2 + length)?;
            Some(match kind {
                A => value.array().map(|bytes| Ipv4Addr::from(bytes).to_string()),
                AAAA => value
                    .array::<16>()
                    .map(|bytes| Ipv6Addr::from(bytes).to_string()),
                CNAME | PTR => name(message, &mut value),
                _ => None,
            })
        })();
        match read {
            Some(answer) => answers.extend(answer.map(Word::from)),
            None => break,
        }
    }
    answers
}

/// The name of a type; those without one as RFC 3597 writes them.
fn type_name(kind: u16) -> Word<'static> {
    Word::from(match kind {
        A => "A",
        2 => "NS",
        CNAME => "CNAME",
        6 => "SOA",
        PTR => "PTR",
        15 => "MX",
        16 => "TXT",
        AAAA => "AAAA",
        33 => "SRV",
        35 => "NAPTR",
        43 => "DS",
        48 => "DNSKEY",
        64 => "SVCB",
        65 => "HTTPS",
        255 => "ANY",
        _ => return Word::from(format!("TYPE{kind}")),
    })
}

/// The name of an answer's code.
fn code_name(code: u16) -> Word<'static> {
    Word::from(match code {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        _ => return Word::from(format!("RCODE{code}")),
    })
}
