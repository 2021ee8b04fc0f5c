//! The lines of a list into entries: names in lower case, URLs as host and path, networks.

use std::borrow::Cow;

use super::list::PartKind;
use super::spellings;
use crate::record::Network;

/// One entry of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry<'a> {
    /// A name; those below it are meant too.
    Domain(Cow<'a, str>),
    /// A host (those below it too) and the beginning of a path, without slash at the end.
    Url(Cow<'a, str>, &'a str),
    /// A network or an address.
    Network(Network),
}

/// Hands each entry of a part to `found`; the answer, how many lines could not be read.
pub(super) fn read<'a>(kind: PartKind, bytes: &'a [u8], mut found: impl FnMut(Entry<'a>)) -> u64 {
    read_numbered(kind, bytes, |_, entry| found(entry))
}

/// The same with the number of each entry's line, from 1.
pub(super) fn read_numbered<'a>(
    kind: PartKind,
    bytes: &'a [u8],
    mut found: impl FnMut(u64, Entry<'a>),
) -> u64 {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (mut skipped, mut number) = (0, 0);
    let mut rest = bytes;
    while !rest.is_empty() {
        number += 1;
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        rest = after.get(1..).unwrap_or_default();
        let Ok(line) = std::str::from_utf8(without_comment(line)) else {
            skipped += 1;
            continue;
        };
        let line = line.trim_ascii();
        if !line.is_empty() && !read_line(kind, line, &mut |entry| found(number, entry)) {
            skipped += 1;
        }
    }
    skipped
}

fn read_line<'a>(kind: PartKind, line: &'a str, found: &mut impl FnMut(Entry<'a>)) -> bool {
    match kind {
        PartKind::Domains => one(domain_or_address(line), found),
        PartKind::Urls => one(url(line), found),
        PartKind::Networks => one(Network::parse(line).map(Entry::Network), found),
        PartKind::Hosts => hosts(line, found),
        PartKind::Dnsmasq => spellings::dnsmasq(line, found),
        PartKind::Adblock => spellings::adblock(line, found),
    }
}

pub(super) fn one<'a>(entry: Option<Entry<'a>>, found: &mut impl FnMut(Entry<'a>)) -> bool {
    entry.map(found).is_some()
}

/// The names of a line of a hosts file, if its address is one of those that mean "nowhere".
fn hosts<'a>(line: &'a str, found: &mut impl FnMut(Entry<'a>)) -> bool {
    let mut words = line.split_ascii_whitespace();
    if !words
        .next()
        .is_some_and(|address| NOWHERE.contains(&address))
    {
        return false;
    }
    let mut read = true;
    for name in words {
        // The machine's own names stand in every hosts file and are no entries.
        if name.starts_with("localhost") || OWN_NAMES.contains(&name) || NOWHERE.contains(&name) {
            continue;
        }
        match domain(name) {
            Some(name) => found(Entry::Domain(name)),
            None => read = false,
        }
    }
    read
}

pub(super) fn domain_or_address(text: &str) -> Option<Entry<'_>> {
    let numeric = text.ends_with(|last: char| last.is_ascii_digit()) || text.contains(':');
    if numeric && let Some(network) = Network::parse(text) {
        return Some(Entry::Network(network));
    }
    domain(text).map(Entry::Domain)
}

/// A name in lower case, without the `.` or `*.` before it and the dot after it. A name of one label, such as `com`, would mean half
/// the world: it is taken only if it is written `.com`.
pub(super) fn domain(text: &str) -> Option<Cow<'_, str>> {
    let bare = text.strip_prefix("*.").or(text.strip_prefix('.'));
    let meant = bare.is_some();
    let name = bare.unwrap_or(text);
    let name = name.strip_suffix('.').unwrap_or(name);
    let (mut dots, mut label, mut upper) = (0usize, 0usize, false);
    for byte in name.bytes() {
        match byte {
            b'.' if label == 0 => return None,
            b'.' => {
                dots += 1;
                label = 0;
            }
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => label += 1,
            b'A'..=b'Z' => {
                label += 1;
                upper = true;
            }
            _ => return None,
        }
    }
    if label == 0 || name.len() > 253 || (dots == 0 && !meant) {
        return None;
    }
    Some(if upper {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    })
}

/// `host/path`; a scheme is taken off. An entry with a query is not read: by its path alone it would mean too much.
pub(super) fn url(text: &str) -> Option<Entry<'_>> {
    let bare = text.split_once("://").map_or(text, |(_, bare)| bare);
    let slash = bare.find('/').unwrap_or(bare.len());
    let (host, path) = bare.split_at_checked(slash)?;
    let path = path.trim_end_matches('/');
    if path.contains('?') || path.contains(char::is_whitespace) {
        return None;
    }
    if path.is_empty() {
        return domain_or_address(host);
    }
    domain(host).map(|host| Entry::Url(host, path))
}

/// The line up to a `#` that begins it or stands after a blank, or a `;` that begins it.
fn without_comment(line: &[u8]) -> &[u8] {
    if line.trim_ascii_start().starts_with(b";") {
        return &[];
    }
    let mut before = b' ';
    for (at, byte) in line.iter().enumerate() {
        if *byte == b'#' && before.is_ascii_whitespace() {
            return line.get(..at).unwrap_or_default();
        }
        before = *byte;
    }
    line
}

/// Addresses that mean "nowhere" in lists of hosts.
pub(super) static NOWHERE: &[&str] = &["0.0.0.0", "127.0.0.1", "::", "::1"];

/// Names of the machine itself.
static OWN_NAMES: &[&str] = &[
    "local",
    "broadcasthost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
    "ip6-allhosts",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(kind: PartKind, text: &str) -> (Vec<String>, u64) {
        let mut found = Vec::new();
        let skipped = read(kind, text.as_bytes(), |entry| {
            found.push(match entry {
                Entry::Domain(name) => name.into_owned(),
                Entry::Url(host, path) => format!("{host} {path}"),
                Entry::Network(network) => network.to_string(),
            });
        });
        (found, skipped)
    }

    #[test]
    fn plain_names_are_read_and_what_would_mean_half_the_world_is_not() {
        let text = "# heading\nGames.Example\r\n*.wild.example. # why\n.dot.example\n10.1.2.3\ncom\n.zip\n\ntwo words\n..\na..example\n";
        let (found, skipped) = entries(PartKind::Domains, text);
        assert_eq!(
            found,
            [
                "games.example",
                "wild.example",
                "dot.example",
                "10.1.2.3/32",
                "zip"
            ]
        );
        assert_eq!(skipped, 4);
    }

    #[test]
    fn a_hosts_file_names_many_a_line_and_not_the_machine_itself() {
        let text = "127.0.0.1 localhost localhost.localdomain\n::1 ip6-localhost\n0.0.0.0 0.0.0.0\n0.0.0.0\ta.example B.example #x\n192.0.2.1 real.example\n";
        let (found, skipped) = entries(PartKind::Hosts, text);
        assert_eq!(
            (found, skipped),
            (vec!["a.example".into(), "b.example".into()], 1)
        );
    }

    #[test]
    fn urls_are_host_and_path() {
        let text = "games.example/flash/\nhttp://Games.example/a/b\nwhole.example/\nq.example/x?y=1\n192.0.2.9\n";
        let (found, skipped) = entries(PartKind::Urls, text);
        assert_eq!(
            found,
            [
                "games.example /flash",
                "games.example /a/b",
                "whole.example",
                "192.0.2.9/32"
            ]
        );
        assert_eq!(skipped, 1);
    }

    #[test]
    fn networks_with_stray_bits_are_not_guessed_at() {
        let (found, skipped) = entries(
            PartKind::Networks,
            "; heading\n192.0.2.0/24\n2001:db8::1 # one\n192.0.2.1/24\n",
        );
        assert_eq!(found, ["192.0.2.0/24", "2001:db8::1/128"]);
        assert_eq!(skipped, 1);
    }
}
