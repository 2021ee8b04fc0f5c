//! Data within names that are asked for, one a second; the twin is a content network with names of its own making.

use super::super::clocks::{MINUTE, SECOND};
use super::super::wire::said::{letters, question};
use super::{KNOWN_RESOLVER, Script};

pub(super) static SCRIPT: Script = Script {
    rule: "dns_tunnel",
    least: [16 * MINUTE, 16 * MINUTE],
    is_short: true,
    packets: |story, ip, random, wire| {
        let resolver = (KNOWN_RESOLVER, 53);
        let number = (story.to - story.from) / story.of(SECOND, 8 * SECOND);
        for (port, at) in (20_000..).zip(story.moments(number)) {
            let data = letters(random, story.of(110, 16));
            let name = match data.split_at_checked(55) {
                Some((first, second)) => format!("{first}.{second}.t.long-way-round.example"),
                None => format!("{data}.edge.content-network.example"),
            };
            wire.datagram(at, (ip, port), resolver, question(port, &name, false));
            wire.datagram(at + 15, resolver, (ip, port), question(port, &name, true));
        }
    },
    ..Script::PLAIN
};
