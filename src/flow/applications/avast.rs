//! Avast's questions about files and sites: its letters and the length of the message.

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct Avast;

const LETTERS: [&[u8]; 1] = [b"NOSA"];

impl Application for Avast {
    fn over(&self) -> Over {
        Over::Tcp
    }

    fn begins(&self, first: u8) -> bool {
        first == b'N'
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let said = talk.now();
        if !talk.is_tcp() {
            return Answer::NotMine;
        }
        match said {
            [b'N', b'O', b'S', b'A', high, low, ..] => {
                Answer::when(usize::from(u16::from_be_bytes([*high, *low])) >= said.len().min(16))
            }
            _ => Answer::may_begin(said, &LETTERS),
        }
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("avast", ApplicationClass::Network);
        Hearing::Enough
    }
}
