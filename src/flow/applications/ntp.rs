//! NTP: a version and a mode that fit, and the length that goes with them (RFC 5905; RFC 9327 for control).

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::Network;

pub(super) static NTP: Signature = Signature {
    name: "ntp",
    class: Network,
    over: Over::Udp,
    first: &[],
    probe,
};

const PORT: u16 = 123;
/// A packet of the clock is at least so long.
const SHORTEST: usize = 48;
/// Control messages and those of the reference implementation have shorter heads.
const SHORTEST_CONTROL: usize = 8;

fn probe(talk: &Talk<'_>) -> Answer {
    let Some(first) = talk.packet.first() else {
        return Answer::NotMine;
    };
    let (version, mode) = (first >> 3 & 7, first & 7);
    let is_long_enough = match mode {
        6 | 7 => talk.packet.len() >= SHORTEST_CONTROL,
        _ => talk.packet.len() >= SHORTEST,
    };
    Answer::when(talk.has_port(PORT) && (1..=4).contains(&version) && mode > 0 && is_long_enough)
}
