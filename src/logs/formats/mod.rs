//! The formats, and the list that names them all. To add one: its file, `mod x;` and `&x::X`.

use super::format::LogFormat;
use super::mapping::PRESETS;

mod adguard_home;
mod aruba_controller;
mod barracuda;
mod bind_query;
mod captive_portal;
mod cef;
mod checkpoint;
mod cisco_asa;
mod cisco_ise;
mod cisco_meraki;
mod cisco_wsa;
mod clavister;
mod cloudflare_gateway;
mod combined;
mod dante;
mod dnsmasq;
mod e2guardian;
mod exchange;
mod exim;
mod forcepoint;
mod fortigate;
mod freeradius_log;
mod haproxy;
mod hostapd;
mod iptables;
mod isc_dhcpd;
mod isc_leases;
mod juniper_srx;
mod kea_leases;
mod kea_log;
mod leef;
mod linux_conntrack;
mod mikrotik;
mod nat_events;
mod nat_port_blocks;
mod netskope;
mod openvpn;
mod paloalto;
mod pfsense_filterlog;
mod postfix;
mod radacct_csv;
mod radius_detail;
mod skyhigh;
mod sonicwall;
mod sophos;
mod squid_combined;
mod squid_native;
mod sshd_pam;
mod stormshield;
mod strongswan;
mod suricata_eve;
mod threeproxy;
mod umbrella;
mod unbound;
mod w3c;
mod watchguard;
mod windows_dhcp;
mod windows_dhcpv6;
mod windows_dns;
mod windows_nps;
mod windows_security;
mod zeek;
mod zscaler;

#[cfg(test)]
pub(super) use squid_native::read_line as squid_native_line;

/// Every format, in the order in which ties of likeness are broken.
pub static FORMATS: &[&dyn LogFormat] = &[
    &cisco_wsa::CISCO_WSA,
    &squid_native::SquidNative,
    &squid_combined::SquidCombined,
    &adguard_home::ADGUARD_HOME,
    &aruba_controller::ARUBA_CONTROLLER,
    &barracuda::BARRACUDA,
    &bind_query::BIND_QUERY,
    &captive_portal::CAPTIVE_PORTAL,
    &checkpoint::CHECKPOINT,
    &cisco_asa::CISCO_ASA,
    &cisco_ise::CISCO_ISE,
    &cisco_meraki::CISCO_MERAKI,
    &clavister::CLAVISTER,
    &cloudflare_gateway::CLOUDFLARE_GATEWAY,
    &combined::COMBINED,
    &dante::DANTE,
    &dnsmasq::Dnsmasq,
    &e2guardian::E2GUARDIAN,
    &exchange::Exchange,
    &exim::Exim,
    &forcepoint::FORCEPOINT,
    &fortigate::FORTIGATE,
    &freeradius_log::FREERADIUS_LOG,
    &haproxy::HAPROXY,
    &hostapd::HOSTAPD,
    &iptables::IPTABLES,
    &isc_dhcpd::IscDhcpd,
    &isc_leases::IscLeases,
    &juniper_srx::JUNIPER_SRX,
    &kea_leases::KeaLeases,
    &kea_log::KeaLog,
    &linux_conntrack::LinuxConntrack,
    &mikrotik::MIKROTIK,
    &nat_events::NAT_EVENTS,
    &nat_port_blocks::NatPortBlocks,
    &netskope::NETSKOPE,
    &openvpn::OPENVPN,
    &paloalto::PALOALTO,
    &pfsense_filterlog::PFSENSE_FILTERLOG,
    &postfix::Postfix,
    &radacct_csv::RadacctCsv,
    &radius_detail::RadiusDetail,
    &skyhigh::SKYHIGH,
    &sonicwall::SONICWALL,
    &sophos::SOPHOS,
    &sshd_pam::SSHD_PAM,
    &stormshield::STORMSHIELD,
    &strongswan::STRONGSWAN,
    &suricata_eve::SURICATA_EVE,
    &threeproxy::THREEPROXY,
    &umbrella::UMBRELLA,
    &unbound::UNBOUND,
    &w3c::W3c,
    &watchguard::WATCHGUARD,
    &windows_dhcp::WINDOWS_DHCP,
    &windows_dhcpv6::WINDOWS_DHCPV6,
    &windows_dns::WINDOWS_DNS,
    &windows_nps::WINDOWS_NPS,
    &windows_security::WindowsSecurity,
    &zeek::Zeek,
    &zscaler::ZSCALER,
    &cef::CEF,
    &leef::LEEF,
    &PRESETS[0],
    &PRESETS[1],
    &PRESETS[2],
    &PRESETS[3],
    &PRESETS[4],
    &PRESETS[5],
];

/// The format with this name.
pub fn format(name: &str) -> Option<&'static dyn LogFormat> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}

/// The format that lines of no known format are rejected by: it takes least for its own.
pub fn strictest() -> &'static dyn LogFormat {
    &squid_native::SquidNative
}

/// The format that these lines, the first of a source, look most like, and how much, 0 to 100. Nothing if they look like none.
pub fn likeliest(sample: &[&[u8]]) -> Option<(&'static dyn LogFormat, u8)> {
    likenesses(sample, &[]).first().copied()
}

/// Every format that these lines look like, the likeliest first, each with its likeness. An operator's own formats come before ours where they tie.
pub fn likenesses(
    sample: &[&[u8]],
    own: &[&'static dyn LogFormat],
) -> Vec<(&'static dyn LogFormat, u8)> {
    let sample = sample.get(..SAMPLE_LINES).unwrap_or(sample);
    let mut found: Vec<_> = own
        .iter()
        .chain(FORMATS)
        .map(|format| (*format, format.likeness(sample)))
        .filter(|(_, likeness)| *likeness >= LEAST_LIKENESS)
        .collect();
    // The sort keeps the order of those that tie.
    found.sort_by_key(|(_, likeness)| std::cmp::Reverse(*likeness));
    without_tied_presets(found)
}

/// A described table must lead the next one by two columns.
const LEAST_LEAD: u8 = 2 * crate::logs::mapping::MISSING_COLUMN;

/// Leaves our described tables out where several fit alike: their headings share names, but not the order of day and month nor the meaning of
/// a column, and a time or a name read wrong is worse than a question. The operator says then which it is.
fn without_tied_presets(
    mut found: Vec<(&'static dyn LogFormat, u8)>,
) -> Vec<(&'static dyn LogFormat, u8)> {
    let is_preset = |name: &str| PRESETS.iter().any(|preset| preset.name == name);
    let mut presets = found
        .iter()
        .filter(|(format, _)| is_preset(format.name()))
        .map(|(_, likeness)| *likeness);
    if let (Some(first), Some(second)) = (presets.next(), presets.next())
        && first - second < LEAST_LEAD
    {
        found.retain(|(format, _)| !is_preset(format.name()));
    }
    found
}

/// The share of the lines of a sample that `is_ours`, 0 to 100; blank lines and `#` comments do not count.
pub(super) fn share_of_lines(sample: &[&[u8]], mut is_ours: impl FnMut(&[u8]) -> bool) -> u8 {
    let (mut lines, mut ours) = (0usize, 0usize);
    for line in sample {
        if line.iter().all(u8::is_ascii_whitespace) || line.starts_with(b"#") {
            continue;
        }
        lines += 1;
        ours += usize::from(is_ours(line));
    }
    u8::try_from((ours * 100).checked_div(lines).unwrap_or(0)).unwrap_or(100)
}

/// How many lines of a source are looked at to tell its format.
pub const SAMPLE_LINES: usize = 200;

/// Less likeness than this is taken for chance.
const LEAST_LIKENESS: u8 = 25;
