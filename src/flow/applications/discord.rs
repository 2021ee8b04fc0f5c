//! Discord's voice: each end asks the server for its own address before it speaks.

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct Discord;

/// A question and an answer of the discovery: kind, a length of 70, then number, address and port.
const DISCOVERY: [&[u8]; 2] = [b"\0\x01\0\x46", b"\0\x02\0\x46"];
/// How a sign of life begins; the counter after it is followed by three zeros.
const ALIVE: &[u8] = b"\x13\x37\xca\xfe";

impl Application for Discord {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn begins(&self, first: u8) -> bool {
        matches!(first, 0 | 0x13)
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let said = talk.packet;
        let is_discovery =
            said.len() == 74 && DISCOVERY.iter().any(|begin| said.starts_with(begin));
        let is_alive = said.len() == 8 && said.starts_with(ALIVE);
        Answer::when(!talk.is_tcp() && (is_discovery || is_alive))
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("discord", ApplicationClass::VoiceVideo);
        Hearing::Enough
    }
}
