//! Formats each of whose lines says all by itself: such a format is a name, a look and one function, and this is what the rest has in common.

use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::formats::share_of_lines;
use crate::logs::framing::Frame;
use crate::logs::times::LocalClock;
use crate::record::{Event, IgnoreReason, RejectReason};

/// A format that remembers nothing from line to line.
pub(in crate::logs) struct LineFormat {
    pub(in crate::logs) name: &'static str,
    pub(in crate::logs) title: &'static str,
    pub(in crate::logs) extensions: &'static [&'static str],
    /// Whether a line is one of this format's, cheaply.
    pub(in crate::logs) looks: fn(&[u8]) -> bool,
    /// Reads one line.
    pub(in crate::logs) read: ReadLine,
}

/// Reads one line; what it says goes to the last argument, at least one record if the answer is no refusal.
pub(in crate::logs) type ReadLine =
    for<'a> fn(&'a [u8], &LocalClock, &mut dyn FnMut(Event<'a>)) -> Result<(), NoRecord>;

/// What became of a line that is one record.
pub(in crate::logs) type Read<'a> = Result<Event<'a>, NoRecord>;

/// Why a line is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::logs) enum NoRecord {
    /// It should have been one.
    Rejected(RejectReason),
    /// It is sound, but none of ours.
    Ignored(IgnoreReason),
}

/// A sound line of a kind that is not kept.
pub(in crate::logs) const OTHER: NoRecord = NoRecord::Ignored(IgnoreReason::OtherMessage);

/// A line that is not of this format.
pub(in crate::logs) const WRONG_SHAPE: NoRecord = NoRecord::Rejected(RejectReason::WrongShape);

/// A line that lacks what a record of its kind can not do without.
pub(in crate::logs) const MISSING: NoRecord = NoRecord::Rejected(RejectReason::MissingFields);

/// A line whose time can not be read.
pub(in crate::logs) const BAD_TIME: NoRecord = NoRecord::Rejected(RejectReason::BadTime);

impl From<RejectReason> for NoRecord {
    fn from(reason: RejectReason) -> Self {
        NoRecord::Rejected(reason)
    }
}

impl From<NoRecord> for Outcome {
    fn from(none: NoRecord) -> Self {
        match none {
            NoRecord::Rejected(reason) => Outcome::Rejected(reason),
            NoRecord::Ignored(reason) => Outcome::Ignored(reason),
        }
    }
}

struct Reader {
    clock: LocalClock,
    read: ReadLine,
}

impl LogFormat for LineFormat {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn extensions(&self) -> &'static [&'static str] {
        self.extensions
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        share_of_lines(sample, self.looks)
    }

    fn reader(&self, settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader {
            clock: LocalClock::new(settings),
            read: self.read,
        })
    }
}

impl LineReader for Reader {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        match (self.read)(frame.bytes, &self.clock, out) {
            Ok(()) => Outcome::Records,
            Err(none) => none.into(),
        }
    }
}
