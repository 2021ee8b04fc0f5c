//! BIND's messages about its clients, in a file of its own or through syslog: questions asked, refused, rewritten by policy.
//!
//! Each of time, category and severity can be switched off, and clients have had a pointer, a name in brackets and a
//! view before the message since different versions; so the line is read from `client` on. A line without time can not be placed.

use crate::logs::envelope::Envelope;
use crate::logs::envelope::without_priority;
use crate::logs::fields::{Words, address, after, contains, domain, number, text};
use crate::logs::lines::{LineFormat, OTHER, Read, question};
use crate::logs::pairs::Pairs;
use crate::logs::stamps::{Stamp, stamp};
use crate::logs::times::LocalClock;
use crate::record::{Action, DnsQuery, Event, RejectReason, Timestamp, Word};

pub(super) static BIND_QUERY: LineFormat = LineFormat {
    name: "bind_query",
    title: "BIND (queries, refusals, response policy)",
    extensions: &["log"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    client(line).is_some_and(|client| client.port.is_some() && kind(client.message).is_some())
        || is_named(line)
}

fn is_named(line: &[u8]) -> bool {
    [&b" named["[..], b" named: "]
        .iter()
        .any(|word| memchr::memmem::find(line, word).is_some())
}

fn read<'a>(line: &'a [u8], clock: &LocalClock) -> Read<'a> {
    if contains(line, "|Infoblox|") {
        return rewritten(line, clock);
    }
    let Some(client) = client(line) else {
        let (found, _) = stamp(without_priority(line), clock);
        let known = is_named(line) || found != Stamp::Missing || has_category(line);
        return Err(if known {
            OTHER
        } else {
            RejectReason::WrongShape.into()
        });
    };
    let Some((kind, rest)) = kind(client.message) else {
        return Err(OTHER);
    };
    let ip = address(client.ip).ok_or(RejectReason::BadAddress)?;
    let asked = Asked::of(kind, rest)?;
    let own = line
        .get(..client.at)
        .and_then(|before| own_time(before, clock));
    let time = match own {
        Some(time) => time,
        None => Envelope::of(line, clock).stamp.moment()?,
    };
    Ok(Event::DnsQuery(DnsQuery {
        client_ip: Some(ip),
        client_port: client.port,
        server_ip: asked.server.and_then(address),
        qname: domain(asked.qname).into(),
        qtype: text(asked.qtype).into(),
        rcode: text(asked.rcode).into(),
        action: asked.action,
        answers: asked.answers,
        ..question(time)
    }))
}

/// `07-Apr-2026 08:08:10.043` right before `client`, behind a collector's heading: the server's own time, with its year.
fn own_time(before: &[u8], clock: &LocalClock) -> Option<Timestamp> {
    let mut words = before.trim_ascii_end().rsplit(|byte| *byte == b' ');
    let (time, date) = (words.next()?, words.next()?);
    let is_date = matches!(date, [_, _, b'-', _, _, _, b'-', _, _, _, _]);
    is_date.then(|| clock.stamp_of(date, time, None)).flatten()
}

/// `CEF:0|Infoblox|NIOS|..|RPZ-QNAME|NXDOMAIN|7|.. src=.. spt=.. qtype=A msg="rpz QNAME NXDOMAIN rewrite NAME [A] via .."`: Infoblox's own
/// way to tell of its response policy.
fn rewritten<'a>(line: &'a [u8], clock: &LocalClock) -> Read<'a> {
    let name = after(line, " rewrite ").and_then(|rest| rest.split(|byte| *byte == b' ').next());
    let pairs = Pairs::of(line);
    let (Some(name), Some(ip)) = (name, pairs.value(b"src")) else {
        return Err(OTHER);
    };
    let port = pairs.value(b"spt").and_then(number);
    let time = Envelope::of(line, clock).stamp.moment()?;
    Ok(Event::DnsQuery(DnsQuery {
        client_ip: Some(address(ip).ok_or(RejectReason::BadAddress)?),
        client_port: port.and_then(|port| u16::try_from(port).ok()),
        qname: domain(name).into(),
        qtype: text(pairs.value(b"qtype").unwrap_or_default()).into(),
        action: Some(match contains(line, "PASSTHRU") {
            true => Action::Allowed,
            false => Action::Blocked,
        }),
        ..question(time)
    }))
}

/// `NAME TTL IN A 192.0.2.7; NAME TTL IN ...;` behind the flags: what the names and addresses stand for.
fn answers(rest: &[u8]) -> Vec<Word<'_>> {
    let data = |record| {
        let mut words = Words::of(record).skip_while(|word| !is_class(word)).skip(1);
        let kind = words.next()?;
        let data = words.next()?;
        matches!(kind, b"A" | b"AAAA" | b"CNAME" | b"PTR")
            .then(|| Word::from(text(data.strip_suffix(b".").unwrap_or(data))))
    };
    rest.split(|byte| *byte == b';').filter_map(data).collect()
}

/// Who a message is about, and the message.
struct Client<'a> {
    ip: &'a [u8],
    port: Option<u16>,
    /// Where `client` stands in the line.
    at: usize,
    message: &'a [u8],
}

/// Reads `client [@0x7f..] ADDRESS#PORT [(name)]: [view NAME:] message`.
fn client(line: &[u8]) -> Option<Client<'_>> {
    let at = memchr::memmem::find_iter(line, b"client ").find(|at| {
        let before = at.checked_sub(1).and_then(|before| line.get(before));
        before.is_none_or(|byte| *byte == b' ')
    })?;
    let mut rest = line.get(at + 7..)?;
    if rest.starts_with(b"@0x") {
        rest = rest.get(memchr::memchr(b' ', rest)? + 1..)?;
    }
    let hash = memchr::memchr(b'#', rest)?;
    let (ip, after) = rest.split_at_checked(hash)?;
    if ip.is_empty() || ip.len() > 45 || memchr::memchr(b' ', ip).is_some() {
        return None;
    }
    let after = after.get(1..)?;
    let digits = after
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (port, after) = after.split_at_checked(digits)?;
    let port = number(port).and_then(|port| u16::try_from(port).ok());
    // Keys and names in brackets come before the colon.
    let mut rest = after;
    if let Some(name) = rest.strip_prefix(b"/key ") {
        rest = name.get(memchr::memchr2(b' ', b':', name)?..)?;
    }
    rest = rest.trim_ascii_start();
    if rest.starts_with(b"(") {
        rest = rest
            .get(memchr::memmem::find(rest, b"):").or(memchr::memmem::find(rest, b") "))? + 1..)?;
    }
    rest = rest.strip_prefix(b":").unwrap_or(rest).trim_ascii_start();
    if let Some(view) = rest.strip_prefix(b"view ") {
        rest = view.get(memchr::memmem::find(view, b": ")? + 2..)?;
    }
    // Infoblox says by which transport the question came.
    let rest = [b"UDP: ".as_slice(), b"TCP: "]
        .iter()
        .find_map(|transport| rest.strip_prefix(*transport))
        .unwrap_or(rest);
    Some(Client {
        ip,
        port,
        at,
        message: rest,
    })
}

#[derive(Clone, Copy)]
enum Kind {
    Query,
    Response,
    Refused,
    Transfer,
    BadTransfer,
    Failed,
    Policy,
}

fn kind(message: &[u8]) -> Option<(Kind, &[u8])> {
    KINDS.iter().find_map(|(start, kind)| {
        let rest = message.strip_prefix(start.as_bytes())?;
        Some((*kind, rest))
    })
}

static KINDS: &[(&str, Kind)] = &[
    ("query: ", Kind::Query),
    ("response: ", Kind::Response),
    ("query (cache) ", Kind::Refused),
    ("query failed (", Kind::Failed),
    ("query ", Kind::Refused),
    ("zone transfer ", Kind::Transfer),
    ("bad zone transfer request: ", Kind::BadTransfer),
    ("rpz ", Kind::Policy),
];

struct Asked<'a> {
    qname: &'a [u8],
    qtype: &'a [u8],
    rcode: &'a [u8],
    server: Option<&'a [u8]>,
    action: Option<Action>,
    answers: Vec<Word<'a>>,
}

impl<'a> Asked<'a> {
    fn of(kind: Kind, rest: &'a [u8]) -> Result<Self, RejectReason> {
        let mut asked = Asked {
            qname: &[],
            qtype: &[],
            rcode: &[],
            server: None,
            action: None,
            answers: Vec::new(),
        };
        match kind {
            Kind::Query | Kind::Response => asked.plain(kind, rest)?,
            Kind::Failed => {
                // `query failed (SERVFAIL) for a.example/IN/A at ../query.c:7094`
                let end = memchr::memchr(b')', rest).ok_or(RejectReason::WrongShape)?;
                asked.rcode = rest.get(..end).unwrap_or_default();
                let rest = rest.get(end + 1..).unwrap_or_default().trim_ascii_start();
                let rest = rest.strip_prefix(b"for ").ok_or(RejectReason::WrongShape)?;
                let name = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
                asked.name_class_type(name, true)?;
            }
            Kind::Refused | Kind::Transfer | Kind::BadTransfer => {
                // Older versions name nothing: `query (cache) denied`.
                if let Some(inner) = rest.strip_prefix(b"'") {
                    let end = memchr::memrchr(b'\'', inner).ok_or(RejectReason::WrongShape)?;
                    let name = inner.get(..end).unwrap_or_default();
                    asked.name_class_type(name, false)?;
                    let said = inner.get(end + 1..).unwrap_or_default();
                    if said.starts_with(b" denied") {
                        asked.action = Some(Action::Blocked);
                    }
                } else if rest.starts_with(b"denied") {
                    asked.action = Some(Action::Blocked);
                }
            }
            Kind::Policy => asked.policy(rest)?,
        }
        Ok(asked)
    }

    /// `a.example IN A +E(0)K (10.1.0.53)`; of a response the code stands after the type.
    fn plain(&mut self, kind: Kind, rest: &'a [u8]) -> Result<(), RejectReason> {
        let mut words = Words::of(rest);
        let mut word = || words.next().ok_or(RejectReason::MissingFields);
        self.qname = word()?;
        let class = word()?;
        if !is_class(class) {
            return Err(RejectReason::WrongShape);
        }
        self.qtype = word()?;
        if matches!(kind, Kind::Response) {
            self.rcode = word()?;
        }
        let mut behind = words.clone();
        if behind.next() == Some(b"response:") {
            self.rcode = behind.next().ok_or(RejectReason::MissingFields)?;
            self.answers = answers(behind.rest());
            return Ok(());
        }
        self.server = words
            .filter_map(|word| word.strip_prefix(b"(")?.strip_suffix(b")"))
            .find(|word| address(word).is_some());
        Ok(())
    }

    /// `a.example/A/IN`, or `a.example/IN/A` in failures; a bad transfer has no type.
    fn name_class_type(&mut self, name: &'a [u8], class_first: bool) -> Result<(), RejectReason> {
        let last = memchr::memrchr(b'/', name).ok_or(RejectReason::WrongShape)?;
        let (front, end) = (
            name.get(..last).unwrap_or_default(),
            name.get(last + 1..).unwrap_or_default(),
        );
        match memchr::memrchr(b'/', front).filter(|_| is_class(end) || class_first) {
            Some(middle) => {
                let other = front.get(middle + 1..).unwrap_or_default();
                self.qname = front.get(..middle).unwrap_or_default();
                self.qtype = if class_first { end } else { other };
            }
            None => self.qname = front,
        }
        Ok(())
    }

    /// `QNAME NXDOMAIN rewrite a.example/A/IN via a.example.rpz.example`.
    fn policy(&mut self, rest: &'a [u8]) -> Result<(), RejectReason> {
        let mut words = rest.split(|byte| *byte == b' ');
        let (_trigger, policy) = (words.next(), words.next());
        let mut words = words.skip_while(|word| *word != b"rewrite").skip(1);
        let name = words.next().ok_or(RejectReason::MissingFields)?;
        if memchr::memchr(b'/', name).is_some() {
            self.name_class_type(name, false)?;
        } else {
            self.qname = name;
        }
        self.action = Some(match policy {
            Some(b"PASSTHRU") => Action::Allowed,
            _ => Action::Blocked,
        });
        Ok(())
    }
}

fn is_class(word: &[u8]) -> bool {
    matches!(word, b"IN" | b"CH" | b"HS" | b"ANY" | b"NONE") || word.starts_with(b"CLASS")
}

/// Whether a category stands before the message, as where the time is switched off.
fn has_category(line: &[u8]) -> bool {
    let first = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    CATEGORIES
        .iter()
        .any(|name| first.strip_suffix(b":") == Some(name.as_bytes()))
}

static CATEGORIES: &[&str] = &[
    "client",
    "cname",
    "config",
    "database",
    "default",
    "delegation-only",
    "dispatch",
    "dnssec",
    "edns-disabled",
    "general",
    "lame-servers",
    "network",
    "notify",
    "queries",
    "query-errors",
    "rate-limit",
    "resolver",
    "rpz",
    "security",
    "update",
    "update-security",
    "xfer-in",
    "xfer-out",
    "zoneload",
];
