//! The sums that must add up: read = stored + rejected + ignored (+ held, for packets that wait for their other fragments).

use std::collections::BTreeMap;
use std::fmt;

use super::{IgnoreReason, RejectReason};

/// What became of the frames of a source. Plain numbers; each stage fills its own and the pipeline adds them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames read: lines, packets, records of datagrams.
    pub read: u64,
    /// Frames of which a record was stored; for packets, those that a flow has counted.
    pub stored: u64,
    /// Frames that could not be read.
    pub rejected: u64,
    /// Frames that are no record of ours.
    pub ignored: u64,
    /// Frames still held when the source ended.
    pub held: u64,
    /// Bytes read; for packets, as on the wire.
    pub bytes: u64,
    /// Records made.
    pub records: u64,
    /// How many were rejected or ignored, by reason.
    pub reasons: BTreeMap<&'static str, u64>,
}

/// The sums do not add up: a fault of the program, told with exit code 3.
#[derive(Debug, PartialEq, Eq)]
pub struct SumsDoNotAddUp {
    /// Frames read.
    pub read: u64,
    /// What became of them, together.
    pub accounted: u64,
}

impl Counts {
    /// A frame was rejected.
    pub fn reject(&mut self, reason: RejectReason) {
        self.reject_many(reason, 1);
    }

    /// So many frames were rejected for one reason: the lines of one record.
    pub fn reject_many(&mut self, reason: RejectReason, frames: u64) {
        self.rejected += frames;
        *self.reasons.entry(reason.as_str()).or_default() += frames;
    }

    /// A frame was passed over.
    pub fn ignore(&mut self, reason: IgnoreReason) {
        self.ignore_many(reason, 1);
    }

    /// A frame that was counted as stored is not, since it is older than what retention has deleted.
    pub fn past_retention(&mut self) {
        self.stored = self.stored.saturating_sub(1);
        self.records = self.records.saturating_sub(1);
        self.ignore(IgnoreReason::PastRetention);
    }

    /// Takes out what had no end yet: of a source that is read on, it is counted once it has one.
    pub fn forget_unfinished(&mut self) {
        let unfinished = self.reasons.remove(IgnoreReason::Unfinished.as_str());
        let lines = unfinished.unwrap_or(0);
        self.read = self.read.saturating_sub(lines);
        self.ignored = self.ignored.saturating_sub(lines);
    }

    /// So many frames were passed over.
    pub fn ignore_many(&mut self, reason: IgnoreReason, frames: u64) {
        if frames > 0 {
            self.ignored += frames;
            *self.reasons.entry(reason.as_str()).or_default() += frames;
        }
    }

    /// Adds what another part of the work counted.
    pub fn add(&mut self, other: &Counts) {
        self.read += other.read;
        self.stored += other.stored;
        self.rejected += other.rejected;
        self.ignored += other.ignored;
        self.held += other.held;
        self.bytes += other.bytes;
        self.records += other.records;
        for (reason, frames) in &other.reasons {
            *self.reasons.entry(reason).or_default() += frames;
        }
    }

    /// Checks the sums: every frame read became one thing, and every reason is counted.
    pub fn check(&self) -> Result<(), SumsDoNotAddUp> {
        let accounted = self.stored + self.rejected + self.ignored + self.held;
        let reasons: u64 = self.reasons.values().sum();
        if accounted != self.read {
            return Err(SumsDoNotAddUp {
                read: self.read,
                accounted,
            });
        }
        if reasons != self.rejected + self.ignored {
            return Err(SumsDoNotAddUp {
                read: self.rejected + self.ignored,
                accounted: reasons,
            });
        }
        Ok(())
    }
}

impl fmt::Display for SumsDoNotAddUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the sums do not add up: {} frames, {} accounted for",
            self.read, self.accounted
        )
    }
}

impl std::error::Error for SumsDoNotAddUp {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_became_nothing_is_noticed() {
        let mut counts = Counts {
            read: 3,
            stored: 1,
            ..Counts::default()
        };
        counts.reject(RejectReason::BadTime);
        assert_eq!(
            counts.check(),
            Err(SumsDoNotAddUp {
                read: 3,
                accounted: 2
            })
        );
        counts.ignore(IgnoreReason::Empty);
        assert_eq!(counts.check(), Ok(()));
    }

    #[test]
    fn a_rejection_without_a_reason_is_noticed() {
        let counts = Counts {
            read: 1,
            rejected: 1,
            ..Counts::default()
        };
        assert!(counts.check().is_err());
    }

    #[test]
    fn what_is_past_retention_was_not_stored_and_the_sums_hold() {
        let mut counts = Counts {
            read: 2,
            stored: 2,
            records: 2,
            ..Counts::default()
        };
        counts.past_retention();
        assert_eq!((counts.stored, counts.ignored, counts.records), (1, 1, 1));
        assert_eq!(counts.check(), Ok(()));
    }
}
