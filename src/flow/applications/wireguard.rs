//! WireGuard: four kinds of message with fixed heads (whitepaper, section 5.4).

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct WireGuard;

/// Length of the message that opens a session, and of its answer.
const INITIATION: usize = 148;
const RESPONSE: usize = 92;
const COOKIE: usize = 64;
/// A data message has at least its head and a tag.
const SHORTEST_DATA: usize = 32;

impl Application for WireGuard {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn begins(&self, first: u8) -> bool {
        matches!(first, 1..=4)
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        if talk.is_tcp() {
            return Answer::NotMine;
        }
        match (talk.packet.first_chunk::<4>(), talk.packet.len()) {
            (Some([1, 0, 0, 0]), INITIATION) | (Some([2, 0, 0, 0]), RESPONSE) => Answer::Mine,
            // Cloudflare's WARP writes its client's number where the others have zeros; question and answer carry the same.
            (Some([1, ..]), INITIATION) if !talk.from_initiator || talk.answered().is_empty() => {
                Answer::NeedMore
            }
            (Some([2, number @ ..]), RESPONSE) if !talk.from_initiator => Answer::when(
                talk.asked().len() == INITIATION
                    && talk.asked().first() == Some(&1)
                    && talk.asked().get(1..4) == Some(number)
                    && talk.answered().len() == RESPONSE,
            ),
            (Some([3, 0, 0, 0]), COOKIE) => Answer::NeedMore,
            (Some([4, 0, 0, 0]), length) if length >= SHORTEST_DATA && length % 16 == 0 => {
                data(talk)
            }
            _ => Answer::NotMine,
        }
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        let name = match talk.packet {
            [_, 0, 0, 0, ..] => "wireguard",
            _ => "cloudflare_warp",
        };
        facts.name(name, ApplicationClass::Vpn);
        Hearing::Enough
    }
}

/// Data seen without a handshake: a second message of the same end to the same session, counting on.
fn data(talk: &Talk<'_>) -> Answer {
    let first = if talk.from_initiator {
        talk.asked()
    } else {
        talk.answered()
    };
    let (Some((session, counter)), Some((before, earlier))) =
        (session(talk.packet), session(first))
    else {
        return Answer::NotMine;
    };
    if session == before && counter > earlier && counter - earlier < 1 << 20 {
        Answer::Mine
    } else if session == before && counter == earlier {
        Answer::NeedMore
    } else {
        Answer::NotMine
    }
}

/// The receiver's number and the counter of a data message.
fn session(message: &[u8]) -> Option<([u8; 4], u64)> {
    let receiver = message.get(4..)?.first_chunk::<4>()?;
    let counter = message.get(8..)?.first_chunk::<8>()?;
    Some((*receiver, u64::from_le_bytes(*counter)))
}
