//! A small line is full for most of an hour of the day; the twin fills another establishment's for four minutes, as an update does.

use std::net::Ipv4Addr;

use super::super::clocks::MINUTE;
use super::{Place, Script, sustained_high_volume};

pub(super) static SCRIPT: Script = Script {
    rule: "link_saturated",
    also: &["sustained_high_volume"],
    place: Place::ResidentialByDay,
    least: [45 * MINUTE, 4 * MINUTE],
    is_short: true,
    names_nobody: true,
    packets: |story, ip, _, wire| {
        let far = (Ipv4Addr::new(198, 51, 100, 10), 443);
        // Nineteen of the twenty million that the line carries.
        sustained_high_volume::fetch(story, (ip, 50_444), far, 19_000_000, wire);
    },
    ..Script::PLAIN
};
