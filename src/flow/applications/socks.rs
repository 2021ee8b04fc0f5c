//! SOCKS, versions 4 and 5 (RFC 1928): a proxy that is asked for other hosts, known by question and answer together.

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct Socks;

impl Application for Socks {
    fn over(&self) -> Over {
        Over::Tcp
    }

    fn begins(&self, first: u8) -> bool {
        matches!(first, 0 | 4 | 5)
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        if !talk.is_tcp() {
            return Answer::NotMine;
        }
        match (talk.asked(), talk.answered()) {
            ([], [] | [0 | 5, ..]) => Answer::NeedMore,
            ([5, count, methods @ ..], answered) => {
                if *count == 0 || methods.len() != usize::from(*count) && answered.is_empty() {
                    return Answer::NotMine;
                }
                let offered = methods.get(..usize::from(*count)).unwrap_or_default();
                match answered {
                    [] => Answer::NeedMore,
                    [5, method, ..] if offered.contains(method) || *method == 0xff => Answer::Mine,
                    _ => Answer::NotMine,
                }
            }
            ([4, 1 | 2, _, _, _, _, _, _, rest @ ..], answered) => match (rest.last(), answered) {
                (Some(0), []) => Answer::NeedMore,
                (Some(_), [0, 0x5a..=0x5d, ..]) => Answer::Mine,
                _ => Answer::NotMine,
            },
            _ => Answer::NotMine,
        }
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("socks", ApplicationClass::Proxy);
        Hearing::Enough
    }
}
