//! What is held of what was said in all flows together, and whose turn it is to be given up when that is too much.
//!
//! A flow holds what its ends said only until it is known what it is used for. Whoever opens many and says half a
//! sentence in each would fill the memory: beyond the bound, those who began to be listened to first are given up.

use std::collections::VecDeque;

use super::slots::Slots;

/// How many bytes are held of what was said, in all flows together.
pub(super) const MOST_HELD: usize = 32 << 20;
/// How many places of flows that are not listened to any more may stand in the order beside as many that are.
const MOST_STALE: usize = 1_024;

/// The flows that are listened to.
#[derive(Debug, Default)]
pub(super) struct Listening {
    /// Where they lie, those that began first before the others. Some are over since; and where another flow lies by now,
    /// it is listened to as well, and may be given up in its stead.
    order: VecDeque<u32>,
    flows: usize,
    held: usize,
    given_up: u64,
}

impl Listening {
    /// Notes how much a flow held before a packet, and how much it holds now.
    #[inline]
    pub(super) fn note(&mut self, index: u32, before: usize, now: usize, entries: &mut Slots) {
        if before == now {
            return;
        }
        self.changed(index, before, now, entries);
    }

    fn changed(&mut self, index: u32, before: usize, now: usize, entries: &mut Slots) {
        self.held = (self.held + now).saturating_sub(before);
        if before == 0 {
            self.flows += 1;
            self.order.push_back(index);
            if self.order.len() > 2 * self.flows + MOST_STALE {
                self.order.retain(|index| is_heard(*index, entries));
            }
        } else if now == 0 {
            self.flows = self.flows.saturating_sub(1);
        }
        while self.held > MOST_HELD {
            let Some(first) = self.order.pop_front() else {
                return;
            };
            if let Some(entry) = entries.get_mut(first) {
                let held = entry.held();
                entry.give_up();
                self.given_up += u64::from(held > 0);
                self.over(held);
            }
        }
    }

    /// A flow that held so much is over.
    #[inline]
    pub(super) fn over(&mut self, held: usize) {
        if held > 0 {
            self.held = self.held.saturating_sub(held);
            self.flows = self.flows.saturating_sub(1);
        }
    }

    /// How many bytes are held, and how many flows were given up for that.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, u64) {
        (self.held, self.given_up)
    }
}

fn is_heard(index: u32, entries: &Slots) -> bool {
    entries.get(index).is_some_and(|entry| entry.held() > 0)
}
