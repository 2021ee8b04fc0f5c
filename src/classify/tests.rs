//! The index as the pipeline uses it.

use super::*;
use crate::record::Timestamp;

fn meta(name: &str, kind: ListKind, allow: bool) -> ListMeta {
    ListMeta {
        name: name.to_owned(),
        kind,
        category: "games".to_owned(),
        version: "1".to_owned(),
        loaded: Timestamp::default(),
        allow,
        severity: None,
    }
}

fn part<'a>(category: &'a str, kind: PartKind, text: &'a str) -> ListPart<'a> {
    ListPart {
        category,
        kind,
        bytes: text.as_bytes(),
    }
}

fn index() -> ListIndex {
    let mut builder = ListBuilder::new();
    let counts = builder.add(
        meta("ours", ListKind::Plain, false),
        &[part(
            "games",
            PartKind::Domains,
            "example.test\nplay.test\n203.0.113.7\nbad line\n",
        )],
    );
    assert_eq!(
        counts,
        ListCounts {
            entries: 3,
            skipped: 1
        }
    );
    builder.add(
        meta("folder", ListKind::Squidguard, false),
        &[
            part("gambling", PartKind::Domains, "bets.play.test\nplay.test\n"),
            part(
                "adult",
                PartKind::Urls,
                "files.test/adult/\nfiles.test/a/b\n",
            ),
        ],
    );
    builder.add(
        meta("vpn", ListKind::Cidr, false),
        &[
            part(
                "vpn",
                PartKind::Networks,
                "198.51.100.0/24\n2001:db8::/32\n",
            ),
            part("vpn_exit", PartKind::Networks, "198.51.100.64/26\n"),
        ],
    );
    builder.add(
        meta("help", ListKind::Plain, true),
        &[part("help", PartKind::Domains, "help.play.test\n")],
    );
    builder.build()
}

fn told(matches: &Matches<'_>) -> String {
    let hits: Vec<_> = matches
        .hits
        .iter()
        .map(|hit| format!("{} {}", hit.label, hit.category))
        .collect();
    match matches.allowed_by {
        Some(list) => format!("allowed by {list}"),
        None => hits.join(", "),
    }
}

#[test]
fn names_below_an_entry_match_and_names_that_only_end_alike_do_not() {
    let index = index();
    for host in [
        "example.test",
        "www.example.test",
        "WWW.Example.Test",
        "a.b.c.example.test.",
    ] {
        assert_eq!(told(&index.domain(host)), "ours@1 games", "{host}");
    }
    for host in [
        "notexample.test",
        "test",
        "example.test.other",
        "",
        ".",
        "example",
        "203.0.113.8",
    ] {
        assert_eq!(told(&index.domain(host)), "", "{host}");
    }
}

#[test]
fn all_lists_and_categories_of_a_name_are_told_each_once() {
    let index = index();
    assert_eq!(
        told(&index.domain("play.test")),
        "ours@1 games, folder@1 gambling"
    );
    assert_eq!(
        told(&index.domain("x.bets.play.test")),
        "ours@1 games, folder@1 gambling"
    );
    let matches = index.domain("bets.play.test");
    assert_eq!(matches.categories(), ["gambling", "games"]);
    assert_eq!(matches.labels(), ["folder@1", "ours@1"]);
}

#[test]
fn a_list_that_allows_wins_over_all() {
    let index = index();
    assert_eq!(
        told(&index.domain("www.help.play.test")),
        "allowed by help@1"
    );
    assert!(index.url("help.play.test", "/adult").is_empty());
}

#[test]
fn a_url_matches_by_the_parts_of_its_path() {
    let index = index();
    for path in ["/adult", "/adult/", "/adult/x/y", "/a/b/c"] {
        assert_eq!(
            told(&index.url("www.files.test", path)),
            "folder@1 adult",
            "{path}"
        );
    }
    for path in ["", "/", "/adultery", "/a", "/a/bc", "/x/adult"] {
        assert_eq!(told(&index.url("files.test", path)), "", "{path}");
    }
    assert_eq!(
        told(&index.url("example.test", "/anything")),
        "ours@1 games"
    );
}

#[test]
fn of_each_list_the_smallest_network_counts() {
    let index = index();
    let of = |ip: &str| told(&index.address(ip.parse().unwrap()));
    assert_eq!(of("198.51.100.1"), "vpn@1 vpn");
    assert_eq!(of("198.51.100.65"), "vpn@1 vpn_exit");
    assert_eq!(of("2001:db8:1::5"), "vpn@1 vpn");
    assert_eq!(of("203.0.113.7"), "ours@1 games");
    assert_eq!(of("203.0.113.8"), "");
    assert_eq!(told(&index.domain("203.0.113.7")), "ours@1 games");
    assert_eq!(told(&index.domain("2001:db8:1::5")), "vpn@1 vpn");
}

#[test]
fn the_version_follows_the_bytes() {
    let one = version_of(&[part("games", PartKind::Domains, "")]);
    assert_eq!(one, "e3b0c44298fc");
    let two = version_of(&[
        part("a", PartKind::Domains, "x\n"),
        part("b", PartKind::Domains, ""),
    ]);
    let other = version_of(&[
        part("a", PartKind::Domains, ""),
        part("b", PartKind::Domains, "x\n"),
    ]);
    assert_ne!(two, other);
}

#[test]
fn strange_lists_and_hosts_bring_no_panic() {
    let mut builder = ListBuilder::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(4096).collect();
    for kind in [
        PartKind::Domains,
        PartKind::Hosts,
        PartKind::Urls,
        PartKind::Networks,
    ] {
        for from in 0..256 {
            let part = ListPart {
                category: "x",
                kind,
                bytes: &bytes[from..],
            };
            builder.add(meta("strange", ListKind::Plain, false), &[part]);
        }
    }
    let index = builder.build();
    let long = ["a"; 300].join(".");
    for host in [long.as_str(), "é.example", "::", "1.2.3", "%", "[::1]"] {
        index.url(host, "/é//a/");
        index.domain(host);
    }
}

#[test]
fn what_lists_say_is_written_into_the_event() {
    use crate::record::{Event, WebHit};

    let index = index();
    let hit = |host: &'static str, server: &str| {
        let mut event = Event::WebHit(WebHit {
            host: host.into(),
            server_ip: server.parse().ok(),
            ..WebHit::at(Timestamp::default())
        });
        index.classify(&mut event);
        match event {
            Event::WebHit(hit) => (hit.categories, hit.lists),
            _ => unreachable!(),
        }
    };
    let words =
        |texts: &[&'static str]| texts.iter().map(|text| (*text).into()).collect::<Vec<_>>();
    assert_eq!(
        hit("www.example.test", ""),
        (words(&["games"]), words(&["ours@1"]))
    );
    assert_eq!(
        hit("other.test", "198.51.100.9"),
        (words(&["vpn"]), words(&["vpn@1"]))
    );
    assert_eq!(hit("help.play.test", "198.51.100.9"), (vec![], vec![]));
}

/// A list whose makers write it in four ways means the same in each.
#[test]
fn four_spellings_of_one_list_are_one_set() {
    let names = ["a.example", "b.a.example", "c-d.example"];
    let written = |around: fn(&str) -> String| names.map(around).join("\n");
    let spellings = [
        (PartKind::Domains, written(|name| name.to_owned())),
        (PartKind::Hosts, written(|name| format!("0.0.0.0 {name}"))),
        (
            PartKind::Dnsmasq,
            written(|name| format!("address=/{name}/0.0.0.0")),
        ),
        (PartKind::Adblock, written(|name| format!("||{name}^"))),
    ];
    for (kind, text) in &spellings {
        let mut builder = ListBuilder::new();
        let counts = builder.add(
            meta("four", ListKind::Plain, false),
            &[part("games", *kind, text)],
        );
        assert_eq!((counts.entries, counts.skipped), (3, 0), "{kind:?}");
        let index = builder.build();
        for name in names {
            assert_eq!(told(&index.domain(name)), "four@1 games", "{kind:?}");
        }
        assert_eq!(index.len(), names.len(), "{kind:?}");
    }
}
