//! One device knocks at the same door of many hosts; the twin looks for a printer that is gone.

use std::net::Ipv4Addr;

use super::super::clocks::MINUTE;
use super::Script;

pub(super) static SCRIPT: Script = Script {
    rule: "scanning",
    least: [15 * MINUTE, 15 * MINUTE],
    is_short: true,
    packets: |story, ip, _, wire| {
        let number: u16 = story.of(450, 40);
        for (target, at) in (0_u16..).zip(story.moments(i64::from(number))) {
            let [third, fourth] = (0x1400 + target).to_be_bytes();
            let far = (Ipv4Addr::new(198, 18, third, fourth), 445);
            wire.knock(at, (ip, 47_000 + target), far, u32::from(target));
        }
    },
    ..Script::PLAIN
};
