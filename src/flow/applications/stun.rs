//! STUN and TURN: the cookie that every message carries, and a length that fits (RFC 8489).

use super::{Answer, Application, Facts, Hearing, Talk};
use crate::record::ApplicationClass;

pub(super) struct Stun;

const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// A header is as long.
const HEADER: usize = 20;

impl Application for Stun {
    fn probe(&self, talk: &Talk<'_>) -> Answer {
        // Over TCP some put a length before the message (RFC 4571).
        let said = talk.now();
        let framed = said
            .get(2..)
            .filter(|rest| talk.is_tcp() && rest.get(4..8) == Some(&COOKIE[..]));
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

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("stun", ApplicationClass::VoiceVideo);
        Hearing::Enough
    }
}
