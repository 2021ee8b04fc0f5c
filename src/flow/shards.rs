//! The flows under way, dealt out to a fixed number of tables by their ends.
//!
//! How many there are depends on the options alone, and each has its share of all room; so several threads can have some of
//! them each, and what comes out is the same as if one had all. What ended in a second is gathered from all tables when
//! the second is over and comes out ordered by first frame.

#[cfg(test)]
mod tests;

use std::vec::IntoIter;

use super::applications::HeardEvent;
use super::decode::Decoded;
use super::key::Key;
use super::listening::MOST_HELD;
use super::table::Table;
use super::{EndedFlow, MeterOptions};
use crate::record::{Packet, Timestamp};

/// How many tables there are, where there is room for many flows.
const SHARDS: usize = 8;
/// With room for fewer flows than this there is one table.
const FEWEST_FLOWS: usize = 65_536;
/// How many ended flows wait for their second to be over before they are given out early, in all tables together.
const MOST_ENDED: usize = 65_536;
/// How many of the last flows are given out at once.
const ENDED_AT_ONCE: usize = 4_096;

/// How many tables there are with these options.
pub(super) fn count(options: &MeterOptions) -> usize {
    if options.max_flows < FEWEST_FLOWS {
        1
    } else {
        SHARDS
    }
}

/// In which of so many tables the flow lies that is dealt out by this number.
#[inline]
pub(super) fn place(dealt: u64, tables: usize) -> u8 {
    // The uppermost bits depend on all others.
    let place = (usize::try_from(dealt >> 48).unwrap_or_default() * tables) >> 16;
    u8::try_from(place).unwrap_or_default()
}

/// The tables, or those that are ours.
pub(super) struct Shards {
    /// None where another thread has it.
    tables: Vec<Option<Table>>,
    options: MeterOptions,
    /// How many ended flows may wait in a table.
    most_ended: usize,
    /// Whether so many wait in one.
    is_much: bool,
    /// The second that has come last.
    now: i64,
    heard: Vec<HeardEvent>,
    gathered: Vec<EndedFlow>,
    /// While the last flows are ended: those that are left, in the order of their first frames, table by table.
    last: Option<Vec<IntoIter<u32>>>,
}

impl Shards {
    pub(super) fn new(options: MeterOptions, part: usize, of: usize) -> Self {
        let count = count(&options);
        let share = MeterOptions {
            max_flows: options.max_flows / count,
            ..options.clone()
        };
        let is_ours = |table: usize| table % of.max(1) == part;
        let table = |table| is_ours(table).then(|| Table::new(share.clone(), MOST_HELD / count));
        Shards {
            tables: (0..count).map(table).collect(),
            most_ended: MOST_ENDED / count,
            is_much: false,
            options,
            now: i64::MIN,
            heard: Vec::new(),
            gathered: Vec::new(),
            last: None,
        }
    }

    /// Whether the flows of a table are ours.
    #[inline]
    pub(super) fn are_here(&self, place: u8) -> bool {
        self.tables
            .get(usize::from(place))
            .is_some_and(Option::is_some)
    }

    /// Counts a packet to its flow, if that is ours.
    #[inline]
    pub(super) fn add(&mut self, packet: &Packet<'_>, decoded: &Decoded<'_>, is_portless: bool) {
        let (mut key, from) = Key::of(decoded);
        let place = place(key.dealing(), self.tables.len());
        let Some(Some(table)) = self.tables.get_mut(usize::from(place)) else {
            return;
        };
        if self.options.apart_by_vlan {
            key = key.within(decoded.layers.vlans().iter().copied().map(u64::from));
        }
        if self.options.apart_by_tunnel {
            key = key.within(decoded.layers.tunnel_words());
        }
        table.add((key, from), packet, decoded, is_portless, &mut self.heard);
        self.is_much |= table.ended().len() >= self.most_ended;
    }

    /// What was heard since this was asked last.
    #[inline]
    pub(super) fn heard(&mut self) -> &mut Vec<HeardEvent> {
        &mut self.heard
    }

    pub(super) fn evicted(&self) -> u64 {
        self.tables.iter().flatten().map(Table::evicted).sum()
    }

    pub(super) fn unheard(&self) -> u64 {
        self.tables.iter().flatten().map(Table::unheard).sum()
    }

    /// Lets time go on to this moment and gives out what ended on the way.
    #[inline]
    pub(super) fn tick<F: From<EndedFlow>>(&mut self, time: Timestamp, out: &mut Vec<F>) {
        let second = time.seconds();
        if second > self.now {
            self.tick_to(second, out);
        }
    }

    #[cold]
    fn tick_to<F: From<EndedFlow>>(&mut self, second: i64, out: &mut Vec<F>) {
        for table in self.tables.iter_mut().flatten() {
            table.begin_at(second);
        }
        self.now = second;
        self.give_out(i64::MIN, out);
        loop {
            let mut reached = None;
            for table in self.tables.iter_mut().flatten() {
                reached = table.advance(second).or(reached);
            }
            match reached {
                Some(reached) => self.give_out(reached, out),
                None => return,
            }
        }
    }

    /// Gives out what has ended, and in what second that was.
    fn give_out<F: From<EndedFlow>>(&mut self, second: i64, out: &mut Vec<F>) {
        for table in self.tables.iter_mut().flatten() {
            self.gathered.append(table.ended());
        }
        give(&mut self.gathered, second, out);
    }

    /// Gives out what has ended in tables where that is much.
    #[inline]
    pub(super) fn give_out_early<F: From<EndedFlow>>(&mut self, out: &mut Vec<F>) {
        if self.is_much {
            self.give_out_much(out);
        }
    }

    #[cold]
    fn give_out_much<F: From<EndedFlow>>(&mut self, out: &mut Vec<F>) {
        self.is_much = false;
        for table in self.tables.iter_mut().flatten() {
            if table.ended().len() >= self.most_ended {
                self.gathered.append(table.ended());
            }
        }
        give(&mut self.gathered, i64::MAX, out);
    }

    /// Ends flows that are still under way, those that began first before the others, and gives out a bounded
    /// number of them; false once none is left. A record is several times as large as what is counted of its flow,
    /// so all of them are never there at once.
    pub(super) fn finish_some<F: From<EndedFlow>>(&mut self, out: &mut Vec<F>) -> bool {
        if self.last.is_none() {
            self.give_out(i64::MIN, out);
            self.now = i64::MIN;
        }
        let tables = &mut self.tables;
        let last = self.last.get_or_insert_with(|| in_order(tables));
        let mut room = ENDED_AT_ONCE;
        while room > 0
            && let Some((table, index)) = earliest(tables, last)
        {
            if let Some(mut ended) = table.take_last(index) {
                ended.second = i64::MAX;
                out.push(ended.into());
            }
            room -= 1;
        }
        let is_more = room == 0;
        if !is_more {
            self.last = None;
            for table in self.tables.iter_mut().flatten() {
                table.is_empty_now();
            }
        }
        is_more
    }

    /// What is held at this moment.
    #[cfg(test)]
    pub(super) fn holds(&self) -> super::table::Holds {
        let mut all = super::table::Holds::default();
        for table in self.tables.iter().flatten() {
            all.add(table.holds());
        }
        all
    }
}

/// All that are still under way, those that began first before the others in each table. The first frames are needed
/// for sorting only: they are kept of one table at a time.
fn in_order(tables: &mut [Option<Table>]) -> Vec<IntoIter<u32>> {
    let mut order = Vec::with_capacity(tables.len());
    for table in tables {
        let mut of_table: Vec<(u64, u32)> = Vec::new();
        of_table.extend(table.iter_mut().flat_map(Table::last));
        of_table.sort_unstable();
        order.push(
            of_table
                .iter()
                .map(|&(_, index)| index)
                .collect::<Vec<u32>>()
                .into_iter(),
        );
    }
    order
}

/// The table and number of the flow that began first among those that are left.
fn earliest<'a>(
    tables: &'a mut [Option<Table>],
    last: &mut [IntoIter<u32>],
) -> Option<(&'a mut Table, u32)> {
    let first = |(place, left): (usize, &IntoIter<u32>)| {
        let index = *left.as_slice().first()?;
        let table = tables.get(place)?.as_ref()?;
        Some((table.first_frame(index), place))
    };
    let (_, place) = last.iter().enumerate().filter_map(first).min()?;
    let index = last.get_mut(place)?.next()?;
    Some((tables.get_mut(place)?.as_mut()?, index))
}

fn give<F: From<EndedFlow>>(gathered: &mut Vec<EndedFlow>, second: i64, out: &mut Vec<F>) {
    let first_frame = |ended: &EndedFlow| ended.entry.first_frame;
    if !gathered.is_sorted_by_key(first_frame) {
        // Entries are long: their order is found first, and each is moved once.
        gathered.sort_by_cached_key(first_frame);
    }
    out.extend(gathered.drain(..).map(|mut ended| {
        ended.second = second;
        F::from(ended)
    }));
}
