//! SSH: each end says its version first (RFC 4253, 4.2).

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct Ssh;

const GREETING: &[u8] = b"SSH-";

impl Application for Ssh {
    fn over(&self) -> Over {
        Over::Tcp
    }

    fn begins(&self, first: u8) -> bool {
        first == b'S'
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let said = talk.now();
        if !talk.is_tcp() || !(said.starts_with(GREETING) || GREETING.starts_with(said)) {
            Answer::NotMine
        } else if said.len() < GREETING.len() {
            Answer::NeedMore
        } else {
            Answer::Mine
        }
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("ssh", ApplicationClass::RemoteControl);
        Hearing::Enough
    }
}
