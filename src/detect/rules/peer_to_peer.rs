//! `peer_to_peer`: exchange of files between peers.

use super::super::traffic::Traffic;
use crate::store::Sql;

/// The rule.
pub(super) static PEER_TO_PEER: Traffic = Traffic {
    sql: Sql::embedded(
        "detect/peer_to_peer",
        include_str!("../../../queries/detect/peer_to_peer.sql"),
    ),
    flow: "flow",
    unnamed: "exchange between peers",
    known: |settings| &settings.known_backup_peers,
    known_as: "a registered far end",
    needs_known: false,
    outward: true,
    least_flows: 1,
    least_bytes: 1_000_000,
    enough: 60,
    innocent: |weighed| {
        vec![weighed.both_within(), weighed.port_alone("such exchange"), weighed.nobody_answered(), "updates of games and systems that come from peers: not told apart from other files, as their content is not read".to_owned()]
    },
};
