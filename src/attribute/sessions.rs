//! Sign-ins as sessions: start, interim and stop of one session brought together, with the addresses it had.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::record::{AccountToken, Basis, Mac, SignInEvent, Timestamp};

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

/// All sessions, in order of their first row.
pub(super) fn sessions(
    rows: &[SignInRow],
    interim_servers: &BTreeSet<String>,
    settings: &AttributeSettings,
) -> Vec<Session> {
    let mut groups: BTreeMap<Key, Vec<&SignInRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.event != SignInEvent::Fail) {
        groups.entry(key(row)).or_default().push(row);
    }
    let mut all = Vec::new();
    for mut group in groups.into_values() {
        group.sort_by_key(|row| (row.time, order(row.event), row.place));
        for parts in split(group) {
            all.extend(session(&parts, interim_servers, settings));
        }
    }
    all.sort_by(|a, b| (a.span, &a.rests_on).cmp(&(b.span, &b.rests_on)));
    all
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
        SignInEvent::Stop | SignInEvent::Logoff | SignInEvent::Fail => 2,
    }
}

/// Cuts the rows of one key where a stop came, or where another account began under the same number.
fn split(rows: Vec<&SignInRow>) -> Vec<Vec<&SignInRow>> {
    let mut parts: Vec<Vec<&SignInRow>> = Vec::new();
    let mut stopped = true;
    for row in rows {
        match order(row.event) {
            // A stop is final: what the server still says of the session after it is not believed.
            1 if stopped && !parts.is_empty() => continue,
            2 if stopped => continue,
            _ => {}
        }
        let so_far = parts
            .last()
            .and_then(|part| part.iter().find_map(|row| row.account));
        let same = so_far.is_none() || row.account.is_none() || so_far == row.account;
        match parts.last_mut() {
            Some(part) if !stopped && same => part.push(row),
            _ => parts.push(vec![row]),
        }
        stopped = order(row.event) == 2;
    }
    parts
}

fn session(
    rows: &[&SignInRow],
    interim_servers: &BTreeSet<String>,
    settings: &AttributeSettings,
) -> Option<Session> {
    let first = rows.first()?;
    let stop = rows.iter().find(|row| order(row.event) == 2);
    let last = rows.iter().rev().find(|row| order(row.event) < 2)?;
    let silence = silence(rows, interim_servers, settings);
    let span = match stop {
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
    let mut rests_on: Vec<RowRef> = [Some(first), Some(last), stop]
        .into_iter()
        .flatten()
        .map(|row| RowRef {
            table: "sign_ins",
            place: row.place,
        })
        .collect();
    rests_on.dedup();
    Some(Session {
        account: rows.iter().find_map(|row| row.account),
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
    let with_interim = rows
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

/// The addresses of a session in turn. The first that is learned holds back to the session's start:
/// access servers often learn the address after they let the card in, and it has had no other.
fn addresses(rows: &[&SignInRow], whole: Span) -> Vec<Address> {
    let mut all: Vec<Address> = Vec::new();
    for row in rows {
        let Some(ip) = row.ip else { continue };
        let says_presence = order(row.event) < 2;
        match all.last_mut() {
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
