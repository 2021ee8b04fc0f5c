//! Addresses that only stand inside networks: what goes to one of them has not left for the internet.
//!
//! One list for the engine, which leaves such rows out, and for the judging, which looks again.

use std::net::IpAddr;
use std::sync::LazyLock;

use crate::record::Network;
use crate::store::Params;

/// RFC 1918, 3927, 4193, 4291 and 6598, loopback, multicast, broadcast, and no address at all.
const WRITTEN: &[&str] = &[
    "0.0.0.0/32",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

static INSIDE: LazyLock<Vec<Network>> = LazyLock::new(|| {
    let networks = WRITTEN.iter().filter_map(|text| Network::parse(text));
    networks.collect()
});

/// Whether an address is none of those that only stand inside networks.
pub(super) fn is_of_the_internet(ip: IpAddr) -> bool {
    !INSIDE.iter().any(|network| network.contains(ip))
}

/// Adds the networks as `inside_first` and `inside_last`.
pub(super) fn with_inside(params: Params) -> Params {
    params
        .ips("inside_first", INSIDE.iter().map(Network::first))
        .ips("inside_last", INSIDE.iter().map(Network::last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_is_read_and_its_neighbours_are_of_the_internet() {
        assert_eq!(INSIDE.len(), WRITTEN.len());
        let of = |text: &str| is_of_the_internet(text.parse().unwrap());
        for inside in [
            "0.0.0.0",
            "10.255.255.255",
            "100.127.0.1",
            "127.0.0.1",
            "169.254.1.1",
            "172.31.255.255",
            "192.168.1.1",
            "224.0.0.251",
            "255.255.255.255",
            "::",
            "::1",
            "fd00::1",
            "fe80::1",
            "ff02::fb",
        ] {
            assert!(!of(inside), "{inside}");
        }
        for outside in [
            "9.255.255.255",
            "11.0.0.0",
            "100.128.0.0",
            "172.32.0.0",
            "192.167.255.255",
            "198.51.100.1",
            "2001:db8::1",
            "fbff::1",
            "fe00::1",
        ] {
            assert!(of(outside), "{outside}");
        }
    }
}
