//! `foreign_resolver`: names asked of resolvers that establishments are not to ask.

use super::super::traffic::Traffic;
use crate::store::Sql;

/// The rule.
pub(super) static FOREIGN_RESOLVER: Traffic = Traffic {
    sql: Sql::embedded(
        "detect/foreign_resolver",
        include_str!("../../../queries/detect/foreign_resolver.sql"),
    ),
    flow: "flow",
    unnamed: "names",
    known: |settings| &settings.known_resolvers,
    known_as: "a resolver that establishments are to ask",
    needs_known: true,
    outward: true,
    least_flows: 20,
    least_bytes: 0,
    enough: 50,
    innocent: |weighed| {
        vec![weighed.both_within(), weighed.port_alone("a question for names"), weighed.nobody_answered(), "a device with an address of a resolver set by its maker, such as a television: how often stands in the score".to_owned()]
    },
};
