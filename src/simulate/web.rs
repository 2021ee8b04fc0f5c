//! What people ask for, and how Squid writes it down: the line is written when the request has ended.

use std::net::Ipv4Addr;

use super::random::Random;

/// One request, as its line will say it.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) elapsed: i64,
    pub(super) status: u16,
    pub(super) size: i64,
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) media: &'static str,
    pub(super) server: Ipv4Addr,
}

/// A request out of the catalogue.
pub(super) fn request(random: &mut Random) -> Request {
    let (host, number) = random.one_of(SITES).copied().unwrap_or(("www.example", 9));
    let server = Ipv4Addr::new(192, 0, 2, number);
    let size = random.between(300, 40_000);
    let elapsed = random.between(20, 900);
    if random.chance(450) {
        // A tunnel of TLS may stay open for minutes.
        let elapsed = if random.chance(60) {
            random.between(20_000, 400_000)
        } else {
            elapsed
        };
        return Request {
            elapsed,
            status: 200,
            size,
            method: "CONNECT",
            url: format!("{host}:443"),
            media: "-",
            server,
        };
    }
    if random.chance(15) {
        return Request {
            elapsed: 2,
            status: 403,
            size: 3900,
            method: "GET",
            url: format!("http://{host}/refused"),
            media: "text/html",
            server,
        };
    }
    let page = random.below(60);
    let (ending, media) = random
        .one_of(MEDIA)
        .copied()
        .unwrap_or(("html", "text/html"));
    Request {
        elapsed,
        status: 200,
        size,
        method: "GET",
        url: format!("http://{host}/p{page}.{ending}"),
        media,
        server,
    }
}

/// A line of Squid's native log: `ended` is in milliseconds since 1970, by the proxy's clock.
pub(super) fn line(ended: i64, ip: Ipv4Addr, user: &str, request: &Request) -> String {
    let Request {
        elapsed,
        status,
        size,
        method,
        url,
        media,
        server,
    } = request;
    let (code, hierarchy) = match (status, *method) {
        (403 | 407, _) => ("TCP_DENIED", "HIER_NONE/-".to_owned()),
        (_, "CONNECT") => ("TCP_TUNNEL", format!("HIER_DIRECT/{server}")),
        _ => ("TCP_MISS", format!("HIER_DIRECT/{server}")),
    };
    format!(
        "{}.{:03} {elapsed:6} {ip} {code}/{status} {size} {method} {url} {user} {hierarchy} {media}\n",
        ended.div_euclid(1000),
        ended.rem_euclid(1000)
    )
}

const MEDIA: &[(&str, &str)] = &[
    ("html", "text/html"),
    ("png", "image/png"),
    ("js", "application/javascript"),
    ("json", "application/json"),
];

const SITES: &[(&str, u8)] = &[
    ("classroom.example", 11),
    ("www.search.example", 12),
    ("maths.example", 13),
    ("video.example", 14),
    ("news.example", 15),
    ("mail.example", 16),
    ("maps.example", 17),
    ("wiki.example", 18),
    ("timetable.example", 19),
    ("games.example", 20),
    ("music.example", 21),
    ("updates.example", 22),
    ("photos.example", 23),
    ("library.example", 24),
    ("weather.example", 25),
];
