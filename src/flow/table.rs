//! The flows under way: found by key, ended by time, end of connection or lack of room.
//!
//! Time is the packets' own, in file order. What ended in a second comes out when the second is over, ordered by
//! first frame, so that the same packets give the same records in the same order.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;
use std::vec::IntoIter;

use super::applications::HeardEvent;
use super::decode::{Decoded, flag};
use super::entry::Entry;
use super::key::{End, Key};
use super::listening::Listening;
use super::slots::Slots;
use super::wheel::{Turn, Wheel};
use super::{EndedFlow, MeterOptions};
use crate::record::{EndReason, Packet, Timestamp};

/// How long a connection that has ended still takes in its last packets, in microseconds.
const LINGER: i64 = 10_000_000;
/// How many ended flows wait for their second to be over before they are given out early.
const MOST_ENDED: usize = 65_536;
/// How many of the last flows are given out at once.
const ENDED_AT_ONCE: usize = 4_096;

/// Where an entry lies, and the hash of its key: most others are told apart, and a growing table is filled again, without
/// a look at an entry.
#[derive(Clone, Copy)]
struct At {
    hash: u32,
    index: u32,
}

pub(super) struct Table {
    options: MeterOptions,
    hasher: FixedState,
    places: HashTable<At>,
    entries: Slots,
    tickets: u32,
    wheel: Wheel,
    listening: Listening,
    ended: Vec<EndedFlow>,
    evicted: u64,
    heard: Vec<HeardEvent>,
    /// While the last flows are ended: the places of those that are left.
    last: Option<IntoIter<u32>>,
}

impl Table {
    pub(super) fn new(options: MeterOptions) -> Self {
        Table {
            hasher: FixedState::with_seed(options.seed),
            options,
            places: HashTable::new(),
            entries: Slots::default(),
            tickets: 0,
            wheel: Wheel::new(),
            listening: Listening::default(),
            ended: Vec::new(),
            evicted: 0,
            heard: Vec::new(),
            last: None,
        }
    }

    /// What was heard since this was asked last.
    #[inline]
    pub(super) fn heard(&mut self) -> &mut Vec<HeardEvent> {
        &mut self.heard
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) fn unheard(&self) -> u64 {
        self.listening.unheard()
    }

    /// Lets time go on to this moment and gives out what ended on the way.
    #[inline]
    pub(super) fn tick<F: From<EndedFlow>>(&mut self, time: Timestamp, out: &mut Vec<F>) {
        let second = time.seconds();
        if second > self.wheel.now() {
            self.tick_to(second, out);
        }
    }

    #[cold]
    fn tick_to<F: From<EndedFlow>>(&mut self, second: i64, out: &mut Vec<F>) {
        self.wheel.begin(second);
        self.give_out(out);
        while let Some(turns) = self.wheel.advance(second) {
            for turn in turns {
                self.look(turn);
            }
            self.give_out(out);
        }
    }

    /// Ends the entry whose turn it is, or puts it back.
    fn look(&mut self, turn: Turn) {
        let now = self.wheel.now();
        let Some(entry) = self.entry(turn) else {
            return;
        };
        let reason = if entry.is_closed {
            EndReason::End
        } else {
            EndReason::Idle
        };
        let due = self.due(entry);
        if due <= now {
            self.remove(turn.index, reason);
        } else {
            self.place(turn, due);
        }
    }

    fn entry(&self, turn: Turn) -> Option<&Entry> {
        self.entries
            .get(turn.index)
            .filter(|entry| entry.ticket == turn.ticket)
    }

    /// The second in which an entry is over if no packet comes.
    fn due(&self, entry: &Entry) -> i64 {
        entry.last.plus_micros(self.wait(entry)).seconds() + 1
    }

    fn wait(&self, entry: &Entry) -> i64 {
        if entry.is_closed {
            LINGER.min(self.options.idle_timeout_us)
        } else {
            self.options.idle_timeout_us
        }
    }

    /// Counts a packet to its flow, which may be a new one.
    #[inline]
    pub(super) fn add<F: From<EndedFlow>>(
        &mut self,
        packet: &Packet<'_>,
        decoded: &Decoded<'_>,
        is_portless: bool,
        out: &mut Vec<F>,
    ) {
        let (mut key, from) = Key::of(decoded);
        if self.options.apart_by_vlan {
            key = key.within(decoded.layers.vlans().iter().copied().map(u64::from));
        }
        if self.options.apart_by_tunnel {
            key = key.within(decoded.layers.tunnel_words());
        }
        let hash = self.hash(key);
        let entries = &self.entries;
        let found = self.places.find(spread(hash), |at| {
            at.hash == hash && entries.get(at.index).is_some_and(|entry| entry.key == key)
        });
        let index = match found.map(|at| at.index) {
            Some(index) => {
                self.cut_if_over(index, from, packet, decoded, is_portless);
                index
            }
            None => self.begin(
                hash,
                Entry::begin(key, from, packet, decoded, is_portless),
                out,
            ),
        };
        let Some(entry) = self.entries.get_mut(index) else {
            return;
        };
        let was_closed = entry.is_closed;
        let held = entry.held();
        let first_frame = entry.first_frame;
        entry.add(from, packet, decoded, &self.options);
        for event in entry.take_events() {
            let frame = packet.number;
            self.heard.push(HeardEvent { frame, event });
        }
        let holds = entry.held();
        let has_closed = entry.is_closed && !was_closed;
        let frames = (first_frame, entry.first_frame);
        self.listening
            .note(index, (held, holds), frames, &mut self.entries);
        if has_closed {
            self.schedule(index);
        }
        if self.ended.len() >= MOST_ENDED {
            self.give_out(out);
        }
    }

    /// Ends the flow that has this key, if the packet can not belong to it, and begins another in its place.
    #[inline]
    fn cut_if_over(
        &mut self,
        index: u32,
        from: End,
        packet: &Packet<'_>,
        decoded: &Decoded<'_>,
        is_portless: bool,
    ) {
        let Some(entry) = self.entries.get(index) else {
            return;
        };
        let is_fresh_syn = decoded
            .tcp
            .is_some_and(|tcp| tcp.flags & (flag::SYN | flag::ACK) == flag::SYN);
        let quiet = packet.time.micros_since(entry.last);
        let reason = if entry.is_closed && (is_fresh_syn || quiet > self.wait(entry)) {
            EndReason::End
        } else if quiet > self.wait(entry) {
            EndReason::Idle
        } else if packet.time.micros_since(entry.start()) > self.options.active_timeout_us {
            EndReason::Active
        } else {
            return;
        };
        self.restart(
            index,
            reason,
            Entry::begin(entry.key, from, packet, decoded, is_portless),
        );
    }

    #[cold]
    fn restart(&mut self, index: u32, reason: EndReason, mut next: Entry) {
        let Some(entry) = self.entries.get_mut(index) else {
            return;
        };
        if reason == EndReason::Active {
            next.continue_from(entry);
        }
        let earlier = std::mem::replace(entry, next);
        self.listening.over(earlier.held());
        self.ended.push(EndedFlow {
            entry: earlier,
            reason,
        });
        self.schedule(index);
    }

    fn begin<F: From<EndedFlow>>(&mut self, hash: u32, entry: Entry, out: &mut Vec<F>) -> u32 {
        while self.places.len() >= self.options.max_flows.max(1) && self.evict() {
            if self.ended.len() >= MOST_ENDED {
                self.give_out(out);
            }
        }
        let index = self.entries.keep(entry);
        self.places
            .insert_unique(spread(hash), At { hash, index }, |at| spread(at.hash));
        self.schedule(index);
        index
    }

    /// Puts an entry into the wheel under a new ticket.
    fn schedule(&mut self, index: u32) {
        let Some(entry) = self.entries.get(index) else {
            return;
        };
        let due = self.due(entry);
        self.tickets = self.tickets.wrapping_add(1);
        let ticket = self.tickets;
        if let Some(entry) = self.entries.get_mut(index) {
            entry.ticket = ticket;
        }
        self.place(Turn { index, ticket }, due);
    }

    fn place(&mut self, turn: Turn, due: i64) {
        if let Some(entry) = self.entries.get_mut(turn.index) {
            entry.placed_for = cut(due);
        }
        self.wheel.put(due, turn);
    }

    /// Ends the flow that has been quiet longest; false if there is none.
    fn evict(&mut self) -> bool {
        while let Some(turn) = self.wheel.pop_next() {
            let Some(entry) = self.entry(turn) else {
                continue;
            };
            let due = self.due(entry);
            if cut(due) == entry.placed_for {
                self.remove(turn.index, EndReason::Resources);
                self.evicted += 1;
                return true;
            }
            // It had packets since it was put here; now it goes to where it belongs.
            self.place(turn, due);
        }
        false
    }

    fn remove(&mut self, index: u32, reason: EndReason) {
        let Some(entry) = self.entries.take(index) else {
            return;
        };
        let hash = spread(self.hash(entry.key));
        if let Ok(found) = self.places.find_entry(hash, |at| at.index == index) {
            found.remove();
        }
        self.listening.over(entry.held());
        self.ended.push(EndedFlow { entry, reason });
    }

    /// Ends flows that are still under way, those that began first before the others, and gives out a bounded
    /// number of them; false once none is left. A record is several times as large as what is counted of its flow,
    /// so all of them are never there at once.
    pub(super) fn finish_some<F: From<EndedFlow>>(&mut self, out: &mut Vec<F>) -> bool {
        if self.last.is_none() {
            self.give_out(out);
            self.places = HashTable::new();
            self.wheel = Wheel::new();
        }
        let entries = &self.entries;
        let last = self
            .last
            .get_or_insert_with(|| entries.by_first_frame().into_iter());
        for index in last.by_ref().take(ENDED_AT_ONCE) {
            let Some(entry) = self.entries.take(index) else {
                continue;
            };
            let reason = if entry.is_closed {
                EndReason::End
            } else {
                EndReason::Forced
            };
            out.push(EndedFlow { entry, reason }.into());
        }
        let is_more = last.len() > 0;
        if !is_more {
            self.last = None;
            self.entries = Slots::default();
        }
        is_more
    }

    /// What is held at this moment.
    #[cfg(test)]
    pub(super) fn holds(&self) -> Holds {
        let (bytes, given_up, listed) = self.listening.held();
        Holds {
            bytes,
            given_up,
            listed,
            flows: self.places.len(),
        }
    }

    fn give_out<F: From<EndedFlow>>(&mut self, out: &mut Vec<F>) {
        let first_frame = |ended: &EndedFlow| ended.entry.first_frame;
        if !self.ended.is_sorted_by_key(first_frame) {
            // Records are long: their order is found first, and each is moved once.
            self.ended.sort_by_cached_key(first_frame);
        }
        out.extend(self.ended.drain(..).map(F::from));
    }

    /// Half of the hash, which is enough to find by.
    #[inline]
    fn hash(&self, key: Key) -> u32 {
        u32::try_from(self.hasher.hash_one(key) >> 32).unwrap_or_default()
    }
}

/// A second without its upper half.
fn cut(second: i64) -> u32 {
    u32::try_from(second & 0xffff_ffff).unwrap_or_default()
}

/// The hash that the table of places takes: it looks at the uppermost bits and at the lowest.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash.wrapping_mul(0x9e37_79b9))
}

/// What a table holds: bytes of what was said, how many flows were given up for them, how many stand in their order, and flows.
#[cfg(test)]
pub(super) struct Holds {
    pub(super) bytes: usize,
    pub(super) given_up: u64,
    pub(super) listed: usize,
    pub(super) flows: usize,
}
