//! Web connections on the wire of which the filter's log says nothing; of the twin's the log has every site. They are told of different
//! establishments, since what is judged is an establishment's day.

use std::net::Ipv4Addr;

use super::super::clocks::{MINUTE, SECOND};
use super::super::wire::{CLIENT, SERVER, said};
use super::{Place, Script, page};

/// How many sites.
const SITES: i64 = 24;

pub(super) static SCRIPT: Script = Script {
    rule: "filter_coverage_gap",
    place: Place::Apart,
    least: [20 * MINUTE, 20 * MINUTE],
    is_short: true,
    names_nobody: true,
    requests: |story| {
        let sites = if story.twin { 0..SITES } else { 0..0 };
        let logged = |site| {
            let asked = page(&format!("shop{site}.example"), "", "text/html", 200);
            (story.from + site * 10 * SECOND, asked)
        };
        sites.map(logged).collect()
    },
    packets: |story, ip, random, wire| {
        for (number, at) in (0..).zip(story.moments(240)) {
            let site = number % SITES;
            let last = 20 + u8::try_from(site).unwrap_or(0);
            let far = (Ipv4Addr::new(198, 51, 100, last), 443);
            let port = 52_000 + u16::try_from(number).unwrap_or(0);
            let hello = said::client_hello(random, Some(&format!("shop{site}.example")), true);
            let answer = said::server_hello(random);
            let mut talk = wire.connect(random, at, (ip, port), far);
            talk.says(CLIENT, &hello).says(SERVER, &answer);
            let until = talk.at + SECOND;
            talk.sends(SERVER, 63_000, until).ends();
        }
    },
    ..Script::PLAIN
};
