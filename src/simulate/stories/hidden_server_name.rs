//! Many sealed connections that name no server; the twin has a few, as some programs make them.

use std::net::Ipv4Addr;

use super::super::clocks::MINUTE;
use super::super::wire::{CLIENT, SERVER, said};
use super::Script;

pub(super) static SCRIPT: Script = Script {
    rule: "hidden_server_name",
    least: [20 * MINUTE, 20 * MINUTE],
    is_short: true,
    packets: |story, ip, random, wire| {
        for (port, at) in (42_000..).zip(story.moments(story.of(70, 9))) {
            let last = u8::try_from(port % 7).unwrap_or(0) + 150;
            let far = (Ipv4Addr::new(198, 51, 100, last), 443);
            let hello = said::client_hello(random, None, true);
            let answer = said::server_hello(random);
            let mut talk = wire.connect(random, at, (ip, port), far);
            talk.says(CLIENT, &hello).says(SERVER, &answer);
            let until = talk.at + 4_000;
            talk.sends(SERVER, 126_000, until).ends();
        }
    },
    ..Script::PLAIN
};
