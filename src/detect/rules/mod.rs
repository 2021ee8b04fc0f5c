//! The rules, one file each. A new rule is its file here with its two lines, its SQL, and its folder of fixtures.

mod category_hit;
mod misuse_rising;
mod sustained_high_volume;
mod vpn_tunnel;

use super::Rule;

/// Every rule, by its id.
pub static RULES: &[&dyn Rule] = &[
    &category_hit::CategoryHit,
    &misuse_rising::MisuseRising,
    &sustained_high_volume::SustainedHighVolume,
    &vpn_tunnel::VpnTunnel,
];
