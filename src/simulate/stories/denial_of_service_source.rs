//! A device floods a far service with calls that nobody answers; the twin's program tries again and again for a while.

use std::net::Ipv4Addr;

use super::super::clocks::MINUTE;
use super::{Place, Script};

pub(super) static SCRIPT: Script = Script {
    rule: "denial_of_service_source",
    place: Place::Secondary,
    least: [15 * MINUTE, 15 * MINUTE],
    is_short: true,
    packets: |story, ip, _, wire| {
        let far = (Ipv4Addr::new(198, 51, 100, 200), 27_015);
        for (port, at) in (10_000..).zip(story.moments(story.of(24_000, 2_400))) {
            wire.datagram(at, (ip, port), far, b"\xff\xff\xff\xffgetstatus".to_vec());
        }
    },
    ..Script::PLAIN
};
