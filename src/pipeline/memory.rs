//! What a process has read of the ledger: each entry once, however many files it stores.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ledger::{Act, BatchIngested, Ledger, LedgerError, Place};
use crate::record::SourceId;

use super::history::History;
use super::retention::Lines;

/// What was read so far.
#[derive(Debug, Default)]
pub struct Memory {
    past: Mutex<Past>,
    lines: Mutex<(Place, Lines)>,
}

#[derive(Debug, Default)]
struct Past {
    place: Place,
    history: Arc<History>,
}

impl Memory {
    /// The past of all sources, as the ledger has it now. It is kept from the first time on that it is asked for.
    pub(super) fn history(&self, ledger: &Ledger) -> Result<Arc<History>, LedgerError> {
        let mut past = locked(&self.past);
        let (entries, place) = ledger.entries_behind(past.place)?;
        if !entries.is_empty() {
            let history = Arc::make_mut(&mut past.history);
            entries.into_iter().for_each(|entry| history.add(entry));
        }
        past.place = place;
        Ok(Arc::clone(&past.history))
    }

    /// From which moment on rows are stored.
    pub(super) fn lines(&self, ledger: &Ledger) -> Result<Lines, LedgerError> {
        let mut known = locked(&self.lines);
        let (entries, place) = ledger.entries_behind(known.0)?;
        entries.into_iter().for_each(|entry| known.1.add(entry));
        known.0 = place;
        Ok(known.1.clone())
    }

    /// The batches of a source, as the ledger has them now.
    pub(super) fn batches(
        &self,
        ledger: &Ledger,
        source: SourceId,
    ) -> Result<Vec<BatchIngested>, LedgerError> {
        let is_kept = locked(&self.past).place != Place::default();
        if is_kept {
            let history = self.history(ledger)?;
            let past = history.source(source);
            return Ok(past.map_or_else(Vec::new, |past| past.batches.clone()));
        }
        let batches = ledger.entries()?.filter_map(|entry| match entry.act {
            Act::BatchIngested(batch) if batch.source == source => Some(batch),
            _ => None,
        });
        Ok(batches.collect())
    }
}

/// What stands there is changed only by steps that do not stop half-way.
fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::LedgerKeys;
    use crate::record::Timestamp;

    #[test]
    fn entries_are_read_once_and_what_another_program_adds_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let keys = LedgerKeys {
            signing: [1; 32],
            records: [2; 32],
        };
        let open = || Ledger::open(folder.path(), &keys, "test.example").unwrap();
        let (ours, theirs) = (open(), open());
        let memory = Memory::default();
        let source = SourceId([7; 16]);
        for last in 1..4 {
            let mut batch = BatchIngested::of(source);
            (batch.first_frame, batch.last_frame) = (last, last);
            let act = Act::BatchIngested(batch);
            theirs
                .append(Timestamp::from_micros(0), &act, None)
                .unwrap();
            let history = memory.history(&ours).unwrap();
            assert_eq!(history.source(source).unwrap().last_frame(), last);
            let batches = memory.batches(&ours, source).unwrap();
            assert_eq!(batches.len() as u64, last);
            let behind = ours.entries_behind(memory.past.lock().unwrap().place);
            assert!(behind.unwrap().0.is_empty());
        }
        let fresh = Memory::default().batches(&ours, source).unwrap();
        assert_eq!(fresh, memory.batches(&ours, source).unwrap());
    }
}
