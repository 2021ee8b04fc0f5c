//! Dropbox's search for its other copies on the local network.

use super::{Answer, Application, Facts, Hearing, Talk};
use crate::record::ApplicationClass;

pub(super) struct Dropbox;

const PORT: u16 = 17_500;

impl Application for Dropbox {
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
