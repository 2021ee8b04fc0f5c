//! Where the flows under way lie: pieces of one size, each made when it is needed, so that growth moves no entry and
//! never holds an old table beside a new one.

use super::entry::Entry;

/// How many entries lie in a piece.
const PIECE: usize = 1024;

/// Entries, each at a number that stays its own until it is taken out.
#[derive(Default)]
pub(super) struct Slots {
    pieces: Vec<Vec<Option<Entry>>>,
    free: Vec<u32>,
}

impl Slots {
    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&Entry> {
        let index = index as usize;
        let piece = self.pieces.get(index / PIECE)?;
        piece.get(index % PIECE)?.as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Entry> {
        self.slot(index)?.as_mut()
    }

    /// Keeps an entry; gives its number.
    pub(super) fn keep(&mut self, entry: Entry) -> u32 {
        if let Some(index) = self.free.pop() {
            if let Some(slot) = self.slot(index) {
                *slot = Some(entry);
            }
            return index;
        }
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            self.pieces.push(Vec::with_capacity(PIECE));
        }
        let before = (self.pieces.len() - 1) * PIECE;
        let Some(piece) = self.pieces.last_mut() else {
            return u32::MAX;
        };
        piece.push(Some(entry));
        u32::try_from(before + piece.len() - 1).unwrap_or(u32::MAX)
    }

    /// Takes an entry out; its number is free for another.
    pub(super) fn take(&mut self, index: u32) -> Option<Entry> {
        let entry = self.slot(index)?.take()?;
        self.free.push(index);
        Some(entry)
    }

    /// The first frames of all entries, and their numbers.
    pub(super) fn first_frames(&self) -> impl Iterator<Item = (u64, u32)> {
        let entries = self.pieces.iter().flatten().zip(0u32..);
        entries.filter_map(|(entry, index)| Some((entry.as_ref()?.first_frame, index)))
    }

    /// Takes an entry out where no other will come in its place.
    pub(super) fn take_last(&mut self, index: u32) -> Option<Entry> {
        self.slot(index)?.take()
    }

    #[inline]
    fn slot(&mut self, index: u32) -> Option<&mut Option<Entry>> {
        let index = index as usize;
        self.pieces.get_mut(index / PIECE)?.get_mut(index % PIECE)
    }
}
