//! Spotify: its search for other players on the local network, and the hello to its own servers.

use super::{Answer, Application, Facts, Hearing, Talk};
use crate::record::ApplicationClass;

pub(super) struct Spotify;

const LETTERS: &[u8] = b"SpotUdp0";

/// No hello is as long.
const LONGEST_HELLO: usize = 4_096;

impl Application for Spotify {
    fn begins(&self, first: u8) -> bool {
        matches!(first, b'S' | 0)
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        if !talk.is_tcp() {
            return Answer::when(talk.packet.starts_with(LETTERS));
        }
        // A client's hello: version 4, a length, and a message whose first fields are a group and a number.
        match talk.asked() {
            [0, 4, a, b, c, d, 0x52, _, 0x50, ..] => {
                let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                Answer::when(length < LONGEST_HELLO && length >= talk.asked().len())
            }
            said => Answer::when_more(
                said.len() < 9 && [0, 4].starts_with(said.get(..2).unwrap_or(said)),
            ),
        }
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("spotify", ApplicationClass::Streaming);
        Hearing::Enough
    }
}
