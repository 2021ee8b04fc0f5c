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
/// How many different names under one domain carry data, and how long each is then in front of it.
const MANY: usize = 16;
const LONG: usize = 24;

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

/// Whether most of the names are long, different, and under one domain: measured, since no tool says what it is.
fn carries_data(names: &[String]) -> bool {
    if names.len() < MANY {
        return false;
    }
    let mut domains = BTreeSet::new();
    let mut long = 0;
    for name in names {
        let Some((front, domain)) = split(name) else {
            continue;
        };
        if front.len() >= LONG && !domain.ends_with(".arpa") {
            long += 1;
            domains.insert(domain);
        }
    }
    domains.len() == 1 && long * 4 >= names.len() * 3
}

/// What stands in front of the last two labels, and those.
fn split(name: &str) -> Option<(&str, &str)> {
    let last = name.rfind('.')?;
    let second = name.get(..last)?.rfind('.')?;
    let (front, domain) = name.split_at_checked(second)?;
    Some((front, domain.strip_prefix('.')?))
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
