//! The packets of one file for several threads: read and looked at once, by whoever comes first, and gone through by all.
//!
//! What was read lies where all can see it until the last has gone through it, a bounded number of pieces. Whoever takes a
//! piece reads the next one first where nobody does, so that the others find it there when they come.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::capture::{Batch, CaptureError, CaptureFile, Drops, Step};
use crate::flow::{FirstLook, Meter, MeterOptions};

/// How many pieces lie there at once, at most; each is about 256 KiB of the file.
const MOST_PIECES: u64 = 8;

/// Packets that were read at once, and what a first look at each has shown.
#[derive(Default)]
pub(super) struct Looked {
    batch: Batch,
    looks: Vec<FirstLook>,
}

impl Looked {
    /// The steps in the order of the file. What is no packet was not looked at.
    pub(super) fn steps(&self) -> impl Iterator<Item = (Step<'_>, FirstLook)> {
        self.batch.steps().zip(self.looks.iter().copied())
    }

    fn look(&mut self, options: &MeterOptions) {
        self.looks.clear();
        self.looks.extend(self.batch.steps().map(|step| match step {
            Step::Packet(packet) => Meter::first_look(options, &packet),
            Step::Time(_) | Step::Damage { .. } => FirstLook::default(),
        }));
    }
}

/// A file of packets that several threads go through.
pub(super) struct Shared {
    options: MeterOptions,
    state: Mutex<State>,
    has_changed: Condvar,
}

struct State {
    /// None while somebody reads, and at the end.
    file: Option<CaptureFile>,
    is_read: bool,
    has_failed: bool,
    fault: Option<CaptureError>,
    /// What the file says was lost, once it is read.
    drops: Drops,
    /// The pieces that not all have gone through, and how many came before them.
    pieces: VecDeque<Arc<Looked>>,
    before: u64,
    /// How many pieces each thread has taken; the greatest number where it takes no more.
    taken: Vec<u64>,
    spare: Vec<Looked>,
}

impl Shared {
    pub(super) fn of(file: CaptureFile, options: &MeterOptions, threads: usize) -> Shared {
        Shared {
            options: options.clone(),
            state: Mutex::new(State {
                file: Some(file),
                is_read: false,
                has_failed: false,
                fault: None,
                drops: Drops::default(),
                pieces: VecDeque::new(),
                before: 0,
                taken: vec![0; threads],
                spare: Vec::new(),
            }),
            has_changed: Condvar::new(),
        }
    }

    /// What one of the threads takes.
    pub(super) fn taking(&self, thread: usize) -> Taking<'_> {
        Taking {
            shared: self,
            thread,
            piece: None,
        }
    }

    /// What the file says was lost, as far as it was read.
    pub(super) fn drops(&self) -> Drops {
        self.state().drops
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made in one go: what a thread has left that failed is sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, thread: usize) -> Option<Arc<Looked>> {
        let mut state = self.state();
        loop {
            let number = state.taken.get(thread).copied()?;
            let has_come = number < state.end();
            // The one after it is read first, so that whoever comes next need not wait for it.
            if state.end() <= number + 1
                && state.end() < state.slowest() + MOST_PIECES
                && let Some(file) = state.file.take()
            {
                let spare = state.spare.pop().unwrap_or_default();
                drop(state);
                let reading = Reading {
                    shared: self,
                    is_done: false,
                };
                let read = reading.read(file, spare);
                state = self.state();
                state.add(read);
                self.has_changed.notify_all();
                continue;
            }
            if has_come {
                let piece = state.piece(number);
                state.go_on(thread, number + 1);
                self.has_changed.notify_all();
                return piece;
            }
            if state.is_read {
                return None;
            }
            state = self
                .has_changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl State {
    /// How many pieces were read.
    fn end(&self) -> u64 {
        self.before + self.pieces.len() as u64
    }

    /// How many pieces all have taken.
    fn slowest(&self) -> u64 {
        self.taken.iter().copied().min().unwrap_or_default()
    }

    fn piece(&self, number: u64) -> Option<Arc<Looked>> {
        let place = usize::try_from(number.checked_sub(self.before)?).ok()?;
        self.pieces.get(place).cloned()
    }

    /// A thread takes the pieces from this number on; those that all have taken need not lie there.
    fn go_on(&mut self, thread: usize, next: u64) {
        if let Some(taken) = self.taken.get_mut(thread) {
            *taken = next;
        }
        while self.before < self.slowest() && self.pieces.pop_front().is_some() {
            self.before += 1;
        }
    }

    fn add(&mut self, read: Read) {
        self.drops = read.file.drops();
        match read.is_more {
            Ok(true) => self.file = Some(read.file),
            Ok(false) => self.is_read = true,
            Err(fault) => {
                self.is_read = true;
                self.has_failed = true;
                self.fault = Some(fault);
            }
        }
        self.pieces.push_back(Arc::new(read.piece));
    }
}

/// What came of reading.
struct Read {
    file: CaptureFile,
    piece: Looked,
    is_more: Result<bool, CaptureError>,
}

/// Somebody reads. If that breaks off, the others do not wait for ever.
struct Reading<'a> {
    shared: &'a Shared,
    is_done: bool,
}

impl Reading<'_> {
    fn read(mut self, mut file: CaptureFile, mut piece: Looked) -> Read {
        let is_more = file.next_batch(&mut piece.batch);
        piece.look(&self.shared.options);
        self.is_done = true;
        Read {
            file,
            piece,
            is_more,
        }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            let mut state = self.shared.state();
            state.is_read = true;
            state.has_failed = true;
            self.shared.has_changed.notify_all();
        }
    }
}

/// What one thread takes of the packets.
pub(super) struct Taking<'a> {
    shared: &'a Shared,
    thread: usize,
    piece: Option<Arc<Looked>>,
}

impl Taking<'_> {
    /// The next piece; the one before is given back. None at the end, or where reading has failed.
    pub(super) fn next(&mut self) -> Option<&Looked> {
        // Whoever is the last to give it back leaves its room to the next piece.
        if let Some(spare) = self.piece.take().and_then(Arc::into_inner) {
            self.shared.state().spare.push(spare);
        }
        self.piece = self.shared.next(self.thread);
        self.piece.as_deref()
    }

    /// Why reading has failed, if it has; said once.
    pub(super) fn fault(&self) -> Option<CaptureError> {
        self.shared.state().fault.take()
    }

    /// Whether reading has failed.
    pub(super) fn have_failed(&self) -> bool {
        self.shared.state().has_failed
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        // The others do not wait for a thread that takes no more.
        self.shared.state().go_on(self.thread, u64::MAX);
        self.shared.has_changed.notify_all();
    }
}
