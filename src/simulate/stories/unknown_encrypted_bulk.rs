//! Much in a stream that is random from its first byte; the twin is a game with a protocol of its own, and little.

use std::net::Ipv4Addr;

use super::super::clocks::MINUTE;
use super::super::wire::{CLIENT, SERVER, said::chance};
use super::Script;

pub(super) static SCRIPT: Script = Script {
    rule: "unknown_encrypted_bulk",
    least: [12 * MINUTE, 12 * MINUTE],
    packets: |story, ip, random, wire| {
        let far = (Ipv4Addr::new(198, 51, 100, 77), 8_388);
        let (ours, theirs) = (chance(random, 400), chance(random, 400));
        let mut talk = wire.connect(random, story.from, (ip, 49_000), far);
        talk.says(CLIENT, &ours).says(SERVER, &theirs);
        talk.sends(SERVER, story.of(20_000_000, 1_000_000), story.to)
            .ends();
    },
    ..Script::PLAIN
};
