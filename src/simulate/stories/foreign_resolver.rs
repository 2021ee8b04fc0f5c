//! A device asks a resolver on the internet for names; the twin asks the provider's as often.

use std::net::Ipv4Addr;

use super::super::clocks::MINUTE;
use super::super::wire::said::question;
use super::{KNOWN_RESOLVER, Script};

pub(super) static SCRIPT: Script = Script {
    rule: "foreign_resolver",
    least: [15 * MINUTE, 15 * MINUTE],
    packets: |story, ip, _, wire| {
        let resolver = (
            story.of(Ipv4Addr::new(198, 51, 100, 53), KNOWN_RESOLVER),
            53,
        );
        for (port, at) in (30_000..).zip(story.moments(80)) {
            let name = format!("www.site{}.example", port % 11);
            wire.datagram(at, (ip, port), resolver, question(port, &name, false));
            wire.datagram(at + 15, resolver, (ip, port), question(port, &name, true));
        }
    },
    ..Script::PLAIN
};
