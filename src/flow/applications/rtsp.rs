//! RTSP: a request for a stream, or the answer to one (RFC 2326, 7826).

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct Rtsp;

/// What a request line must hold and how an answer begins.
const VERSION: &[u8] = b" RTSP/";
const ANSWER: &[u8] = b"RTSP/";

impl Application for Rtsp {
    fn over(&self) -> Over {
        Over::Tcp
    }

    fn begins(&self, first: u8) -> bool {
        first.is_ascii_uppercase()
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let said = talk.now();
        if !talk.is_tcp() || !said.first().is_some_and(u8::is_ascii_uppercase) {
            return Answer::NotMine;
        }
        if said.starts_with(ANSWER) {
            return Answer::Mine;
        }
        let said = said.get(..2_048).unwrap_or(said);
        match memchr::memchr(b'\n', said) {
            Some(end) => {
                let line = said.get(..end).unwrap_or_default();
                Answer::when(memchr::memmem::find(line, VERSION).is_some())
            }
            None if said.len() < 2_048 => Answer::NeedMore,
            None => Answer::NotMine,
        }
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("rtsp", ApplicationClass::Streaming);
        Hearing::Enough
    }
}
