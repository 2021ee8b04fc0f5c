//! MQTT: the connection's first message names its protocol (versions 3.1 to 5).

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::Network;

pub(super) static MQTT: Signature = Signature {
    name: "mqtt",
    class: Network,
    over: Over::Tcp,
    first: b"\x10",
    probe,
};

/// The protocol's name with its length, as three versions write it.
const NAMES: [&[u8]; 2] = [b"\0\x04MQTT", b"\0\x06MQIsdp"];
/// The length before it takes one to four bytes.
const LONGEST_LENGTH: usize = 4;

fn probe(talk: &Talk<'_>) -> Answer {
    let asked = talk.asked();
    let begin = asked.get(1..asked.len().min(16)).unwrap_or_default();
    let named = NAMES.iter().any(|name| {
        memchr::memmem::find(begin, name).is_some_and(|at| (1..=LONGEST_LENGTH).contains(&at))
    });
    if named {
        Answer::Mine
    } else {
        Answer::when_more(asked.len() < 14 && asked.first().is_none_or(|first| *first == 0x10))
    }
}
