//! `remote_control_tunnel`: far screens and shells, which carry anything.

use super::super::traffic::Traffic;
use crate::store::Sql;

/// The rule.
pub(super) static REMOTE_CONTROL_TUNNEL: Traffic = Traffic {
    sql: Sql::embedded(
        "detect/remote_control_tunnel",
        include_str!("../../../queries/detect/remote_control_tunnel.sql"),
    ),
    flow: "session",
    unnamed: "remote control",
    known: |settings| &settings.known_support_peers,
    known_as: "registered support or a server that staff look after",
    needs_known: false,
    outward: true,
    least_flows: 1,
    least_bytes: 1_000_000,
    enough: 60,
    innocent: |weighed| {
        vec![
            weighed.both_within(),
            weighed.port_alone("a far screen or shell"),
            weighed.nobody_answered(),
            "work on a shared code repository by shell: not told apart, as the content is not read"
                .to_owned(),
        ]
    },
};
