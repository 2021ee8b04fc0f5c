//! Lists that are written for another program: settings of dnsmasq, filters of AdBlock and AdGuard.
//!
//! A line is an entry only where it means a whole name, for whoever asks and from wherever: what means less (a picture on
//! other people's pages, a name sent to another resolver) would accuse people of what the list's makers never said.

use super::entries::{Entry, NOWHERE, domain, domain_or_address, one, url};

/// `address=/a.example/b.example/0.0.0.0`, and `server=/a.example/` or `local=/a.example/`, which answer that there is no such name.
pub(super) fn dnsmasq<'a>(line: &'a str, found: &mut impl FnMut(Entry<'a>)) -> bool {
    let Some((key, value)) = line.split_once('=') else {
        return false;
    };
    let Some((names, answer)) = value
        .trim_ascii()
        .strip_prefix('/')
        .and_then(|rest| rest.rsplit_once('/'))
    else {
        return false;
    };
    let hidden = match key.trim_ascii() {
        "address" => answer.is_empty() || answer == "#" || NOWHERE.contains(&answer),
        "server" | "local" => answer.is_empty(),
        _ => false,
    };
    if !hidden {
        return false;
    }
    let mut read = true;
    for name in names.split('/') {
        match domain(name) {
            Some(name) => found(Entry::Domain(name)),
            None => read = false,
        }
    }
    read
}

/// `||a.example^` and `||a.example/path/`, with no options but those that leave the whole name meant.
pub(super) fn adblock<'a>(line: &'a str, found: &mut impl FnMut(Entry<'a>)) -> bool {
    if line.starts_with('!') || line.starts_with('[') {
        return true;
    }
    let (pattern, options) = line.split_once('$').unwrap_or((line, ""));
    let whole = |option: &str| WHOLE.contains(&option);
    if !(options.is_empty() || options.split(',').all(whole)) {
        return false;
    }
    let Some(pattern) = pattern.strip_prefix("||") else {
        return false;
    };
    // Without an end the pattern would mean other names too that begin so.
    let Some(meant) = pattern
        .strip_suffix('^')
        .or_else(|| pattern.strip_suffix('/'))
    else {
        return false;
    };
    if meant.contains(['*', '^', '|']) {
        return false;
    }
    match meant.contains('/') {
        true => one(url(meant), found),
        false => one(domain_or_address(meant), found),
    }
}

/// Options under which a filter still means the whole name.
static WHOLE: &[&str] = &["all", "doc", "document", "important"];

#[cfg(test)]
mod tests {
    use super::super::entries::read;
    use super::super::list::PartKind;
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
    fn dnsmasq_hides_names_and_what_it_sends_elsewhere_is_no_entry() {
        let text = "# heading\naddress=/a.example/0.0.0.0\naddress=/B.example/c.example/#\naddress=/d.example/\nlocal=/e.example/\nserver=/f.example/\n\
            server=/g.example/192.0.2.53\naddress=/h.example/192.0.2.1\nserver=/i.example/#\naddress=/#/0.0.0.0\ncache-size=100\naddress=k.example\n";
        let (found, skipped) = entries(PartKind::Dnsmasq, text);
        let names = ["a", "b", "c", "d", "e", "f"].map(|name| format!("{name}.example"));
        assert_eq!(found, names);
        assert_eq!(skipped, 6);
    }

    #[test]
    fn a_filter_is_an_entry_only_where_it_means_the_whole_name() {
        let text = "[Adblock Plus 2.0]\n! heading\n||a.example^\n||b.example^$important\n||192.0.2.7^\n||c.example/games/\n\
            ||d.example^$third-party\n@@||e.example^\n||f.exam\n||*.g.example^\nh.example##.banner\n/banner/\n||com^\n";
        let (found, skipped) = entries(PartKind::Adblock, text);
        assert_eq!(
            found,
            ["a.example", "b.example", "192.0.2.7/32", "c.example /games"]
        );
        assert_eq!(skipped, 7);
    }
}
