//! Much is sent to a file locker; the twin hands in a piece of work by it.

use std::net::Ipv4Addr;

use super::super::clocks::MINUTE;
use super::super::wire::{CLIENT, SERVER, said};
use super::Script;

pub(super) static SCRIPT: Script = Script {
    rule: "bulk_upload",
    least: [10 * MINUTE, 10 * MINUTE],
    is_short: true,
    packets: |story, ip, random, wire| {
        let far = (Ipv4Addr::new(198, 51, 100, 130), 443);
        let hello = said::client_hello(random, Some("gofile.io"), true);
        let answer = said::server_hello(random);
        let mut talk = wire.connect(random, story.from, (ip, 51_200), far);
        talk.says(CLIENT, &hello).says(SERVER, &answer);
        talk.sends(CLIENT, story.of(90_000_000, 4_000_000), story.to)
            .ends();
    },
    ..Script::PLAIN
};
