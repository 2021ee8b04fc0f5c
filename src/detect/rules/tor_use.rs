//! `tor_use`: the Tor network and others that are made to hide who speaks to whom.

use super::super::traffic::Traffic;
use crate::store::Sql;

/// The rule.
pub(super) static TOR_USE: Traffic = Traffic {
    sql: Sql::embedded(
        "detect/tor_use",
        include_str!("../../../queries/detect/tor_use.sql"),
    ),
    flow: "flow",
    unnamed: "relays of an anonymising network",
    known: |settings| &settings.known_support_peers,
    known_as: "a registered far end",
    needs_known: false,
    outward: true,
    least_flows: 1,
    least_bytes: 0,
    enough: 50,
    innocent: |weighed| {
        vec![weighed.port_alone("such a network"), weighed.nobody_answered(), "a browser that carries such a network for another purpose, and one start of it by chance: how often and for how long stands in the score".to_owned(), "approved research: not checked, there is no register of approvals yet".to_owned()]
    },
};
