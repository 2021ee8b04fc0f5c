//! `vpn_tunnel`: virtual private networks, told by what is on the wire or by lists of their providers.

use super::super::traffic::Traffic;
use crate::store::Sql;

/// The rule.
pub(super) static VPN_TUNNEL: Traffic = Traffic {
    sql: Sql::embedded(
        "detect/vpn_tunnel",
        include_str!("../../../queries/detect/vpn_tunnel.sql"),
    ),
    flow: "tunnel flow",
    unnamed: "VPN providers",
    known: |settings| &settings.known_vpn_peers,
    known_as: "a registered site-to-site tunnel",
    needs_known: false,
    outward: false,
    least_flows: 1,
    least_bytes: 0,
    enough: 50,
    innocent: |weighed| {
        vec![
            weighed.both_within(),
            weighed.port_alone("a tunnel"),
            weighed.nobody_answered(),
            "approved remote access of staff: not checked, there is no register of approvals yet"
                .to_owned(),
        ]
    },
};
