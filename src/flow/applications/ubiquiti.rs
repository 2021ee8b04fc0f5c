//! Ubiquiti's discovery of its devices: version, command, and the length of what follows.

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct Ubiquiti;

const PORT: u16 = 10_001;

impl Application for Ubiquiti {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn begins(&self, first: u8) -> bool {
        matches!(first, 1 | 2)
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let is_mine = match talk.packet {
            [1 | 2, 0..=16, high, low, rest @ ..] => {
                usize::from(u16::from_be_bytes([*high, *low])) == rest.len()
            }
            _ => false,
        };
        Answer::when(!talk.is_tcp() && talk.has_port(PORT) && is_mine)
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("ubntac2", ApplicationClass::Network);
        Hearing::Enough
    }
}
