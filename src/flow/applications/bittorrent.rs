//! BitTorrent: the handshake between peers, the distributed table, local discovery, trackers over UDP (BEP 3, 5, 14, 15).

use super::{Answer, Application, Facts, Hearing, Talk};
use crate::record::ApplicationClass;

pub(super) struct BitTorrent;

const HANDSHAKE: &[u8] = b"\x13BitTorrent protocol";
/// How messages of the table begin: a question and an answer with a node's number of twenty bytes.
const TABLE: [&[u8]; 2] = [b"d1:ad2:id20:", b"d1:rd2:id20:"];
const DISCOVERY: &[u8] = b"BT-SEARCH * HTTP/1.1\r\n";
/// The number by which a tracker is asked for a connection.
const TRACKER: &[u8] = b"\x00\x00\x04\x17\x27\x10\x19\x80\x00\x00\x00\x00";

impl Application for BitTorrent {
    fn begins(&self, first: u8) -> bool {
        matches!(first, 0 | 0x13 | b'd' | b'B')
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let said = talk.now();
        let is_mine = if talk.is_tcp() {
            if said.len() < HANDSHAKE.len() && HANDSHAKE.starts_with(said) {
                return Answer::NeedMore;
            }
            said.starts_with(HANDSHAKE)
        } else {
            TABLE.iter().any(|begin| said.starts_with(begin))
                || said.starts_with(DISCOVERY)
                || (said.len() == 16 && said.starts_with(TRACKER))
        };
        if is_mine {
            Answer::Mine
        } else {
            Answer::NotMine
        }
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("bittorrent", ApplicationClass::P2p);
        Hearing::Enough
    }
}
