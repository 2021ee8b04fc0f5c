//! Leases as intervals: which card had an address, from when until when.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::record::{LeaseEvent, Mac, SourceId, Timestamp};

use super::{AttributeSettings, DarkRow, End, LeaseRow, RowRef, Span};

/// One card held one address.
#[derive(Clone, Debug)]
pub(super) struct Holding {
    /// The card.
    pub(super) mac: Mac,
    /// For how long.
    pub(super) span: Span,
    /// The last moment at which the lease was spoken of while it held.
    pub(super) last_word: Timestamp,
    /// The rows it rests on: where it began, and the last that prolonged it.
    pub(super) rests_on: Vec<RowRef>,
    /// The source of the last word.
    pub(super) source: SourceId,
}

/// The holdings of each address, in order of time and never overlapping.
pub(super) fn holdings(
    mut rows: Vec<LeaseRow>,
    pauses: &BTreeMap<Pool, i64>,
    dark: &[DarkRow],
    settings: &AttributeSettings,
) -> BTreeMap<IpAddr, Vec<Holding>> {
    // Syslog knows whole seconds only: within one, a log's own order says what came first.
    rows.sort_by_key(|row| (row.ip, row.time, row.place));
    let mut all: BTreeMap<IpAddr, Vec<Holding>> = BTreeMap::new();
    for of_one in rows.chunk_by(|a, b| a.ip == b.ip) {
        let own = usual_pause(of_one.iter().filter(|row| is_without_end(row)));
        for row in of_one {
            // Where the address alone says too little, those beside it do.
            let pause = own.or_else(|| pauses.get(&pool(row)).copied());
            follow(all.entry(row.ip).or_default(), row, unsaid(pause, settings));
        }
    }
    for held in all.values_mut() {
        held.iter_mut()
            .for_each(|holding| end_in_the_dark(holding, dark));
        held.retain(|holding| !holding.span.is_empty());
    }
    all
}

/// While a source can not be read it may say that a lease ended, and give the address to another card. A holding that goes into such a stretch
/// and is never heard of again ends where the stretch begins; one that is spoken of on both sides goes through it.
fn end_in_the_dark(holding: &mut Holding, dark: &[DarkRow]) {
    let of_this = dark.iter().filter(|dark| dark.source == holding.source);
    let first = of_this
        .filter(|dark| holding.last_word <= dark.from && dark.from < holding.span.to)
        .min_by_key(|dark| dark.from);
    if let Some(dark) = first {
        let heard_after = holding.span.end == End::Released && holding.span.to >= dark.to;
        if !heard_after {
            holding.span.cut(dark.from, End::Unreadable);
        }
    }
}

/// The addresses beside one to which a server gives leases as long, as far as can be told without its configuration: 256 of IPv4, and the
/// 64 bits that one link has in IPv6 (RFC 4291, 2.5.1). Guests have others than rooms.
pub(super) type Pool = (SourceId, IpAddr);

fn pool(row: &LeaseRow) -> Pool {
    let first = match row.ip {
        IpAddr::V4(ip) => (ip & Ipv4Addr::new(255, 255, 255, 0)).into(),
        IpAddr::V6(ip) => (ip & Ipv6Addr::new(0xffff, 0xffff, 0xffff, 0xffff, 0, 0, 0, 0)).into(),
    };
    (row.place.source, first)
}

/// Where the addresses lie whose leases have no end that is said, and of which alone too little is heard to tell how long they last.
pub(super) fn unsure(rows: &[LeaseRow]) -> BTreeSet<Pool> {
    let mut by_address: BTreeMap<IpAddr, Vec<&LeaseRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| is_without_end(row)) {
        by_address.entry(row.ip).or_default().push(row);
    }
    by_address
        .into_values()
        .filter(|rows| usual_pause(rows.iter().copied()).is_none())
        .flat_map(|rows| rows.into_iter().map(pool))
        .collect()
}

/// How long a lease lasts whose end the source does not say: clients renew when half of it is over (RFC 2131, 4.4.5). Where too
/// little is heard to tell, the longest that is believed.
fn unsaid(pause: Option<i64>, settings: &AttributeSettings) -> i64 {
    let longest = settings.lease_without_expiry_us;
    pause.map_or(longest, |pause| pause.saturating_mul(2).min(longest))
}

/// The pause that comes most often between two words of one card on an address, in whole minutes. Renewals come on the minute, a
/// second early or late; a client that went and came back does so at any time, and must not make leases look longer than they are.
fn usual_pause<'a>(rows: impl Iterator<Item = &'a LeaseRow>) -> Option<i64> {
    let mut before: Option<&LeaseRow> = None;
    let (mut often, mut all): (BTreeMap<i64, usize>, usize) = (BTreeMap::new(), 0);
    for row in rows {
        let of_same = before.replace(row).filter(|before| before.mac == row.mac);
        let pause = of_same.map_or(0, |before| row.time.micros_since(before.time));
        if pause >= SHORTEST_PAUSE_US {
            *often
                .entry((pause + MINUTE_US / 2) / MINUTE_US)
                .or_default() += 1;
            all += 1;
        }
    }
    // Of equals the shortest: to believe less names fewer.
    let usual = often.into_iter().rev().max_by_key(|(_, times)| *times);
    // A timetable has its pauses, too: of one address alone they must be most.
    let usual = usual.filter(|(_, times)| *times >= ENOUGH_PAUSES && *times * 2 > all);
    usual.map(|(minutes, _)| minutes * MINUTE_US)
}

/// So many equal pauses tell how long a lease lasts.
pub(super) const ENOUGH_PAUSES: usize = 3;

/// No server gives leases so short that they are renewed sooner.
pub(super) const SHORTEST_PAUSE_US: i64 = 5 * MINUTE_US;

const MINUTE_US: i64 = 60_000_000;

fn is_without_end(row: &LeaseRow) -> bool {
    begins(row.event) && row.expires.is_none()
}

fn begins(event: LeaseEvent) -> bool {
    matches!(event, LeaseEvent::Assign | LeaseEvent::Renew)
}

/// Takes one step in the life of an address.
fn follow(held: &mut Vec<Holding>, row: &LeaseRow, unsaid_us: i64) {
    let open = held.last_mut().filter(|last| last.span.contains(row.time));
    if !begins(row.event) {
        // Another card's word does not end this card's lease.
        if let Some(open) = open.filter(|open| row.mac.is_none_or(|mac| mac == open.mac)) {
            let end = match row.event {
                LeaseEvent::Expire => End::Expiry,
                _ => End::Released,
            };
            open.span.cut(row.time, end);
            open.rests_on.push(reference(row));
        }
        return;
    }
    let until = row
        .expires
        .unwrap_or_else(|| row.time.plus_micros(unsaid_us));
    let end = if row.expires.is_some() {
        End::Expiry
    } else {
        End::Silence
    };
    match open {
        Some(open) if Some(open.mac) == row.mac => {
            open.span = Span {
                from: open.span.from,
                to: until,
                end,
            };
            open.last_word = row.time;
            open.source = row.place.source;
            // The first row says where it began; of those that prolonged it the last is enough.
            open.rests_on.truncate(1);
            open.rests_on.push(reference(row));
            return;
        }
        Some(open) => open.span.cut(row.time, End::NextStart),
        None => {}
    }
    if let Some(mac) = row.mac {
        held.push(Holding {
            mac,
            span: Span {
                from: row.time,
                to: until,
                end,
            },
            last_word: row.time,
            rests_on: vec![reference(row)],
            source: row.place.source,
        });
    }
}

fn reference(row: &LeaseRow) -> RowRef {
    RowRef {
        table: "leases",
        place: row.place,
    }
}
