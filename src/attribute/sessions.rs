//! Sign-ins as sessions: start, interim and stop of one session brought together, with the addresses it had.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::record::{AccountToken, Basis, Mac, Place, SignInEvent, Timestamp};

use super::{AttributeSettings, End, RowRef, SignInRow, Span};

/// One session: somebody was signed in for a while.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Who; none where the source named nobody.
    pub(super) account: Option<AccountToken>,
    /// What kind of evidence it is.
    pub(super) basis: Basis,
    /// The card, if the source named it.
    pub(super) mac: Option<Mac>,
    /// For how long.
    pub(super) span: Span,
    /// The last moment at which the person was said to be there; a stop does not say that.
    pub(super) last_word: Timestamp,
    /// The addresses it had, one after the other.
    pub(super) addresses: Vec<Address>,
    /// The rows it rests on: its first, its last, its stop.
    pub(super) rests_on: Vec<RowRef>,
}

/// A session had this address for a part of its life.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) ip: IpAddr,
    pub(super) span: Span,
    pub(super) last_word: Timestamp,
}

/// What makes rows one session: its number at its server, or, without a number, who and where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Numbered(Basis, String, String),
    ByPlace(Basis, Option<AccountToken>, Option<IpAddr>, Option<Mac>),
}

/// What is known of the access servers themselves.
struct Servers<'a> {
    with_interim: &'a BTreeSet<String>,
    /// When each came up or went down, which ends all its sessions.
    restarts: BTreeMap<&'a str, Vec<(Timestamp, Place)>>,
}

impl Servers<'_> {
    /// The first restart after the last word of a session. Within one moment the restart came first.
    fn restart_after(&self, last: &SignInRow) -> Option<(Timestamp, Place)> {
        let times = self.restarts.get(last.nas.as_str())?;
        times.iter().find(|(time, _)| *time > last.time).copied()
    }
}

/// All sessions, in order of their first row.
pub(super) fn sessions(
    rows: &[SignInRow],
    interim_servers: &BTreeSet<String>,
    settings: &AttributeSettings,
) -> Vec<Session> {
    let mut groups: BTreeMap<Key, Vec<&SignInRow>> = BTreeMap::new();
    let mut servers = Servers {
        with_interim: interim_servers,
        restarts: BTreeMap::new(),
    };
    for row in rows {
        match row.event {
            SignInEvent::Fail => {}
            SignInEvent::Restart => servers
                .restarts
                .entry(&row.nas)
                .or_default()
                .push((row.time, row.place)),
            _ => groups.entry(key(row)).or_default().push(row),
        }
    }
    bring_stops(&mut groups);
    bring_words(&mut groups);
    // Servers without a name can not be told apart.
    servers.restarts.remove("");
    servers.restarts.values_mut().for_each(|times| times.sort());
    let mut all = Vec::new();
    for (key, mut group) in groups {
        group.sort_by_key(|row| (row.time, order(row.event), row.place));
        if let Key::ByPlace(basis, ..) = key {
            for part in split_by_word(group, basis, settings) {
                all.extend(session(&part, None, &servers, settings));
            }
            continue;
        }
        let parts = split(group);
        let nexts = parts.iter().skip(1).map(Part::first_time).chain([None]);
        for (part, next) in parts.iter().zip(nexts) {
            all.extend(session(part, next, &servers, settings));
        }
    }
    all.sort_by(|a, b| (a.span, &a.rests_on).cmp(&(b.span, &b.rests_on)));
    all
}

/// A stop without a number often says less than the sign-in that it ends, only whose card went: it is brought to each session without a
/// number on that card that it does not contradict.
fn bring_stops<'a>(groups: &mut BTreeMap<Key, Vec<&'a SignInRow>>) {
    let mut stops: BTreeMap<(Basis, Mac), Vec<&'a SignInRow>> = BTreeMap::new();
    for (key, rows) in &*groups {
        if let Key::ByPlace(basis, _, _, Some(mac)) = key {
            let ends = rows.iter().filter(|row| order(row.event) == 2);
            stops.entry((*basis, *mac)).or_default().extend(ends);
        }
    }
    for (key, rows) in groups {
        let Key::ByPlace(basis, account, ip, Some(mac)) = key else {
            continue;
        };
        let others = stops.get(&(*basis, *mac)).into_iter().flatten();
        let others = others.filter(|stop| {
            let same_account = stop.account.is_none() || stop.account == *account;
            let same_address = stop.ip.is_none() || ip.is_none() || stop.ip == *ip;
            same_account && same_address && (stop.account, stop.ip) != (*account, *ip)
        });
        rows.extend(others);
    }
}

/// What a controller that gave a ticket sees of the same person at the same address later on, such as a share that is opened, says that the
/// person is still there; it is no new sitting down. That the share is let go (4634 after a network logon) does not say that the person went.
fn bring_words<'a>(groups: &mut BTreeMap<Key, Vec<&'a SignInRow>>) {
    let mut tickets: BTreeMap<(AccountToken, IpAddr), Vec<&'a SignInRow>> = BTreeMap::new();
    for (key, rows) in &*groups {
        if let &Key::ByPlace(Basis::Directory, Some(account), Some(ip), None) = key {
            let mut rows = rows.clone();
            rows.sort_by_key(|row| (row.time, order(row.event), row.place));
            tickets.insert((account, ip), rows);
        }
    }
    let is_word = |row: &SignInRow| {
        let (account, ip) = (row.account?, row.ip?);
        let rows = tickets.get(&(account, ip))?;
        let before = rows.partition_point(|ticket| ticket.time <= row.time);
        let last = rows.get(before.checked_sub(1)?)?;
        let same = !row.nas.is_empty() && last.nas == row.nas;
        (same && order(last.event) < 2).then_some((account, ip))
    };
    let mut words: Vec<((AccountToken, IpAddr), &'a SignInRow)> = Vec::new();
    groups.retain(|key, rows| {
        let Key::Numbered(Basis::Directory, ..) = key else {
            return true;
        };
        let mut starts = rows.iter().filter(|row| row.event == SignInEvent::Logon);
        let (Some(start), None) = (starts.next().copied(), starts.next()) else {
            return true;
        };
        let place = is_word(start);
        words.extend(place.map(|place| (place, start)));
        place.is_none()
    });
    for ((account, ip), row) in words {
        let key = Key::ByPlace(Basis::Directory, Some(account), Some(ip), None);
        groups.entry(key).or_default().push(row);
    }
}

fn key(row: &SignInRow) -> Key {
    if row.session.is_empty() {
        Key::ByPlace(row.basis, row.account, row.ip, row.mac)
    } else {
        Key::Numbered(row.basis, row.nas.clone(), row.session.clone())
    }
}

/// Within one microsecond a session starts before it goes on, and goes on before it stops.
fn order(event: SignInEvent) -> u8 {
    match event {
        SignInEvent::Start | SignInEvent::Logon => 0,
        SignInEvent::Interim => 1,
        SignInEvent::Stop | SignInEvent::Logoff | SignInEvent::Restart | SignInEvent::Fail => 2,
    }
}

/// What one key says of one session.
struct Part<'a> {
    rows: Vec<&'a SignInRow>,
    stopped: bool,
    /// A stop of it bears an earlier time than its start, though it was logged later: its clock was set back.
    clock_went_back: bool,
}

impl<'a> Part<'a> {
    fn account(&self) -> Option<AccountToken> {
        self.rows.iter().find_map(|row| row.account)
    }

    fn agrees(&self, row: &SignInRow) -> bool {
        let own = self.account();
        own.is_none() || row.account.is_none() || own == row.account
    }

    fn was_started(&self) -> bool {
        self.rows.first().is_some_and(|row| order(row.event) == 0)
    }

    fn first_time(&self) -> Option<Timestamp> {
        self.rows.first().map(|row| row.time)
    }
}

/// Cuts the rows of one key where a stop came, or where another account began under the same number.
fn split(rows: Vec<&SignInRow>) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    let mut early_stops: Vec<&SignInRow> = Vec::new();
    for row in rows {
        let stops = order(row.event) == 2;
        if order(row.event) == 0 {
            match parts.last_mut() {
                Some(part) if !part.stopped && part.agrees(row) => part.rows.push(row),
                _ => parts.push(begun(row, &early_stops)),
            }
            continue;
        }
        let open = parts.last().is_none_or(|part| !part.stopped);
        // A server that used a number again may still speak of its first session; where a number went on
        // under another account, the latest is meant.
        let meant = parts
            .iter_mut()
            .rev()
            .find(|part| part.agrees(row) || !part.was_started());
        match meant {
            // A stop is final: what the server still says of the session after it is not believed.
            Some(part) if part.stopped => {}
            Some(part) if stops || part.agrees(row) => {
                part.rows.push(row);
                part.stopped = stops;
            }
            None if stops => match parts.last_mut() {
                // The name changed on the way; a number stands for one session, and it is over.
                Some(part) if !part.stopped => {
                    part.rows.push(row);
                    part.stopped = true;
                }
                _ => early_stops.push(row),
            },
            _ if open => parts.push(begun(row, &early_stops)),
            _ => {}
        }
    }
    parts
}

/// Cuts the rows of somebody at one place, which bear no number: where a stop came, where more silence lay than is believed, and, in a
/// directory, at each new ticket for signing in. Whether the earlier part went on until then, others' sign-ins there decide.
fn split_by_word<'a>(
    rows: Vec<&'a SignInRow>,
    basis: Basis,
    settings: &AttributeSettings,
) -> Vec<Part<'a>> {
    let longest = settings
        .silence_without_interim_us
        .max(settings.silence_after_logon_us);
    let mut parts: Vec<Part<'a>> = Vec::new();
    for chunk in split(rows) {
        let Part {
            rows,
            stopped,
            clock_went_back,
        } = chunk;
        let mut rows = rows.into_iter().peekable();
        while let Some(first) = rows.next() {
            let mut own = vec![first];
            let mut last = first.time;
            while let Some(row) = rows.next_if(|row| {
                let sits_down = basis == Basis::Directory
                    && row.event == SignInEvent::Logon
                    && row.session.is_empty();
                let silent = row.time.micros_since(last) > longest;
                order(row.event) == 2 || !(sits_down || silent)
            }) {
                last = row.time;
                own.push(row);
            }
            let is_last = rows.peek().is_none();
            parts.push(Part {
                rows: own,
                stopped: stopped && is_last,
                clock_went_back,
            });
        }
    }
    parts
}

/// A new session. A stop that the same log holds after it, but with an earlier time, is its own.
fn begun<'a>(row: &'a SignInRow, early_stops: &[&SignInRow]) -> Part<'a> {
    let is_its_own = |stop: &&SignInRow| {
        let (of, at) = (stop.place, row.place);
        let other = stop.account.is_some() && row.account.is_some() && stop.account != row.account;
        !other && (of.source != at.source || of.frame > at.frame)
    };
    Part {
        rows: vec![row],
        stopped: false,
        clock_went_back: early_stops.iter().any(is_its_own),
    }
}

fn session(
    part: &Part<'_>,
    next: Option<Timestamp>,
    servers: &Servers<'_>,
    settings: &AttributeSettings,
) -> Option<Session> {
    let rows = part.rows.as_slice();
    let first = rows.first()?;
    let stop = rows.iter().find(|row| order(row.event) == 2);
    let last = rows.iter().rev().find(|row| order(row.event) < 2)?;
    let silence = silence(rows, servers.with_interim, settings);
    let mut span = match stop {
        Some(stop) => Span {
            from: first.time,
            to: stop.time,
            end: End::Stop,
        },
        None => Span {
            from: first.time,
            to: last.time.plus_micros(silence),
            end: End::Silence,
        },
    };
    // One number is one session: the next under it began after this one's end, unless this was heard of since.
    if let Some(next) = next.filter(|next| stop.is_none() && *next >= last.time) {
        span.cut(next, End::NextStart);
    }
    let restart = servers.restart_after(last).filter(|_| stop.is_none());
    if let Some((at, _)) = restart {
        span.cut(at, End::Restart);
    }
    let restart = restart.map(|(_, place)| place);
    let mut rests_on: Vec<RowRef> = [
        Some(first.place),
        Some(last.place),
        stop.map(|row| row.place),
        restart,
    ]
    .into_iter()
    .flatten()
    .map(|place| RowRef {
        table: "sign_ins",
        place,
    })
    .collect();
    rests_on.dedup();
    Some(Session {
        // Nobody knows how long a session lasted whose clock was set back within it.
        account: part
            .account()
            .filter(|_| part.stopped || !part.clock_went_back),
        basis: first.basis,
        mac: rows.iter().find_map(|row| row.mac),
        span,
        last_word: last.time,
        addresses: addresses(rows, span),
        rests_on,
    })
}

/// How long after its last record a session without a stop is still believed in.
fn silence(
    rows: &[&SignInRow],
    interim_servers: &BTreeSet<String>,
    settings: &AttributeSettings,
) -> i64 {
    // Tickets are asked for when a service is needed, and not to say that somebody is still there.
    let is_ticket = rows
        .iter()
        .any(|row| row.basis == Basis::Directory && row.session.is_empty());
    let with_interim = !is_ticket
        && rows
            .iter()
            .any(|row| row.event == SignInEvent::Interim || interim_servers.contains(&row.nas));
    let logon = rows.iter().any(|row| row.event == SignInEvent::Logon);
    if with_interim {
        settings.silence_with_interim_us
    } else if logon {
        settings.silence_after_logon_us
    } else {
        settings.silence_without_interim_us
    }
}

/// Whether this is the outside end of a tunnel: many people may come from there, and none of them is seen by it inside. Servers of tunnels
/// number their sessions by it, so that it stands in the session's number, with its port or without.
fn is_outside_end(row: &SignInRow, ip: IpAddr) -> bool {
    let begins_with = |ip: &str| {
        let rest = row.session.strip_prefix(ip);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    };
    row.basis == Basis::Directory
        && !row.session.is_empty()
        && (begins_with(&ip.to_string()) || ip.is_ipv6() && begins_with(&format!("[{ip}]")))
}

/// The addresses of a session in turn, those of either version apart: most devices have one of each. The
/// first that is learned holds back to the session's start: access servers often learn the address after
/// they let the card in, and it has had no other.
fn addresses(rows: &[&SignInRow], whole: Span) -> Vec<Address> {
    let mut all: Vec<Address> = Vec::new();
    for row in rows {
        let Some(ip) = row.ip.filter(|ip| !is_outside_end(row, *ip)) else {
            continue;
        };
        let says_presence = order(row.event) < 2;
        let last = all
            .iter_mut()
            .rev()
            .find(|last| last.ip.is_ipv4() == ip.is_ipv4());
        match last {
            Some(last) if last.ip == ip => {
                if says_presence {
                    last.last_word = row.time;
                }
            }
            Some(last) => {
                last.span.cut(row.time, End::Moved);
                all.push(Address {
                    ip,
                    span: Span {
                        from: row.time,
                        ..whole
                    },
                    last_word: row.time,
                });
            }
            None => all.push(Address {
                ip,
                span: whole,
                last_word: if says_presence { row.time } else { whole.from },
            }),
        }
    }
    all.retain(|address| !address.span.is_empty());
    all
}
