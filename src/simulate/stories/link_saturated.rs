//! A small line is full for most of an hour of the day; the twin fills another establishment's for four minutes, as an update does.

use std::net::Ipv4Addr;

use super::super::clocks::{MINUTE, SECOND};
use super::super::wire::BULK;
use super::{Place, Script};

/// Bits a second: 19 of the 20 million that the line carries.
const RATE: i64 = 19_000_000;

pub(super) static SCRIPT: Script = Script {
    rule: "link_saturated",
    also: &["sustained_high_volume"],
    place: Place::ResidentialByDay,
    least: [45 * MINUTE, 4 * MINUTE],
    is_short: true,
    names_nobody: true,
    packets: |story, ip, _, wire| {
        let (near, far) = ((ip, 50_444), (Ipv4Addr::new(198, 51, 100, 10), 443));
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
