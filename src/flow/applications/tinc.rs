//! tinc: two ends that give each other their names in clear, `0 name 17`, before keys are exchanged.

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct Tinc;

/// The longest greeting that is waited for.
const LONGEST: usize = 128;

impl Application for Tinc {
    fn over(&self) -> Over {
        Over::Tcp
    }

    fn begins(&self, first: u8) -> bool {
        first == b'0'
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        if !talk.is_tcp() {
            return Answer::NotMine;
        }
        match [greeting(talk.asked()), greeting(talk.answered())] {
            [Answer::Mine, Answer::Mine] => Answer::Mine,
            [Answer::NotMine, _] | [_, Answer::NotMine] => Answer::NotMine,
            _ => Answer::NeedMore,
        }
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("tinc", ApplicationClass::Vpn);
        Hearing::Enough
    }
}

/// Whether an end greets as tinc does: the number of the message, a name, a version of the protocol.
fn greeting(said: &[u8]) -> Answer {
    let line = match memchr::memchr(b'\n', said) {
        Some(end) => said.get(..end).unwrap_or_default(),
        None if said.len() < LONGEST && b"0 ".starts_with(said.get(..2).unwrap_or(said)) => {
            return Answer::NeedMore;
        }
        None => return Answer::NotMine,
    };
    let mut words = line.split(|byte| *byte == b' ');
    let is_name = |name: &[u8]| {
        !name.is_empty()
            && name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    let is_version = |word: &[u8]| word.starts_with(b"17") && word.len() <= 6;
    let is_mine = words.next() == Some(b"0")
        && words.next().is_some_and(is_name)
        && words.next().is_some_and(is_version);
    Answer::when(is_mine && words.next().is_none())
}
