//! RakNet, which many games speak: its sixteen bytes that say the message is not sealed yet.

use super::{Answer, Application, Facts, Hearing, Talk};
use crate::record::ApplicationClass;

pub(super) struct RakNet;

const OFFLINE: &[u8] = b"\x00\xff\xff\x00\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78";
/// Pings carry a time, or time and number, before those bytes; other messages their kind alone.
const PLACES: [usize; 3] = [1, 9, 17];

impl Application for RakNet {
    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let is_mine = PLACES.iter().any(|at| {
            talk.packet
                .get(*at..)
                .is_some_and(|rest| rest.starts_with(OFFLINE))
        });
        Answer::when(!talk.is_tcp() && is_mine)
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("raknet", ApplicationClass::Games);
        Hearing::Enough
    }
}
