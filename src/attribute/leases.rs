//! Leases as intervals: which card had an address, from when until when.

use std::collections::BTreeMap;
use std::net::IpAddr;

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
    dark: &[DarkRow],
    settings: &AttributeSettings,
) -> BTreeMap<IpAddr, Vec<Holding>> {
    // Syslog knows whole seconds only: within one, a log's own order says what came first.
    rows.sort_by_key(|row| (row.ip, row.time, row.place));
    let mut all: BTreeMap<IpAddr, Vec<Holding>> = BTreeMap::new();
    for of_one in rows.chunk_by(|a, b| a.ip == b.ip) {
        let unsaid_us = unsaid(of_one, settings);
        for row in of_one {
            follow(all.entry(row.ip).or_default(), row, unsaid_us);
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

/// How long a lease of this address lasts whose end the source does not say. Clients renew when half of it is over (RFC 2131, 4.4.5), so what lies
/// between most words of one card is half of a lease; where there are too few to tell, the longest that is believed.
fn unsaid(rows: &[LeaseRow], settings: &AttributeSettings) -> i64 {
    let begun: Vec<&LeaseRow> = rows
        .iter()
        .filter(|row| begins(row.event) && row.expires.is_none())
        .collect();
    let mut between: Vec<i64> = begun
        .windows(2)
        .filter_map(|pair| match pair {
            [one, next] if one.mac == next.mac => Some(next.time.micros_since(one.time)),
            _ => None,
        })
        .collect();
    between.sort_unstable();
    let longest = settings.lease_without_expiry_us;
    match between.get(between.len() * 3 / 4) {
        // A client may come back later than it would have renewed: of four, three did not.
        Some(usual) if between.len() >= ENOUGH_WORDS => usual.saturating_mul(2).min(longest),
        _ => longest,
    }
}

/// So many times between words tell how long a lease lasts.
const ENOUGH_WORDS: usize = 4;

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
