//! Which line of a list something met: the list's own bytes are read again, line by line, without the index.
//!
//! So the answer is a second opinion on the index as well as its explanation.

use std::net::IpAddr;

use super::entries::{self, Entry};
use super::list::ListPart;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// An address.
    Address(IpAddr),
    /// A host, and a path or nothing.
    Url(&'a str, &'a str),
}

/// A line that was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineMet {
    /// Its number in the file, from 1.
    pub number: u64,
    /// The entry as it was understood.
    pub entry: String,
}

/// The lines of a part that a request meets, in their order. Of networks all are told, where the index counts the smallest alone.
pub fn lines_met(part: &ListPart<'_>, request: &Request<'_>) -> Vec<LineMet> {
    let asked = Asked::of(request);
    let mut lines = Vec::new();
    entries::read_numbered(part.kind, part.bytes, |number, entry| {
        if asked.meets(&entry) {
            let entry = match entry {
                Entry::Domain(name) => name.into_owned(),
                Entry::Url(host, path) => format!("{host}{path}"),
                Entry::Network(network) => network.to_string(),
            };
            lines.push(LineMet { number, entry });
        }
    });
    lines
}

/// A request as it is compared: a host that is an address is one.
enum Asked<'a> {
    Address(IpAddr),
    Url(String, &'a str),
}

impl<'a> Asked<'a> {
    fn of(request: &Request<'a>) -> Self {
        match *request {
            Request::Address(ip) => Asked::Address(ip),
            Request::Url(host, path) => match host.parse() {
                Ok(ip) => Asked::Address(ip),
                Err(_) => {
                    let host = host.strip_suffix('.').unwrap_or(host);
                    Asked::Url(host.to_ascii_lowercase(), path)
                }
            },
        }
    }

    fn meets(&self, entry: &Entry<'_>) -> bool {
        match (self, entry) {
            (Asked::Address(ip), Entry::Network(network)) => network.contains(*ip),
            (Asked::Url(asked, _), Entry::Domain(name)) => is_below(asked, name),
            (Asked::Url(asked, path), Entry::Url(host, beginning)) => {
                let rest = path.strip_prefix(beginning);
                is_below(asked, host)
                    && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            _ => false,
        }
    }
}

/// Whether a host is a name or below it.
fn is_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name)
        .is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::super::list::PartKind;
    use super::*;

    fn met(kind: PartKind, text: &str, request: Request<'_>) -> Vec<String> {
        let part = ListPart {
            category: "games",
            kind,
            bytes: text.as_bytes(),
        };
        let lines = lines_met(&part, &request).into_iter();
        lines
            .map(|met| format!("{} {}", met.number, met.entry))
            .collect()
    }

    #[test]
    fn the_line_is_told_with_its_number_in_the_file() {
        let text =
            "# heading\n\ngames.example\nother.example\nwww.games.example\nbad line\n192.0.2.1\n";
        let of = |host| met(PartKind::Domains, text, Request::Url(host, ""));
        assert_eq!(
            of("a.WWW.games.example."),
            ["3 games.example", "5 www.games.example"]
        );
        assert_eq!(of("192.0.2.1"), ["7 192.0.2.1/32"]);
        assert!(of("mygames.example").is_empty());
    }

    #[test]
    fn a_url_and_every_network_are_told() {
        let urls = "games.example/flash\ngames.example/a\n";
        let of = |path| {
            met(
                PartKind::Urls,
                urls,
                Request::Url("www.games.example", path),
            )
        };
        assert_eq!(of("/flash/x"), ["1 games.example/flash"]);
        assert!(of("/flashy").is_empty());
        let networks = "192.0.2.0/24\n192.0.2.64/26\n2001:db8::/32\n";
        let ip = Request::Address("192.0.2.65".parse().unwrap());
        assert_eq!(
            met(PartKind::Networks, networks, ip),
            ["1 192.0.2.0/24", "2 192.0.2.64/26"]
        );
    }
}
