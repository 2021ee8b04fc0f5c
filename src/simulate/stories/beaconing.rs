//! A program on a device calls home every five minutes for hours, a little early or late; the twin's calls come when its user does something.

use std::net::Ipv4Addr;

use super::super::clocks::{HOUR, MINUTE, SECOND};
use super::super::wire::{CLIENT, SERVER, said::chance};
use super::Script;

pub(super) static SCRIPT: Script = Script {
    rule: "beaconing",
    least: [4 * HOUR + 20 * MINUTE, 4 * HOUR + 20 * MINUTE],
    packets: |story, ip, random, wire| {
        // Each has a far end of its own: what many call is no such thing.
        let [_, second, _, fourth] = ip.octets();
        let far = (Ipv4Addr::new(198, 19, second, fourth), 8_530);
        let mut at = story.from;
        let mut port = 40_100;
        while at < story.to - MINUTE {
            let (asks, told) = (chance(random, 90), chance(random, 60));
            let mut talk = wire.connect(random, at, (ip, port), far);
            talk.says(CLIENT, &[b"\x02\0\0\x5aCHECK".as_slice(), &asks].concat());
            talk.says(SERVER, &[b"\x02\0\0\x3cWAIT".as_slice(), &told].concat())
                .ends();
            at += match story.twin {
                false => 5 * MINUTE + random.between(-12, 13) * SECOND,
                true => random.wait(5 * MINUTE).min(40 * MINUTE),
            };
            port += 1;
        }
    },
    ..Script::PLAIN
};
