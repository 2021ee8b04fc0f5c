//! Tens of thousands of small flows, all answered, more than tables hold; the twin's program asks many servers, but fewer.

use std::net::Ipv4Addr;

use super::super::clocks::MINUTE;
use super::{Place, Script};

pub(super) static SCRIPT: Script = Script {
    rule: "flow_storm",
    place: Place::Secondary,
    least: [15 * MINUTE, 15 * MINUTE],
    is_short: true,
    packets: |story, ip, _, wire| {
        let mut servers = (1..=80).cycle().map(|last| Ipv4Addr::new(198, 18, 7, last));
        for (port, at) in (10_000..60_000).zip(story.moments(story.of(45_000, 9_000))) {
            let far = (servers.next().unwrap_or(ip), 7_777);
            wire.datagram(at, (ip, port), far, b"PING?".to_vec());
            wire.datagram(at + 9, far, (ip, port), b"PONG!".to_vec());
        }
    },
    ..Script::PLAIN
};
