//! PPTP's control connection (RFC 2637): its magic number stands in the first message.

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::flow::bytes::Bytes;
use crate::record::ApplicationClass;

pub(super) struct Pptp;

const MAGIC: u32 = 0x1a2b_3c4d;

impl Application for Pptp {
    fn over(&self) -> Over {
        Over::Tcp
    }

    fn begins(&self, first: u8) -> bool {
        first == 0
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        if !talk.is_tcp() {
            return Answer::NotMine;
        }
        let mut message = Bytes::new(talk.now());
        match (message.be16(), message.be16(), message.be32()) {
            (Some(_), Some(1 | 2), Some(MAGIC)) => Answer::Mine,
            _ => Answer::NotMine,
        }
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("pptp", ApplicationClass::Vpn);
        Hearing::Enough
    }
}
