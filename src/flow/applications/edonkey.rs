//! eDonkey and eMule: the greeting of peers and servers, with a length that fits.

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct EDonkey;

/// Greetings: between peers, to a server, and their answers.
const HELLO: u8 = 0x01;
const HELLO_ANSWER: u8 = 0x4c;
/// No greeting is as long.
const LONGEST: u32 = 2_048;

impl Application for EDonkey {
    fn over(&self) -> Over {
        Over::Tcp
    }

    fn begins(&self, first: u8) -> bool {
        first == 0xe3
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        match talk.now() {
            _ if !talk.is_tcp() => Answer::NotMine,
            [] => Answer::NeedMore,
            [0xe3, a, b, c, d, kind, rest @ ..] => {
                let length = u32::from_le_bytes([*a, *b, *c, *d]);
                let fits = (24..LONGEST).contains(&length) && rest.len() < LONGEST as usize;
                // A peer's hello counts its own hash before it; the answer has the hash at once.
                let has_hash = *kind == HELLO && matches!(rest, [16, ..]) || *kind == HELLO_ANSWER;
                let is_server = *kind == HELLO && talk.ports.contains(&4661);
                Answer::when(fits && (has_hash || is_server))
            }
            [0xe3, ..] => Answer::NeedMore,
            _ => Answer::NotMine,
        }
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("edonkey", ApplicationClass::P2p);
        Hearing::Enough
    }
}
