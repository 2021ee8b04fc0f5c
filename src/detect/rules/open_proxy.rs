//! `open_proxy`: proxies on the internet that are asked for other hosts.

use super::super::traffic::Traffic;
use crate::store::Sql;

/// The rule.
pub(super) static OPEN_PROXY: Traffic = Traffic {
    sql: Sql::embedded(
        "detect/open_proxy",
        include_str!("../../../queries/detect/open_proxy.sql"),
    ),
    flow: "flow",
    unnamed: "proxies",
    known: |settings| &settings.known_proxies,
    known_as: "the provider's own proxy",
    needs_known: true,
    outward: true,
    least_flows: 1,
    least_bytes: 0,
    enough: 60,
    innocent: |weighed| {
        vec![
            weighed.both_within(),
            weighed.port_alone("a proxy"),
            weighed.nobody_answered(),
            "a proxy of a service that the establishment pays for: no, unless it is not registered"
                .to_owned(),
        ]
    },
};
