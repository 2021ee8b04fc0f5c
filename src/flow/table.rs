//! The flows under way: found by key, ended by time, end of connection or lack of room.
//!
//! Time is the packets' own, in file order. Several of these hold the flows under way (`shards`), each its share of them;
//! what has ended in one waits there until it is gathered from all.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

use super::applications::HeardEvent;
use super::decode::{Decoded, flag};
use super::entry::Entry;
use super::key::{End, Key};
use super::listening::Listening;
use super::slots::Slots;
use super::wheel::{Turn, Wheel};
use super::{EndedFlow, MeterOptions};
use crate::record::{EndReason, Packet};

/// How long a connection that has ended still takes in its last packets, in microseconds.
const LINGER: i64 = 10_000_000;

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
}

impl Table {
    /// A table with so much room: `max_flows` of the options are its own, and so many bytes of what is said in them.
    pub(super) fn new(options: MeterOptions, most_held: usize) -> Self {
        Table {
            hasher: FixedState::with_seed(options.seed),
            options,
            places: HashTable::new(),
            entries: Slots::default(),
            tickets: 0,
            wheel: Wheel::new(),
            listening: Listening::within(most_held),
            ended: Vec::new(),
            evicted: 0,
        }
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) fn unheard(&self) -> u64 {
        self.listening.unheard()
    }

    /// What has ended and was not gathered yet.
    #[inline]
    pub(super) fn ended(&mut self) -> &mut Vec<EndedFlow> {
        &mut self.ended
    }

    /// Sets the first second.
    pub(super) fn begin_at(&mut self, second: i64) {
        self.wheel.begin(second);
    }

    /// One second on, or a leap that is longer than the wheel, towards this one; which second that was, or none if it has come.
    pub(super) fn advance(&mut self, second: i64) -> Option<i64> {
        let turns = self.wheel.advance(second)?;
        for turn in turns {
            self.look(turn);
        }
        Some(self.wheel.now())
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

    /// Counts a packet to the flow of this key, which may be a new one; `heard` takes what it tells.
    #[inline]
    pub(super) fn add(
        &mut self,
        (key, from): (Key, End),
        packet: &Packet<'_>,
        decoded: &Decoded<'_>,
        is_portless: bool,
        heard: &mut Vec<HeardEvent>,
    ) {
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
            None => self.begin(hash, Entry::begin(key, from, packet, decoded, is_portless)),
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
            heard.push(HeardEvent { frame, event });
        }
        let holds = entry.held();
        let has_closed = entry.is_closed && !was_closed;
        let frames = (first_frame, entry.first_frame);
        self.listening
            .note(index, (held, holds), frames, &mut self.entries);
        if has_closed {
            self.schedule(index);
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
        self.ended.push(EndedFlow::of(earlier, reason));
        self.schedule(index);
    }

    fn begin(&mut self, hash: u32, entry: Entry) -> u32 {
        while self.places.len() >= self.options.max_flows.max(1) && self.evict() {}
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
        self.ended.push(EndedFlow::of(entry, reason));
    }

    /// The numbers of all that are still under way, with their first frames. No packet may come before all were taken.
    pub(super) fn last(&mut self) -> impl Iterator<Item = (u64, u32)> {
        self.places = HashTable::new();
        self.wheel = Wheel::new();
        self.entries.first_frames()
    }

    /// The first frame of one that is still under way.
    pub(super) fn first_frame(&self, index: u32) -> u64 {
        self.entries
            .get(index)
            .map_or(u64::MAX, |entry| entry.first_frame)
    }

    /// One of those that are still under way at the end.
    pub(super) fn take_last(&mut self, index: u32) -> Option<EndedFlow> {
        let entry = self.entries.take_last(index)?;
        self.listening.over(entry.held());
        let reason = if entry.is_closed {
            EndReason::End
        } else {
            EndReason::Forced
        };
        Some(EndedFlow::of(entry, reason))
    }

    /// All of them were taken.
    pub(super) fn is_empty_now(&mut self) {
        self.entries = Slots::default();
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
#[derive(Default)]
pub(super) struct Holds {
    pub(super) bytes: usize,
    pub(super) given_up: u64,
    pub(super) listed: usize,
    pub(super) flows: usize,
}

#[cfg(test)]
impl Holds {
    pub(super) fn add(&mut self, other: Holds) {
        self.bytes += other.bytes;
        self.given_up += other.given_up;
        self.listed += other.listed;
        self.flows += other.flows;
    }
}
