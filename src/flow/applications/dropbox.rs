//! Dropbox's search for its other copies on the local network.

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct Dropbox;

const PORT: u16 = 17_500;

impl Application for Dropbox {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn begins(&self, first: u8) -> bool {
        first == b'{'
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let said = talk.packet;
        let is_mine =
            said.starts_with(b"{\"") && memchr::memmem::find(said, b"\"host_int\"").is_some();
        Answer::when(!talk.is_tcp() && talk.has_port(PORT) && is_mine)
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("dropbox", ApplicationClass::FileTransfer);
        Hearing::Enough
    }
}
