//! SNMP, versions 1 to 3: a sequence as long as the datagram, a version, and a community or a header (RFC 1157, 3412).

use super::{Answer, Over, Signature, Talk};
use crate::flow::bytes::Bytes;
use crate::record::ApplicationClass::Network;

pub(super) static SNMP: Signature = Signature {
    name: "snmp",
    class: Network,
    over: Over::Udp,
    first: &[SEQUENCE],
    probe,
};

/// Tags of ASN.1.
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 2;
const OCTETS: u8 = 4;

fn probe(talk: &Talk<'_>) -> Answer {
    let mut reader = Bytes::new(talk.packet);
    let fits = (|| {
        let (tag, message) = reader.tagged()?;
        let mut message = Bytes::new(message);
        let (kind, version) = message.tagged()?;
        let (next, _) = message.tagged()?;
        let of_version = match version {
            [0 | 1] => next == OCTETS,
            [3] => next == SEQUENCE,
            _ => false,
        };
        Some(tag == SEQUENCE && kind == INTEGER && of_version && reader.is_empty())
    })();
    Answer::when(fits == Some(true))
}
