//! Files exchanged by BitTorrent (BEP 3); the twin opened a link by chance and closed it.

use std::net::Ipv4Addr;

use super::super::clocks::MINUTE;
use super::super::wire::{CLIENT, SERVER, said::chance};
use super::Script;

pub(super) static SCRIPT: Script = Script {
    rule: "peer_to_peer",
    least: [10 * MINUTE, 10 * MINUTE],
    packets: |story, ip, random, wire| {
        for (last, at) in (10..).zip(story.moments(story.of(6, 1))) {
            let far = (Ipv4Addr::new(198, 18, 9, last), 6_881);
            let file = chance(random, 20);
            let mut greeting = |peer: &[u8]| {
                let own = chance(random, 12);
                [
                    b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05",
                    file.as_slice(),
                    peer,
                    &own,
                ]
                .concat()
            };
            let (ours, theirs) = (greeting(b"-XX0001-"), greeting(b"-YY0002-"));
            let mut talk = wire.connect(random, at, (ip, 44_000 + u16::from(last)), far);
            talk.says(CLIENT, &ours).says(SERVER, &theirs);
            let until = talk.at + MINUTE;
            talk.sends(SERVER, story.of(1_260_000, 126_000), until)
                .ends();
        }
    },
    ..Script::PLAIN
};
