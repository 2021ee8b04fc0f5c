//! LDAP and CLDAP (RFC 4511): a sequence with a number and an operation.

use super::{Answer, Over, Signature, Talk};
use crate::flow::bytes::Bytes;
use crate::record::ApplicationClass::Network;

pub(super) static LDAP: Signature = Signature {
    name: "ldap",
    class: Network,
    over: Over::Streams,
    first: &[0x30],
    probe,
};

/// Where directories listen, their global catalogue too.
const PORTS: [u16; 2] = [389, 3268];
const INTEGER: u8 = 2;

fn probe(talk: &Talk<'_>) -> Answer {
    let said = talk.now();
    let mut reader = Bytes::new(said);
    let operation = (|| {
        reader.skip(1)?;
        // The length; the message itself may not have come whole.
        let first = reader.u8()?;
        if first & 0x80 != 0 {
            reader.skip(usize::from(first & 0x7f))?;
        }
        let number = reader.of_tag(INTEGER)?;
        (number.rest().len() <= 4).then_some(())?;
        reader.u8()
    })();
    let is_usual = PORTS.iter().any(|port| talk.has_port(*port));
    match operation {
        // Bind, unbind, search, change, and their answers; on other ports the two that begin every session.
        Some(0x60..=0x79 | 0x42 | 0x4a | 0x50) if is_usual => Answer::Mine,
        Some(0x60 | 0x63) => Answer::when(is_bind_or_search(reader)),
        Some(_) => Answer::NotMine,
        None => Answer::when_more(talk.is_tcp() && said.len() < 12),
    }
}

/// A bind names version 3, a search a base and a scope.
fn is_bind_or_search(mut body: Bytes<'_>) -> bool {
    let fits = (|| {
        let first = body.u8()?;
        if first & 0x80 != 0 {
            body.skip(usize::from(first & 0x7f))?;
        }
        let (tag, value) = body.tagged()?;
        match tag {
            INTEGER => Some(matches!(value, [2 | 3]) && body.u8()? == 4),
            4 => Some(body.of_tag(0x0a)?.rest().len() == 1 && body.of_tag(0x0a).is_some()),
            _ => None,
        }
    })();
    fits == Some(true)
}
