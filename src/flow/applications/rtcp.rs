//! RTCP, also sealed: reports whose lengths fit the datagram (RFC 3550, 6; RFC 3711 adds an end).

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::VoiceVideo;

pub(super) static RTCP: Signature = Signature {
    name: "rtcp",
    class: VoiceVideo,
    over: Over::Udp,
    first: &FIRST,
    probe,
};

/// Version 2 without padding, and how many reports there are.
const FIRST: [u8; 32] = *b"\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f";
/// Its kinds: reports, descriptions, farewells, feedback.
const KINDS: std::ops::RangeInclusive<u8> = 200..=207;

fn probe(talk: &Talk<'_>) -> Answer {
    let first = if talk.from_initiator {
        talk.asked()
    } else {
        talk.answered()
    };
    match (sender(first), sender(talk.packet)) {
        // The first packet is the one that is asked about.
        (Some(before), Some(now)) if before == now && first == talk.packet => Answer::NeedMore,
        (Some(before), Some(now)) => Answer::when(before == now),
        _ => Answer::NotMine,
    }
}

/// Who reports; `None` if this is no report.
fn sender(packet: &[u8]) -> Option<[u8; 4]> {
    let ([head, kind, high, low, sender @ ..], _) = packet.split_first_chunk::<8>()?;
    let length = (usize::from(u16::from_be_bytes([*high, *low])) + 1) * 4;
    let fits = head >> 5 == 4 && KINDS.contains(kind) && length <= packet.len();
    fits.then_some(*sender)
}
