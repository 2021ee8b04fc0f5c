//! SoftEther's own protocol where it is not sealed: it asks for a picture or a script that no web server has.

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::Vpn;

pub(super) static SOFT_ETHER: Signature = Signature {
    name: "softether",
    class: Vpn,
    over: Over::Tcp,
    first: b"P",
    probe,
};

/// How a client opens its session.
const OPENS: &[u8] = b"POST /vpnsvc/";

fn probe(talk: &Talk<'_>) -> Answer {
    Answer::begins(talk.asked(), OPENS)
}
