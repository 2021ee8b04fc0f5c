//! `unknown_encrypted_bulk`: much that is sealed from its first byte and says nothing of itself.

use super::super::traffic::Traffic;
use crate::store::Sql;

/// The rule.
pub(super) static UNKNOWN_ENCRYPTED_BULK: Traffic = Traffic {
    sql: Sql::embedded(
        "detect/unknown_encrypted_bulk",
        include_str!("../../../queries/detect/unknown_encrypted_bulk.sql"),
    ),
    flow: "flow",
    unnamed: "sealed streams",
    known: |settings| &settings.known_backup_peers,
    known_as: "a registered backup",
    needs_known: false,
    outward: true,
    least_flows: 1,
    least_bytes: 10_000_000,
    enough: 60,
    innocent: |weighed| {
        vec![weighed.both_within(), weighed.port_alone("a sealed stream"), weighed.nobody_answered(), "a program with a protocol of its own, such as a game or a backup: not told apart, as nothing is said in clear".to_owned()]
    },
};
