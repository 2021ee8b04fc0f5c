//! HTTP/2 in clear: the preface that every client sends first (RFC 9113, 3.4).

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::Web;

pub(super) static HTTP2: Signature = Signature {
    name: "http2",
    class: Web,
    over: Over::Tcp,
    first: b"P",
    probe,
};

fn probe(talk: &Talk<'_>) -> Answer {
    Answer::begins(talk.asked(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
}
