//! Unbound's queries and replies (`log-queries`, `log-replies`), its local actions and response policy; in a file or through syslog.
//!
//! `[1772446500] unbound[811:0] info: 10.1.2.3 www.maths.example. A IN`, and of a reply ` NOERROR 0.012 0 55` after it.

use crate::logs::envelope::Envelope;
use crate::logs::fields::{Words, address, address_and_port, after, contains, domain, text};
use crate::logs::lines::{LineFormat, OTHER, Read, question};
use crate::logs::times::LocalClock;
use crate::record::{Action, DnsQuery, Event, RejectReason};

pub(super) static UNBOUND: LineFormat = LineFormat {
    name: "unbound",
    title: "Unbound (queries, replies, local actions)",
    extensions: &["log"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    // RFC 5424 puts the process beside the name (OPNsense).
    contains(line, "unbound[")
        || contains(line, "unbound: ")
        || contains(line, " unbound ") && contains(line, " info: ")
}

fn read<'a>(line: &'a [u8], clock: &LocalClock) -> Read<'a> {
    if !is_ours(line) {
        return Err(RejectReason::WrongShape.into());
    }
    let message = after(line, " info: ").ok_or(OTHER)?;
    let mut message = message;
    for tag in ["query: ", "reply: "] {
        message = message.strip_prefix(tag.as_bytes()).unwrap_or(message);
    }
    let asked = Asked::of(message).ok_or(OTHER)?;
    let time = Envelope::of(line, clock).stamp.moment()?;
    Ok(Event::DnsQuery(DnsQuery {
        client_ip: Some(asked.client.0),
        client_port: asked.client.1,
        qname: domain(asked.qname).into(),
        qtype: text(asked.qtype).into(),
        rcode: text(asked.rcode).into(),
        action: asked.action,
        ..question(time)
    }))
}

struct Asked<'a> {
    client: (std::net::IpAddr, Option<u16>),
    qname: &'a [u8],
    qtype: &'a [u8],
    rcode: &'a [u8],
    action: Option<Action>,
}

impl<'a> Asked<'a> {
    /// A question if it begins with an address; a local action names its zone and what is done first.
    fn of(message: &'a [u8]) -> Option<Self> {
        let mut words = Words::of(message);
        let first = words.next()?;
        if let Some(ip) = address(first) {
            let (qname, qtype, class) = (words.next()?, words.next()?, words.next()?);
            if !is_class(class) {
                return None;
            }
            return Some(Asked {
                client: (ip, None),
                qname,
                qtype,
                rcode: words.next().unwrap_or_default(),
                action: None,
            });
        }
        // `zone. always_nxdomain 10.1.2.3@4711 name. A IN`, `rpz: applied [list] zone. rpz-nxdomain 10.1.2.3@4711 name. A IN`
        let mut done = first;
        for word in words.by_ref().take(6) {
            if let Some((ip, Some(port))) = address_and_port(word) {
                let (qname, qtype, class) = (words.next()?, words.next()?, words.next()?);
                return is_class(class).then_some(Asked {
                    client: (ip, Some(port)),
                    qname,
                    qtype,
                    rcode: &[],
                    action: action(done),
                });
            }
            done = word;
        }
        None
    }
}

/// What a local zone or a policy does; of `inform` and `transparent` nothing follows for the client.
fn action(word: &[u8]) -> Option<Action> {
    match word {
        b"deny"
        | b"refuse"
        | b"static"
        | b"redirect"
        | b"inform_deny"
        | b"inform_redirect"
        | b"always_refuse"
        | b"always_nxdomain"
        | b"always_nodata"
        | b"always_deny"
        | b"always_null"
        | b"block_a"
        | b"rpz-nxdomain"
        | b"rpz-nodata"
        | b"rpz-drop"
        | b"rpz-local-data"
        | b"rpz-cname-override"
        | b"nxdomain"
        | b"nodata"
        | b"drop"
        | b"local-data"
        | b"local_data" => Some(Action::Blocked),
        b"rpz-passthru" | b"passthru" => Some(Action::Allowed),
        _ => None,
    }
}

fn is_class(word: &[u8]) -> bool {
    matches!(word, b"IN" | b"CH" | b"HS" | b"ANY" | b"NONE") || word.starts_with(b"CLASS")
}
