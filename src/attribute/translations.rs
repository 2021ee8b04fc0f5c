//! Translations as intervals: which inside address an outside address and port stood for.
//!
//! A block of ports, or a whole address, is one subscriber's at a time: it ends where it goes to the next. A single port may stand for
//! several at once, told apart by the far end alone, which no record of ours keeps: there two records without an end both stand, and
//! nobody is named.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::record::{Timestamp, from_store_ip, to_store_ip};

use super::{AttributeSettings, End, Reason, RowRef, Span, TranslationRow};

/// The outside end of a connection, as a stranger saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutsideEnd {
    /// The address.
    pub ip: IpAddr,
    /// The port; none if nobody has said it.
    pub port: Option<u16>,
    /// IANA's number of the protocol; none if nobody has said it.
    pub protocol: Option<u8>,
}

/// An inside end that an outside one stood for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// The address.
    pub ip: IpAddr,
    /// The port, where the record tells it and there is one.
    pub port: Option<u16>,
    /// For how long.
    pub span: Span,
    /// The rows it rests on.
    pub rests_on: Vec<RowRef>,
}

/// What stood behind an outside end at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// Nobody that is known.
    Nobody,
    /// One inside address.
    One(Inside),
    /// Several could be meant, or it is not certain that this one is.
    Several(Vec<Inside>, Reason),
}

/// One translation.
#[derive(Clone, Debug)]
pub(super) struct Stay {
    inside: IpAddr,
    inside_port: Option<u16>,
    protocol: u8,
    ports: Option<(u16, u16)>,
    /// For how long.
    pub(super) span: Span,
    rests_on: Vec<RowRef>,
}

impl Stay {
    /// Whether nobody else can have these ports at the same time.
    fn is_exclusive(&self) -> bool {
        self.ports.is_none_or(|(first, last)| first < last)
    }

    /// Whether both are of one protocol and have a port in common.
    fn meets(&self, other: &Stay) -> bool {
        let all = |ports: Option<(u16, u16)>| ports.unwrap_or((0, u16::MAX));
        let (own, others) = (all(self.ports), all(other.ports));
        let protocols =
            self.protocol == 0 || other.protocol == 0 || self.protocol == other.protocol;
        protocols && own.0 <= others.1 && others.0 <= own.1
    }

    fn is_of(&self, end: &OutsideEnd) -> bool {
        let port = match (end.port, self.ports) {
            (Some(port), Some((first, last))) => (first..=last).contains(&port),
            _ => true,
        };
        port && (self.protocol == 0 || end.protocol.is_none_or(|asked| asked == self.protocol))
    }
}

/// The record that closes a translation may repeat its beginning in whole seconds.
const REPEATED_US: i64 = 1_000_000;

/// What stood behind an outside end at a moment, by its translations.
pub(super) fn behind(
    stays: &[Stay],
    end: &OutsideEnd,
    time: Timestamp,
    settings: &AttributeSettings,
) -> Behind {
    let uncertainty = settings.clock_uncertainty_us;
    let (now, near): (Vec<&Stay>, Vec<&Stay>) = stays
        .iter()
        .filter(|stay| stay.span.contains(time) || stay.span.is_near(time, uncertainty))
        .partition(|stay| stay.span.contains(time));
    let addresses =
        |stays: &[&Stay]| -> BTreeSet<IpAddr> { stays.iter().map(|stay| stay.inside).collect() };
    let (held, others) = (addresses(&now), addresses(&near));
    let all = || insides(now.iter().chain(&near).copied());
    if held.is_empty() && others.is_empty() {
        return Behind::Nobody;
    }
    // Whoever knows only the address knows which connection is meant only where the whole address stood for one.
    if end.port.is_none() && now.iter().chain(&near).any(|stay| stay.ports.is_some()) {
        return Behind::Several(all(), Reason::PortNotSaid);
    }
    if held.len() > 1 {
        return Behind::Several(all(), Reason::TranslationsDisagree);
    }
    // That somebody had the port is certain, for it was seen: doubt comes only from others who had it within the clocks' uncertainty, or
    // from a moment at which nobody had it.
    match insides(now.iter().copied()).pop() {
        Some(one) if others.is_subset(&held) => Behind::One(one),
        _ => Behind::Several(all(), Reason::MarginTooSmall),
    }
}

/// One for each address: its translations that came together in a question, put together.
fn insides<'a>(stays: impl Iterator<Item = &'a Stay>) -> Vec<Inside> {
    let mut all: BTreeMap<IpAddr, Inside> = BTreeMap::new();
    for stay in stays {
        all.entry(stay.inside)
            .and_modify(|inside| {
                inside.port = inside.port.filter(|port| stay.inside_port == Some(*port));
                if inside.span.to < stay.span.to {
                    inside.span.to = stay.span.to;
                    inside.span.end = stay.span.end;
                }
                inside.span.from = inside.span.from.min(stay.span.from);
                inside.rests_on.extend(&stay.rests_on);
            })
            .or_insert_with(|| Inside {
                ip: stay.inside,
                port: stay.inside_port,
                span: stay.span,
                rests_on: stay.rests_on.clone(),
            });
    }
    let mut all: Vec<Inside> = all.into_values().collect();
    for inside in &mut all {
        inside.rests_on.sort_unstable();
        inside.rests_on.dedup();
    }
    all
}

/// The translations of an outside end. All rows are of its address; their order does not matter.
pub(super) fn stays(
    mut rows: Vec<TranslationRow>,
    end: &OutsideEnd,
    settings: &AttributeSettings,
) -> Vec<Stay> {
    rows.sort_by_key(|row| (row.from, row.place));
    let (ended, open): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.to.is_some());
    let mut stays: Vec<Stay> = ended
        .iter()
        .map(|row| stay(row, row.to.unwrap_or(row.from), End::Stop))
        .collect();
    let ended = stays.len();
    for row in open {
        let until = row.from.plus_micros(settings.translation_without_end_us);
        let given = stay(&row, until, End::Silence);
        // What was given is told again when it is taken back.
        let taken = stays.iter_mut().take(ended).find(|taken| {
            taken.inside == given.inside
                && (taken.inside_port, taken.protocol, taken.ports)
                    == (given.inside_port, given.protocol, given.ports)
                && taken.span.from.micros_since(given.span.from) <= REPEATED_US
                && given.span.from <= taken.span.to
        });
        match taken {
            Some(taken) => {
                taken.span.from = taken.span.from.min(given.span.from);
                taken.rests_on.extend(given.rests_on);
            }
            None => stays.push(given),
        }
    }
    let starts: Vec<Stay> = stays
        .iter()
        .filter(|stay| stay.is_exclusive())
        .cloned()
        .collect();
    for stay in &mut stays {
        if stay.span.end != End::Silence || !stay.is_exclusive() {
            continue;
        }
        let next = starts
            .iter()
            .filter(|other| {
                other.inside != stay.inside && other.span.from > stay.span.from && other.meets(stay)
            })
            .map(|other| other.span.from)
            .min();
        if let Some(next) = next {
            stay.span.cut(next, End::NextStart);
        }
    }
    stays.retain(|stay| !stay.span.is_empty() && stay.is_of(end));
    stays
}

fn stay(row: &TranslationRow, to: Timestamp, end: End) -> Stay {
    // Most translators tell whole seconds: an end within a second may come at its last moment.
    let to = match (end, to.micros().rem_euclid(1_000_000)) {
        (End::Stop, 0) => to.plus_seconds(1),
        _ => to.max(row.from.plus_micros(1)),
    };
    let ports = row
        .first_port
        .map(|first| (first, row.last_port.unwrap_or(first).max(first)));
    Stay {
        inside: from_store_ip(to_store_ip(row.inside)),
        inside_port: row.inside_port,
        protocol: row.protocol,
        ports,
        span: Span {
            from: row.from,
            to,
            end,
        },
        rests_on: vec![RowRef {
            table: "translations",
            place: row.place,
        }],
    }
}
