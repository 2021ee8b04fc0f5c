//! A far SOCKS proxy (RFC 1928) is asked for other hosts; the twin asks the provider's own.

use std::net::Ipv4Addr;

use super::super::clocks::MINUTE;
use super::super::wire::{CLIENT, SERVER, said};
use super::{KNOWN_PROXY, Script};

pub(super) static SCRIPT: Script = Script {
    rule: "open_proxy",
    least: [10 * MINUTE, 10 * MINUTE],
    packets: |story, ip, random, wire| {
        let far = (
            story.of(Ipv4Addr::new(198, 51, 100, 108), KNOWN_PROXY),
            1_080,
        );
        for (port, at) in (43_000..).zip(story.moments(8)) {
            let host = b"films.example";
            let asked = [&[5, 1, 0, 3, 13], host.as_slice(), &[1, 0xbb]].concat();
            let hello = said::client_hello(random, Some("films.example"), true);
            let answer = said::server_hello(random);
            let mut talk = wire.connect(random, at, (ip, port), far);
            talk.says(CLIENT, &[5, 1, 0]).says(SERVER, &[5, 0]);
            talk.says(CLIENT, &asked);
            talk.says(SERVER, &[5, 0, 0, 1, 192, 0, 2, 7, 1, 0xbb]);
            talk.says(CLIENT, &hello).says(SERVER, &answer);
            let until = talk.at + 5_000;
            talk.sends(SERVER, 630_000, until).ends();
        }
    },
    ..Script::PLAIN
};
