//! Names asked over TLS (RFC 7858) of a far resolver; the twin is a phone that tries twice whether it could.

use std::net::Ipv4Addr;

use super::super::clocks::MINUTE;
use super::super::wire::{CLIENT, SERVER, said};
use super::Script;

pub(super) static SCRIPT: Script = Script {
    rule: "encrypted_dns",
    least: [10 * MINUTE, 10 * MINUTE],
    packets: |story, ip, random, wire| {
        let far = (Ipv4Addr::new(198, 51, 100, 85), 853);
        for (port, at) in (41_000..).zip(story.moments(story.of(14, 2))) {
            let hello = said::client_hello(random, Some("sealed-names.example"), true);
            let answer = said::server_hello(random);
            let words = [said::sealed(random, 130), said::sealed(random, 470)];
            let mut talk = wire.connect(random, at, (ip, port), far);
            talk.says(CLIENT, &hello).says(SERVER, &answer);
            for _ in 0..3 {
                talk.says(CLIENT, &words[0])
                    .says(SERVER, &words[1])
                    .waits(800);
            }
            talk.ends();
        }
    },
    ..Script::PLAIN
};
