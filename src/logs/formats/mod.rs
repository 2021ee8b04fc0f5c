//! The formats, and the list that names them all. To add one: its file, `mod x;` and `&x::X`.

use super::format::LogFormat;

mod barracuda;
mod bind_query;
mod cef;
mod checkpoint;
mod cisco_asa;
mod cisco_wsa;
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
mod iptables;
mod isc_dhcpd;
mod juniper_srx;
mod kea_leases;
mod kea_log;
mod leef;
mod mikrotik;
mod netskope;
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
mod stormshield;
mod suricata_eve;
mod threeproxy;
mod umbrella;
mod unbound;
mod w3c;
mod watchguard;
mod zeek;
mod zscaler;

/// Every format, in the order in which ties of likeness are broken: layouts that are a special case of another stand before it.
pub static FORMATS: &[&dyn LogFormat] = &[
    &cisco_wsa::CISCO_WSA,
    &squid_native::SquidNative,
    &squid_combined::SquidCombined,
    &barracuda::BARRACUDA,
    &bind_query::BIND_QUERY,
    &checkpoint::CHECKPOINT,
    &cisco_asa::CISCO_ASA,
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
    &iptables::IPTABLES,
    &isc_dhcpd::IscDhcpd,
    &juniper_srx::JUNIPER_SRX,
    &kea_leases::KeaLeases,
    &kea_log::KeaLog,
    &mikrotik::MIKROTIK,
    &netskope::NETSKOPE,
    &paloalto::PALOALTO,
    &pfsense_filterlog::PFSENSE_FILTERLOG,
    &postfix::Postfix,
    &radacct_csv::RadacctCsv,
    &radius_detail::RadiusDetail,
    &skyhigh::SKYHIGH,
    &sonicwall::SONICWALL,
    &sophos::SOPHOS,
    &stormshield::STORMSHIELD,
    &suricata_eve::SURICATA_EVE,
    &threeproxy::THREEPROXY,
    &umbrella::UMBRELLA,
    &unbound::UNBOUND,
    &w3c::W3c,
    &watchguard::WATCHGUARD,
    &zeek::Zeek,
    &zscaler::ZSCALER,
    &cef::CEF,
    &leef::LEEF,
];

/// The format with this name.
pub fn format(name: &str) -> Option<&'static dyn LogFormat> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}

/// The format that these lines, the first of a source, look most like, and how much, 0 to 100. Nothing if they look like none.
pub fn likeliest(sample: &[&[u8]]) -> Option<(&'static dyn LogFormat, u8)> {
    let sample = sample.get(..SAMPLE_LINES).unwrap_or(sample);
    let mut best: Option<(&'static dyn LogFormat, u8)> = None;
    for format in FORMATS.iter().copied() {
        let likeness = format.likeness(sample);
        if likeness >= LEAST_LIKENESS && best.is_none_or(|(_, most)| likeness > most) {
            best = Some((format, likeness));
        }
    }
    best
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
