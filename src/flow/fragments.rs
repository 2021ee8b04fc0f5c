//! Which flow the pieces of a cut packet belong to: only the first has the ports.
//!
//! Pieces that come before their first wait for it, within a bound; what is not completed goes to a flow without ports.
//! Pieces that lie over others without being the same are no packet's (RFC 5722): who sends them hides something.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::decode::{Decoded, Fragment};
use crate::record::{Packet, Timestamp};

/// How many cut packets are remembered.
const MOST: usize = 8_192;
/// How many pieces may wait for their first, all together.
const MOST_WAITING: usize = 4_096;
/// How many pieces of one packet are compared; a packet of the greatest length over the smallest usual link has fewer.
const MOST_PIECES: usize = 256;
/// How long, in microseconds: what hosts wait for the missing pieces (RFC 1122 says between 60 and 120 seconds).
const WAIT: i64 = 60_000_000;

/// What all pieces of a packet share.
type Whole = (u128, u128, u8, u32);

/// What is to be done with a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// Its ports are known now.
    Known,
    /// Its ports will not be known.
    Portless,
    /// It waits for its first.
    Waiting,
    /// It lies over another piece.
    Overlap,
}

/// A piece that has waited: its headers without its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) packet: Packet<'static>,
    pub(super) decoded: Decoded<'static>,
    pub(super) is_portless: bool,
}

/// The cut packets that are under way.
pub(super) struct Fragments {
    known: HashMap<Whole, Pieces, FixedState>,
    /// The oldest first, each with the ticket that must still be its own.
    order: VecDeque<(u64, Whole)>,
    tickets: u64,
    waiting: usize,
    /// Since when the oldest is under way, where nothing has changed since that was looked up.
    oldest_since: Option<Timestamp>,
    /// Pieces that wait no more, for the table to take.
    released: Vec<Piece>,
}

/// What was seen of a cut packet.
struct Pieces {
    ticket: u64,
    since: Timestamp,
    ports: Option<Ports>,
    ranges: Vec<(u32, u32)>,
    /// Where the last piece ends.
    end: Option<u32>,
    is_bad: bool,
    waiting: Vec<Piece>,
}

/// What the first piece tells the others.
#[derive(Clone, Copy)]
struct Ports {
    src_port: u16,
    dst_port: u16,
    icmp: Option<(u8, u8)>,
}

impl Fragments {
    pub(super) fn new(seed: u64) -> Self {
        Fragments {
            known: HashMap::with_hasher(FixedState::with_seed(seed)),
            order: VecDeque::new(),
            tickets: 0,
            waiting: 0,
            oldest_since: None,
            released: Vec::new(),
        }
    }

    /// Finds out whose piece this is, and gives it the ports of its first where they are known.
    pub(super) fn place(
        &mut self,
        packet: &Packet<'_>,
        decoded: &mut Decoded<'_>,
        fragment: Fragment,
    ) -> Placement {
        let whole = (decoded.src, decoded.dst, decoded.protocol, fragment.id);
        let range = (
            fragment.offset,
            fragment.offset.saturating_add(fragment.length),
        );
        self.oldest_since = None;
        let is_stale = self.known.get(&whole).is_none_or(|pieces| {
            pieces.is_older_than(WAIT, packet.time) || pieces.is_another(range, fragment.is_first)
        });
        if is_stale {
            self.begin(whole, packet.time);
        }
        let room = self.waiting < MOST_WAITING;
        let Some(pieces) = self.known.get_mut(&whole) else {
            return Placement::Portless;
        };
        if !pieces.take_in(range, fragment.is_last) {
            let left = std::mem::take(&mut pieces.waiting);
            self.release(left, None);
            return Placement::Overlap;
        }
        if fragment.is_first {
            let ports = Ports {
                src_port: decoded.src_port,
                dst_port: decoded.dst_port,
                icmp: decoded.icmp,
            };
            pieces.ports = Some(ports);
            let left = std::mem::take(&mut pieces.waiting);
            self.release(left, Some(ports));
            return Placement::Known;
        }
        match pieces.ports {
            Some(ports) => {
                ports.give(decoded);
                Placement::Known
            }
            None if room && pieces.waiting.len() < MOST_PIECES => {
                pieces.waiting.push(Piece::of(packet, decoded));
                self.waiting += 1;
                Placement::Waiting
            }
            None => Placement::Portless,
        }
    }

    /// Begins a packet anew; the oldest makes room.
    fn begin(&mut self, whole: Whole, since: Timestamp) {
        self.forget(whole);
        self.tickets += 1;
        let pieces = Pieces {
            ticket: self.tickets,
            since,
            ports: None,
            ranges: Vec::new(),
            end: None,
            is_bad: false,
            waiting: Vec::new(),
        };
        self.known.insert(whole, pieces);
        self.order.push_back((self.tickets, whole));
        while self.order.len() > MOST {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((ticket, whole)) = self.order.pop_front()
            && self
                .known
                .get(&whole)
                .is_some_and(|pieces| pieces.ticket == ticket)
        {
            self.forget(whole);
        }
    }

    fn forget(&mut self, whole: Whole) {
        if let Some(pieces) = self.known.remove(&whole) {
            self.release(pieces.waiting, None);
        }
    }

    fn release(&mut self, pieces: Vec<Piece>, ports: Option<Ports>) {
        self.waiting -= pieces.len();
        self.released.extend(pieces.into_iter().map(|mut piece| {
            match ports {
                Some(ports) => ports.give(&mut piece.decoded),
                None => piece.is_portless = true,
            }
            piece
        }));
    }

    /// Whether there may be pieces that wait no more at this moment.
    #[inline]
    pub(super) fn may_release(&self, now: Timestamp) -> bool {
        let is_old = |since| is_older_than(since, WAIT, now);
        !self.released.is_empty() || (self.waiting > 0 && self.oldest_since.is_none_or(is_old))
    }

    /// The pieces that wait no more at this moment, because their first has come, or has not come for too long.
    pub(super) fn released(&mut self, now: Timestamp) -> Vec<Piece> {
        while let Some((_, whole)) = self.order.front() {
            self.oldest_since = self.known.get(whole).map(|pieces| pieces.since);
            match self.oldest_since {
                Some(since) if !is_older_than(since, WAIT, now) => break,
                _ => self.forget_oldest(),
            }
        }
        std::mem::take(&mut self.released)
    }

    /// All pieces that still wait, oldest packet first.
    pub(super) fn finish(&mut self) -> Vec<Piece> {
        while !self.order.is_empty() {
            self.forget_oldest();
        }
        std::mem::take(&mut self.released)
    }
}

/// Whether something that has begun then was under way for longer; or time went back by more.
#[inline]
fn is_older_than(since: Timestamp, wait: i64, now: Timestamp) -> bool {
    now.micros_since(since).abs() > wait
}

impl Pieces {
    fn is_older_than(&self, wait: i64, now: Timestamp) -> bool {
        is_older_than(self.since, wait, now)
    }

    /// Whether the packet is complete and this piece is another packet's: the number is used again.
    fn is_another(&self, range: (u32, u32), is_first: bool) -> bool {
        let sum: u64 = self
            .ranges
            .iter()
            .map(|(start, end)| u64::from(end - start))
            .sum();
        let is_complete = self.end.is_some_and(|end| u64::from(end) == sum);
        is_complete && !self.is_bad && (is_first || !self.ranges.contains(&range))
    }

    /// Notes a piece; false if it lies over another. One that is seen twice, as mirrors show them, is no other.
    fn take_in(&mut self, range: (u32, u32), is_last: bool) -> bool {
        let (start, end) = range;
        let is_over = |(from, to): &(u32, u32)| start < *to && *from < end;
        if self.is_bad {
            return false;
        }
        if self.ranges.contains(&range) || self.ranges.len() >= MOST_PIECES {
            return true;
        }
        let is_beyond = self.end.is_some_and(|last| end > last);
        if self.ranges.iter().any(is_over) || is_beyond {
            self.is_bad = true;
            return false;
        }
        self.ranges.push(range);
        if is_last {
            self.end = Some(end);
        }
        true
    }
}

impl Ports {
    fn give(self, decoded: &mut Decoded<'_>) {
        decoded.src_port = self.src_port;
        decoded.dst_port = self.dst_port;
        decoded.icmp = self.icmp;
    }
}

impl Piece {
    fn of(packet: &Packet<'_>, decoded: &Decoded<'_>) -> Piece {
        Piece {
            packet: Packet {
                bytes: &[],
                ..*packet
            },
            decoded: Decoded {
                payload: &[],
                ..*decoded
            },
            is_portless: false,
        }
    }
}
