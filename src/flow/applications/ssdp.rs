//! SSDP: searches and notices of UPnP, on whatever port the answer comes back to.

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct Ssdp;

/// How messages begin; an answer over UDP is nothing else's.
const BEGINS: [&[u8]; 3] = [
    b"M-SEARCH * HTTP/1.1",
    b"NOTIFY * HTTP/1.1",
    b"HTTP/1.1 200 OK\r\n",
];

impl Application for Ssdp {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn begins(&self, first: u8) -> bool {
        matches!(first, b'M' | b'N' | b'H')
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let said = talk.packet;
        Answer::when(!talk.is_tcp() && BEGINS.iter().any(|begin| said.starts_with(begin)))
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("ssdp", ApplicationClass::Network);
        Hearing::Enough
    }
}
