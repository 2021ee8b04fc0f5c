//! `encrypted_dns`: names asked where neither filter nor log sees them.

use super::super::traffic::Traffic;
use crate::store::Sql;

/// The rule.
pub(super) static ENCRYPTED_DNS: Traffic = Traffic {
    sql: Sql::embedded(
        "detect/encrypted_dns",
        include_str!("../../../queries/detect/encrypted_dns.sql"),
    ),
    flow: "flow",
    unnamed: "resolvers over an encrypted channel",
    known: |settings| &settings.known_resolvers,
    known_as: "a resolver that establishments are to ask",
    needs_known: false,
    outward: true,
    least_flows: 3,
    least_bytes: 0,
    enough: 50,
    innocent: |weighed| {
        vec![weighed.both_within(), weighed.port_alone("such a question"), weighed.nobody_answered(), "a browser or system that does so by itself, which is usual: nothing else can be seen from outside".to_owned()]
    },
};
