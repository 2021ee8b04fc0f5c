//! A long fetch that fills half of a small line; the twin is a burst, such as an update.

use std::net::Ipv4Addr;

use super::super::clocks::{MINUTE, SECOND};
use super::super::wire::BULK;
use super::{Place, Script};

/// Bits a second: half of the line of a small establishment.
const RATE: i64 = 10_000_000;

pub(super) static SCRIPT: Script = Script {
    rule: "sustained_high_volume",
    place: Place::Residential,
    least: [30 * MINUTE, 4 * MINUTE],
    is_short: true,
    packets: |story, ip, _, wire| {
        let (near, far) = ((ip, 50_443), (Ipv4Addr::new(198, 51, 100, 9), 443));
        let head = || vec![0x17; 24];
        wire.datagram(story.from, near, far, head());
        let mut at = story.from;
        while at < story.to {
            at += i64::from(BULK) * 8 * SECOND / RATE;
            wire.datagram_of(at, far, near, head(), BULK);
        }
    },
    ..Script::PLAIN
};
