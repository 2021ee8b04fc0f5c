//! Links to relays, known by the made-up names of both sides (up to TLS 1.2); the twin's server has a certificate of an authority.

use std::net::Ipv4Addr;

use super::super::clocks::MINUTE;
use super::super::wire::{CLIENT, SERVER, said};
use super::Script;

pub(super) static SCRIPT: Script = Script {
    rule: "tor_use",
    least: [10 * MINUTE, 10 * MINUTE],
    packets: |story, ip, random, wire| {
        for (last, at) in (30..).zip(story.moments(3)) {
            let far = (Ipv4Addr::new(198, 51, 100, last), 9_001);
            let mut made_up = |end: &str| format!("www.{}{end}", said::letters(random, 18));
            let (asked, issuer, bearer) = match story.twin {
                false => (made_up(".com"), made_up(".com"), made_up(".net")),
                true => {
                    let server = "www.classroom.example".to_owned();
                    (server.clone(), "Invented Authority".to_owned(), server)
                }
            };
            let hello = said::client_hello(random, Some(&asked), false);
            let answer = said::with_certificate(random, &issuer, &bearer);
            let mut talk = wire.connect(random, at, (ip, 48_000 + u16::from(last)), far);
            talk.says(CLIENT, &hello).says(SERVER, &answer);
            let until = talk.at + MINUTE;
            talk.sends(SERVER, 630_000, until).ends();
        }
    },
    ..Script::PLAIN
};
