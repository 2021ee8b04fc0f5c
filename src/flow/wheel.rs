//! A wheel of seconds: which entries to look at when a second has come.
//!
//! An entry stands in one slot; its packets do not move it. When its slot comes, the table sees whether it is
//! really over and puts it back if not, so a packet costs nothing here.

use std::collections::VecDeque;

/// How many seconds the wheel holds; what is due later is looked at earlier and put back.
const SLOTS: i64 = 512;

/// An entry's place in the table, and the ticket that must still be its own.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    pub(super) index: u32,
    pub(super) ticket: u32,
}

pub(super) struct Wheel {
    slots: Vec<VecDeque<Turn>>,
    now: i64,
    /// No entry stands before this second: where room is made, those that are due next are not looked for anew each time.
    earliest: i64,
}

impl Wheel {
    pub(super) fn new() -> Self {
        Wheel {
            slots: (0..SLOTS).map(|_| VecDeque::new()).collect(),
            now: i64::MIN,
            earliest: i64::MIN,
        }
    }

    /// The second that has come last.
    pub(super) fn now(&self) -> i64 {
        self.now
    }

    /// Sets the first second.
    pub(super) fn begin(&mut self, second: i64) {
        if self.now == i64::MIN {
            self.now = second;
        }
    }

    /// Puts an entry where it is due, but not now and not beyond the wheel.
    pub(super) fn put(&mut self, due: i64, turn: Turn) {
        let at = due.clamp(
            self.now.saturating_add(1),
            self.now.saturating_add(SLOTS - 1),
        );
        self.earliest = self.earliest.min(at);
        if let Some(slot) = self.slot(at) {
            slot.push_back(turn);
        }
    }

    /// One second on, towards `second`; what stands there. A leap longer than the wheel lets all stand there at once.
    pub(super) fn advance(&mut self, second: i64) -> Option<VecDeque<Turn>> {
        if second <= self.now {
            return None;
        }
        if second.saturating_sub(self.now) > SLOTS {
            self.now = second;
            return Some(self.slots.iter_mut().flat_map(std::mem::take).collect());
        }
        self.now += 1;
        let now = self.now;
        self.slot(now).map(std::mem::take)
    }

    /// The entry that is due next, at the earliest.
    pub(super) fn pop_next(&mut self) -> Option<Turn> {
        let first = self.earliest.max(self.now.saturating_add(1));
        for at in first..self.now.saturating_add(SLOTS) {
            if let Some(turn) = self.slot(at).and_then(VecDeque::pop_front) {
                self.earliest = at;
                return Some(turn);
            }
        }
        None
    }

    fn slot(&mut self, second: i64) -> Option<&mut VecDeque<Turn>> {
        let at = usize::try_from(second.rem_euclid(SLOTS)).ok()?;
        self.slots.get_mut(at)
    }
}
