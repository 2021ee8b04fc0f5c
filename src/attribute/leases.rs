//! Leases as intervals: which card had an address, from when until when.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::record::{LeaseEvent, Mac, Timestamp};

use super::{AttributeSettings, End, LeaseRow, RowRef, Span};

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
}

/// The holdings of each address, in order of time and never overlapping.
pub(super) fn holdings(
    mut rows: Vec<LeaseRow>,
    settings: &AttributeSettings,
) -> BTreeMap<IpAddr, Vec<Holding>> {
    // Syslog knows whole seconds only: within one, a log's own order says what came first.
    rows.sort_by_key(|row| (row.ip, row.time, row.place));
    let mut all: BTreeMap<IpAddr, Vec<Holding>> = BTreeMap::new();
    for row in rows {
        follow(all.entry(row.ip).or_default(), &row, settings);
    }
    for held in all.values_mut() {
        held.retain(|holding| !holding.span.is_empty());
    }
    all
}

fn begins(event: LeaseEvent) -> bool {
    matches!(event, LeaseEvent::Assign | LeaseEvent::Renew)
}

/// Takes one step in the life of an address.
fn follow(held: &mut Vec<Holding>, row: &LeaseRow, settings: &AttributeSettings) {
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
        .unwrap_or_else(|| row.time.plus_micros(settings.lease_without_expiry_us));
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
        });
    }
}

fn reference(row: &LeaseRow) -> RowRef {
    RowRef {
        table: "leases",
        place: row.place,
    }
}
