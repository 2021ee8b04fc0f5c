//! Tailscale: how its nodes look for a way to each other, next to the WireGuard they then speak.

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct Tailscale;

/// The letters of a discovery message, and how long it is at least: key, nonce and seal.
const LETTERS: &[u8] = b"TS\xf0\x9f\x92\xac";
const SHORTEST: usize = LETTERS.len() + 32 + 24 + 16;

impl Application for Tailscale {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn begins(&self, first: u8) -> bool {
        first == b'T'
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let said = talk.packet;
        Answer::when(!talk.is_tcp() && said.len() >= SHORTEST && said.starts_with(LETTERS))
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("tailscale", ApplicationClass::Vpn);
        Hearing::Enough
    }
}
