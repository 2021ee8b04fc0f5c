//! What is held of what was said in all flows together, and whose turn it is to be given up when that is too much.
//!
//! A flow holds what its ends said only until it is known what it is used for. Whoever opens many and says half a
//! sentence in each would fill the memory: beyond the bound, those who began to be listened to first are given up.

use std::collections::VecDeque;

use super::slots::Slots;

/// How many bytes are held of what was said, in all flows together.
pub(super) const MOST_HELD: usize = 27 << 20;
/// How many places of flows that are not listened to any more may stand in the order beside as many that are.
const MOST_STALE: usize = 1_024;

/// The flows that are listened to.
#[derive(Debug)]
pub(super) struct Listening {
    /// How many bytes may be held.
    most: usize,
    /// Where they lie and the lower halves of their first frames, those that began first before the others. Some are over since,
    /// and another flow with another first frame lies there.
    order: VecDeque<(u32, u32)>,
    flows: usize,
    held: usize,
    given_up: u64,
}

impl Listening {
    /// Nobody is listened to yet.
    pub(super) fn within(most: usize) -> Self {
        Listening {
            most,
            order: VecDeque::new(),
            flows: 0,
            held: 0,
            given_up: 0,
        }
    }

    /// Notes how much a flow held before a packet and how much it holds now; and its first frame, before and now.
    #[inline]
    pub(super) fn note(
        &mut self,
        index: u32,
        (before, now): (usize, usize),
        (old, first_frame): (u64, u64),
        entries: &mut Slots,
    ) {
        if before != now || (now > 0 && old != first_frame) {
            let is_listed = before > 0 && old == first_frame;
            self.changed((index, lower(first_frame)), is_listed, before, now, entries);
        }
    }

    fn changed(
        &mut self,
        place: (u32, u32),
        is_listed: bool,
        before: usize,
        now: usize,
        entries: &mut Slots,
    ) {
        self.held = (self.held + now).saturating_sub(before);
        self.flows += usize::from(before == 0);
        if now == 0 {
            self.flows = self.flows.saturating_sub(1);
        } else if !is_listed {
            self.order.push_back(place);
            if self.order.len() > 2 * self.flows + MOST_STALE {
                self.order.retain(|place| is_heard(*place, entries));
            }
        }
        while self.held > self.most {
            let Some(first) = self.order.pop_front() else {
                return;
            };
            if let Some(entry) = entries.get_mut(first.0)
                && lower(entry.first_frame) == first.1
            {
                let held = entry.held();
                entry.give_up();
                self.given_up += u64::from(held > 0);
                self.over(held);
            }
        }
    }

    /// How many flows are not listened to any more for lack of room.
    pub(super) fn unheard(&self) -> u64 {
        self.given_up
    }

    /// A flow that held so much is over.
    #[inline]
    pub(super) fn over(&mut self, held: usize) {
        if held > 0 {
            self.held = self.held.saturating_sub(held);
            self.flows = self.flows.saturating_sub(1);
        }
    }

    /// How many bytes are held, how many flows were given up for that, and how long the order is.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, u64, usize) {
        (self.held, self.given_up, self.order.len())
    }
}

fn is_heard((index, first_frame): (u32, u32), entries: &Slots) -> bool {
    let entry = entries.get(index);
    entry.is_some_and(|entry| lower(entry.first_frame) == first_frame && entry.held() > 0)
}

/// The lower half of a frame's number: enough to tell flows apart that lay in one place one after the other.
#[inline]
fn lower(frame: u64) -> u32 {
    u32::try_from(frame & 0xffff_ffff).unwrap_or_default()
}
