//! A long fetch that fills half of a small line; the twin is a burst, such as an update.

use std::net::Ipv4Addr;

use super::super::clocks::{MINUTE, SECOND};
use super::super::wire::{BULK, End, Wire};
use super::{Place, Script, Story};

pub(super) static SCRIPT: Script = Script {
    rule: "sustained_high_volume",
    place: Place::Residential,
    least: [30 * MINUTE, 4 * MINUTE],
    is_short: true,
    packets: |story, ip, _, wire| {
        let far = (Ipv4Addr::new(198, 51, 100, 9), 443);
        // Half of the line of a small establishment.
        fetch(story, (ip, 50_443), far, 10_000_000, wire);
    },
    ..Script::PLAIN
};

/// A fetch of so many bits a second that lasts as long as the story.
pub(super) fn fetch(story: &Story, near: End, far: End, bits_per_second: i64, wire: &mut Wire) {
    let head = || vec![0x17; 24];
    wire.datagram(story.from, near, far, head());
    let mut at = story.from;
    while at < story.to {
        at += i64::from(BULK) * 8 * SECOND / bits_per_second;
        wire.datagram_of(at, far, near, head(), BULK);
    }
}
