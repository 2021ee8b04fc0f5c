//! A far screen by VNC (RFC 6143); the twin's far end is registered support.

use std::net::Ipv4Addr;

use super::super::clocks::MINUTE;
use super::super::wire::{CLIENT, SERVER, said::chance};
use super::{KNOWN_SUPPORT, Script};

pub(super) static SCRIPT: Script = Script {
    rule: "remote_control_tunnel",
    least: [12 * MINUTE, 12 * MINUTE],
    packets: |story, ip, random, wire| {
        let far = (
            story.of(Ipv4Addr::new(198, 51, 100, 59), KNOWN_SUPPORT),
            5_900,
        );
        let (challenge, answer) = (chance(random, 16), chance(random, 16));
        let mut talk = wire.connect(random, story.from, (ip, 46_000), far);
        talk.says(SERVER, b"RFB 003.008\n")
            .says(CLIENT, b"RFB 003.008\n");
        talk.says(SERVER, &[1, 2]).says(CLIENT, &[2]);
        talk.says(SERVER, &challenge).says(CLIENT, &answer);
        talk.says(SERVER, &[0, 0, 0, 0]);
        talk.sends(SERVER, 8_000_000, story.to).ends();
    },
    ..Script::PLAIN
};
