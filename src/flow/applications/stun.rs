//! STUN and TURN: the cookie that every message carries, and a length that fits (RFC 8489).

use super::dtls;
use super::{Answer, Application, Facts, Hearing, Talk};
use crate::record::ApplicationClass;

pub(super) struct Stun;

const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// The port of relays.
const RELAY: u16 = 3478;
/// A header is as long.
const HEADER: usize = 20;

impl Application for Stun {
    fn begins(&self, first: u8) -> bool {
        first <= 0x3f || matches!(first, 0x40..=0x4f)
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        // Over TCP some put a length before the message (RFC 4571).
        let said = talk.now();
        let framed = said
            .get(2..)
            .filter(|rest| talk.is_tcp() && rest.get(4..8) == Some(&COOKIE[..]));
        // Data within a relay's channel (RFC 8656, 12.4): its number, and a length that fits.
        if let [0x40..=0x4f, _, high, low, ..] = said {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let is_padded = (4 + length..8 + length).contains(&said.len());
            return Answer::when(!talk.is_tcp() && talk.has_port(RELAY) && is_padded);
        }
        let is_mine = match framed.unwrap_or(said) {
            [0..=0x3f, _, high, low, rest @ ..] if rest.starts_with(&COOKIE) => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                length % 4 == 0 && (talk.is_tcp() || length + HEADER <= said.len())
            }
            short => {
                return Answer::when_more(
                    talk.is_tcp()
                        && short.len() < 10
                        && short.first().is_none_or(|first| *first <= 0x3f),
                );
            }
        };
        Answer::when(is_mine)
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        if facts.application.is_empty() {
            facts.name("stun", ApplicationClass::VoiceVideo);
        }
        // A call that found its way by STUN agrees on its keys by DTLS next; then come sounds and pictures.
        match talk.packet.first() {
            _ if talk.is_tcp() => Hearing::Enough,
            Some(0..=3) => Hearing::PacketsAlone,
            Some(20..=23) => {
                let hearing = dtls::Dtls.read(talk, facts);
                if facts.application == "dtls" {
                    facts.class = Some(ApplicationClass::VoiceVideo);
                }
                hearing
            }
            _ => Hearing::Enough,
        }
    }
}
