//! WhatsApp's own connection: an edge header, or at once the letters and version of its Noise handshake.

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct WhatsApp;

/// How the header that routes a connection begins, and how the handshake does without one.
const BEGINS: [&[u8]; 2] = [b"ED\0\x01", b"WA"];

impl Application for WhatsApp {
    fn over(&self) -> Over {
        Over::Tcp
    }

    fn begins(&self, first: u8) -> bool {
        matches!(first, b'E' | b'W')
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        if !talk.is_tcp() {
            return Answer::NotMine;
        }
        match talk.asked() {
            [b'W', b'A', version, dictionary, ..] => {
                Answer::when(*version <= 8 && *dictionary <= 8)
            }
            asked => match asked.strip_prefix(BEGINS[0]) {
                // A routing header's length of three bytes, then the edge's number and the letters.
                Some(rest) if rest.len() < 9 => Answer::NeedMore,
                Some([0, 0, length, rest @ ..]) => {
                    let letters = rest.get(..usize::from(*length) + 2).unwrap_or(rest);
                    Answer::when(letters.windows(2).any(|two| two == b"WA"))
                }
                Some(_) => Answer::NotMine,
                None => Answer::may_begin(asked, &BEGINS),
            },
        }
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("whatsapp", ApplicationClass::Messaging);
        Hearing::Enough
    }
}
