//! SIP: a request with its version, or a status line (RFC 3261).

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::VoiceVideo;

pub(super) static SIP: Signature = Signature {
    name: "sip",
    class: VoiceVideo,
    over: Over::Streams,
    first: b"IABCORSUMNP",
    probe,
};

/// How requests and answers begin.
const BEGINS: [&[u8]; 15] = [
    b"SIP/2.0 ",
    b"INVITE ",
    b"ACK ",
    b"BYE ",
    b"CANCEL ",
    b"OPTIONS ",
    b"REGISTER ",
    b"SUBSCRIBE ",
    b"NOTIFY ",
    b"MESSAGE ",
    b"INFO ",
    b"PRACK ",
    b"UPDATE ",
    b"REFER ",
    b"PUBLISH ",
];
/// What a request's address begins with.
const SCHEMES: [&[u8]; 3] = [b"sip:", b"sips:", b"tel:"];

fn probe(talk: &Talk<'_>) -> Answer {
    let said = talk.now();
    let Some(begin) = BEGINS.iter().find(|begin| said.starts_with(begin)) else {
        return Answer::may_begin(said, &BEGINS);
    };
    if begin.starts_with(b"SIP") {
        return Answer::Mine;
    }
    let target = said.get(begin.len()..).unwrap_or_default();
    if SCHEMES.iter().any(|scheme| target.starts_with(scheme)) {
        Answer::Mine
    } else {
        Answer::may_begin(target, &SCHEMES)
    }
}
