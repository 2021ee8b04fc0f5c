//! VNC: the server says the version of its protocol first (RFC 6143, 7.1.1).

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct Vnc;

const GREETING: [&[u8]; 1] = [b"RFB 00"];

impl Application for Vnc {
    fn over(&self) -> Over {
        Over::Tcp
    }

    fn begins(&self, first: u8) -> bool {
        first == b'R'
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let said = talk.now();
        if !talk.is_tcp() {
            Answer::NotMine
        } else if said.starts_with(GREETING[0]) {
            Answer::Mine
        } else {
            Answer::may_begin(said, &GREETING)
        }
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("vnc", ApplicationClass::RemoteControl);
        Hearing::Enough
    }
}
