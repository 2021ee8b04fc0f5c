//! TeamViewer: the two bytes that each of its messages begins with, over TCP and, behind a number, over UDP.

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::RemoteControl;

pub(super) static TEAM_VIEWER: Signature = Signature {
    name: "teamviewer",
    class: RemoteControl,
    over: Over::Streams,
    first: b"\x17\0\x11",
    probe,
};

/// The port of its servers.
const PORT: u16 = 5938;
/// How messages of both versions of the protocol begin.
const BEGINS: [[u8; 2]; 2] = [[0x17, 0x24], [0x11, 0x30]];

fn probe(talk: &Talk<'_>) -> Answer {
    let said = talk.now();
    if !talk.is_tcp() {
        // Between two clients: ten zeros, a kind, and then as over TCP.
        let (number, message) = said.split_at_checked(11).unwrap_or_default();
        let is_bare = number.len() == 11 && number.iter().take(10).all(|byte| *byte == 0);
        return Answer::when(is_bare && begins(message) && message.len() >= 8);
    }
    match said {
        [] | [_] => Answer::NeedMore,
        // A kind, and a length that fits what has come, or the port of the maker.
        [_, _, 1..=0x7f, low, high, ..] if begins(said) => {
            let length = usize::from(u16::from_be_bytes([*low, *high])) + 5;
            Answer::when(talk.has_port(PORT) || length == said.len())
        }
        _ => Answer::when_more(begins(said) && said.len() < 5),
    }
}

fn begins(said: &[u8]) -> bool {
    BEGINS.iter().any(|begin| said.starts_with(begin))
}
