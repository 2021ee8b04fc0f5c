//! Telegram's calls through its relays: a tag of sixteen bytes, then twelve bytes of ones.

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct Telegram;

/// How many bytes the tag has.
const TAG: usize = 16;

impl Application for Telegram {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let after_tag = talk.packet.get(TAG..TAG + 12).unwrap_or_default();
        let is_mine = !after_tag.is_empty() && after_tag.iter().all(|byte| *byte == 0xff);
        Answer::when(!talk.is_tcp() && is_mine)
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("telegram", ApplicationClass::VoiceVideo);
        Hearing::Enough
    }
}
