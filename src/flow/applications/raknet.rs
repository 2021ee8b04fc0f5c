//! RakNet, which many games speak: its sixteen bytes that say the message is not sealed yet.

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct RakNet;

const OFFLINE: &[u8] = b"\x00\xff\xff\x00\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78";
/// How far into the datagram they stand: behind a kind, a time, a number, or what a game puts before it all.
const FURTHEST: usize = 64;

impl Application for RakNet {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let begin = talk.packet.get(..FURTHEST).unwrap_or(talk.packet);
        let is_mine = memchr::memmem::find(begin, OFFLINE).is_some();
        Answer::when(!talk.is_tcp() && is_mine)
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("raknet", ApplicationClass::Games);
        Hearing::Enough
    }
}
