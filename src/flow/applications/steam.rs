//! Steam: its search for players on the local network, and its relays' pings.

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::Games;

pub(super) static STEAM: Signature = Signature {
    name: "steam",
    class: Games,
    over: Over::Streams,
    first: b"\xff\x01V",
    probe,
};

/// Discovery of Remote Play, a relay's ping, and the connection of the older client.
const DISCOVERY: &[u8] = b"\xff\xff\xff\xff\x21\x4c\x5f\xa0";
const PING: &[u8] = b"\x01\x81sdping";
const OLDER: &[u8] = b"VS01";
/// What a server of games is asked.
const QUESTION: &[u8] = b"\xff\xff\xff\xffTSource Engine Query\0";

fn probe(talk: &Talk<'_>) -> Answer {
    let said = talk.packet;
    Answer::when(
        !talk.is_tcp()
            && [DISCOVERY, PING, OLDER, QUESTION]
                .iter()
                .any(|begin| said.starts_with(begin)),
    )
}
