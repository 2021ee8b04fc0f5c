//! Zoom's media: the greeting of a client on the ports of its servers, and their answer.

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::VoiceVideo;

pub(super) static ZOOM: Signature = Signature {
    name: "zoom",
    class: VoiceVideo,
    over: Over::Udp,
    first: b"\x01\x02",
    probe,
};

/// Where the servers listen.
const FIRST_PORT: u16 = 8801;
const LAST_PORT: u16 = 8810;

fn probe(talk: &Talk<'_>) -> Answer {
    let is_usual = talk
        .ports
        .iter()
        .any(|port| (FIRST_PORT..=LAST_PORT).contains(port));
    // A question or an answer, then a number of seventeen bytes that both carry.
    let fits = matches!(talk.packet, [1 | 2, 0, 2 | 3, rest @ ..] if rest.len() >= 17);
    Answer::when(is_usual && fits)
}
