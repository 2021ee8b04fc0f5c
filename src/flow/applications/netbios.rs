//! NetBIOS's names and datagrams (RFC 1002): a header that fits, and a name spelt in half bytes.

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::Network;

pub(super) static NETBIOS: Signature = Signature {
    name: "netbios",
    class: Network,
    over: Over::Udp,
    first: &[],
    probe,
};

/// Where names are asked for, and where datagrams go.
const NAMES: u16 = 137;
const DATAGRAMS: u16 = 138;
/// A name of sixteen bytes is spelt in thirty-two letters.
const SPELT: u8 = 32;

fn probe(talk: &Talk<'_>) -> Answer {
    let said = talk.packet;
    let name_at = match said {
        [0x10..=0x17, flags, ..] if talk.has_port(DATAGRAMS) && *flags < 16 => 14,
        _ if talk.has_port(NAMES) => 12,
        _ => return Answer::NotMine,
    };
    let is_spelt = match said.get(name_at..) {
        Some([SPELT, name @ ..]) => name
            .get(..usize::from(SPELT))
            .is_some_and(|name| name.iter().all(|letter| (b'A'..=b'P').contains(letter))),
        // Errors and datagrams for nobody have no name.
        _ => name_at == 14,
    };
    Answer::when(is_spelt)
}
