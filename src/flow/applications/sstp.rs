//! SSTP where it is not sealed (behind a load balancer that ends TLS): its own HTTP method (MS-SSTP, 3.2.4.1).

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::Vpn;

pub(super) static SSTP: Signature = Signature {
    name: "sstp",
    class: Vpn,
    over: Over::Tcp,
    first: b"S",
    probe,
};

fn probe(talk: &Talk<'_>) -> Answer {
    Answer::begins(talk.asked(), b"SSTP_DUPLEX_POST ")
}
