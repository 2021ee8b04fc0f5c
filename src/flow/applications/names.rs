//! What names add to the protocol: servers whose whole purpose a filter must know, and names that carry data themselves.

use std::collections::BTreeSet;

use super::Facts;
use crate::record::ApplicationBasis::{Content, Name};
use crate::record::ApplicationClass::{self, EncryptedDns, P2p, Tunnel};

/// Public resolvers that are asked over HTTPS, as their operators document them; a name below one of them is the same.
const RESOLVERS: &[&str] = &[
    "adguard-dns.com",
    "cloudflare-dns.com",
    "controld.com",
    "dns.adguard.com",
    "dns.alidns.com",
    "dns.google",
    "dns.mullvad.net",
    "dns.nextdns.io",
    "dns.quad9.net",
    "dns.sb",
    "dns0.eu",
    "dns9.quad9.net",
    "dns10.quad9.net",
    "dns11.quad9.net",
    "doh.cleanbrowsing.org",
    "doh.opendns.com",
    "doh.pub",
    "one.one.one.one",
];
/// Makers of programs for file exchange, where those programs ask.
const PEERS: &[&str] = &["bittorrent.com", "utorrent.com"];
/// How many different names of one making carry data, and how long each is.
const MANY: usize = 16;
const LONG: usize = 32;
/// No name of the public tree ends in a label as long: it is data, sent straight to a server.
const NO_ENDING: usize = 26;

/// Sharpens what the content said by the names in it.
pub(super) fn judge(facts: &mut Facts) {
    let below = |names: &[&str]| names.iter().any(|name| is_below(&facts.server_name, name));
    let found: Option<(&'static str, ApplicationClass)> = match facts.application {
        "tls" | "quic" if below(RESOLVERS) => Some(("dns_over_https", EncryptedDns)),
        "tls" | "quic" if below(PEERS) => Some(("bittorrent", P2p)),
        _ => None,
    };
    if let Some((name, class)) = found {
        facts.application = name;
        facts.class = Some(class);
        facts.basis = Some(Name);
    } else if facts.application == "dns" && carries_data(&facts.dns_queries) {
        facts.application = "dns_tunnel";
        facts.class = Some(Tunnel);
        facts.basis = Some(Content);
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether half of the names are long, different, and under one domain or behind one first label.
fn carries_data(names: &[String]) -> bool {
    let long: Vec<&String> = names.iter().filter(|name| name.len() >= LONG).collect();
    if long.len() < MANY || long.len() * 2 < names.len() {
        return false;
    }
    let domains: BTreeSet<&str> = long.iter().filter_map(|name| domain(name)).collect();
    if domains.len() == 1 {
        return !domains.iter().any(|domain| domain.ends_with(".arpa"));
    }
    let firsts: BTreeSet<&str> = long
        .iter()
        .filter_map(|name| name.split('.').next())
        .collect();
    let is_no_ending = |name: &&String| {
        let last = name.rsplit('.').next().unwrap_or_default();
        last.len() >= NO_ENDING
    };
    firsts.len() == 1 && long.iter().filter(|name| is_no_ending(name)).count() >= MANY
}

/// The last two labels.
fn domain(name: &str) -> Option<&str> {
    let last = name.rfind('.')?;
    match name.get(..last)?.rfind('.') {
        Some(second) => name.get(second + 1..),
        None => Some(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_under_one_domain_are_data_and_a_day_of_browsing_is_not() {
        let data: Vec<String> = (0..20)
            .map(|n| format!("{n:032x}.t.example.test"))
            .collect();
        assert!(carries_data(&data));
        let short: Vec<String> = (0..20).map(|n| format!("host{n}.example.test")).collect();
        assert!(!carries_data(&short));
        let spread: Vec<String> = (0..20).map(|n| format!("{n:032x}.site{n}.test")).collect();
        assert!(!carries_data(&spread));
    }

    #[test]
    fn a_name_below_a_resolver_is_the_same_and_one_that_only_ends_alike_is_not() {
        assert!(is_below("mozilla.cloudflare-dns.com", "cloudflare-dns.com"));
        assert!(!is_below("notdns.google", "dns.google"));
    }
}
