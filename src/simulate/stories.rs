//! Planted stories: what a rule must find, and an innocent twin that looks like it and must not be found.

use super::web::Request;
use std::net::Ipv4Addr;

/// The list that the stories meet.
pub(super) const GAMBLING: &str =
    "# Invented. One domain a line.\npoker-lounge.example\nlucky-slots.example\nbet-now.example\n";

/// What a story is to be found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    CategoryHit,
    VpnTunnel,
    SustainedHighVolume,
}

impl Rule {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Rule::CategoryHit => "category_hit",
            Rule::VpnTunnel => "vpn_tunnel",
            Rule::SustainedHighVolume => "sustained_high_volume",
        }
    }
}

/// A story.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) id: String,
    pub(super) rule: Rule,
    pub(super) twin: bool,
    /// The stay in which it happens.
    pub(super) stay: usize,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) account: String,
}

impl Story {
    /// What is asked of the proxy, and when.
    pub(super) fn requests(&self) -> Vec<(i64, Request)> {
        if self.rule != Rule::CategoryHit {
            return Vec::new();
        }
        let server = Ipv4Addr::new(192, 0, 2, 77);
        let page = |number: i64, status| Request {
            elapsed: 120,
            status,
            size: 9000 + number,
            method: "GET",
            url: format!("http://lucky-slots.example/play/{number}"),
            media: "text/html",
            server,
        };
        if self.twin {
            // Two pictures of an advertisement within other pages.
            let part = |number: i64| Request {
                url: format!("http://bet-now.example/banner{number}.png"),
                media: "image/png",
                ..page(number, 200)
            };
            return vec![(self.from + 1000, part(1)), (self.from + 200_000, part(2))];
        }
        let step = (self.to - self.from) / 14;
        (0..12)
            .map(|number| {
                let status = if number == 3 { 403 } else { 200 };
                (self.from + 1000 + number * step, page(number, status))
            })
            .collect()
    }
}
