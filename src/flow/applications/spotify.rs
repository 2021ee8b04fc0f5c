//! Spotify's search for other players on the local network.

use super::{Answer, Application, Facts, Hearing, Talk};
use crate::record::ApplicationClass;

pub(super) struct Spotify;

const LETTERS: &[u8] = b"SpotUdp0";

impl Application for Spotify {
    fn probe(&self, talk: &Talk<'_>) -> Answer {
        Answer::when(!talk.is_tcp() && talk.packet.starts_with(LETTERS))
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("spotify", ApplicationClass::Streaming);
        Hearing::Enough
    }
}
