//! What a log format is, what its reader is told, and what becomes of a frame.

use jiff::tz::TimeZone;

use super::corrected::Corrections;
use super::framing::{Frame, Framing};
use crate::record::{Event, IgnoreReason, RejectReason, Timestamp};

/// A log format: knows its like, and makes readers.
pub trait LogFormat: Sync {
    /// Its id: vendor, then layout.
    fn name(&self) -> &'static str;
    /// Its name for people.
    fn title(&self) -> &'static str;
    /// How its files usually end, without the dot.
    fn extensions(&self) -> &'static [&'static str];
    /// What ends a record.
    fn framing(&self) -> Framing {
        Framing::Line
    }
    /// Whether a reader remembers earlier frames, so that one reader must see all of them in order.
    fn remembers(&self) -> bool {
        false
    }
    /// How much these lines look like this format, 0 to 100: the share of the lines that say something.
    fn likeness(&self, sample: &[&[u8]]) -> u8;
    /// A reader for one source.
    fn reader(&self, settings: &SourceSettings) -> Box<dyn LineReader>;
}

/// Reads the frames of one source.
pub trait LineReader: Send {
    /// Reads one frame; each record goes to `out` at once and may point into the frame.
    /// Call [`read_frame`] rather than this: it holds what all formats have in common.
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome;
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// One or more records.
    Records,
    /// It should have been readable and was not.
    Rejected(RejectReason),
    /// It is sound but no record of ours.
    Ignored(IgnoreReason),
}

/// What a reader must be told about its source, because the lines do not say it.
#[derive(Clone, Debug)]
pub struct SourceSettings {
    /// The zone of times that name none.
    pub zone: TimeZone,
    /// A moment not long before which the newest line was written: gives a year to times without one.
    pub reference: Timestamp,
    /// Which of two moments a local time of the October hour means.
    pub fold: Fold,
    /// What is wrong with the source, as far as the operator knows.
    pub corrections: Corrections,
}

/// What to make of a local time that two moments have, when the clocks go back.
///
/// A line rejected is seen in the counts and can be read again once somebody says which hour it was; a
/// line put an hour off names the wrong person and nobody notices. So the default is to reject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fold {
    /// Reject the line (`bad_time`).
    #[default]
    Reject,
    /// The first of the two, in summer time.
    First,
    /// The second, in winter time.
    Second,
}

/// Reads one frame: rejects what is too long, passes over what is empty, and calls a line torn that can not be read and has no line end.
/// A record of several lines that ends within a line is torn even if it could be read: half a name is another name.
pub fn read_frame<'a>(
    reader: &mut dyn LineReader,
    frame: &Frame<'a>,
    out: &mut dyn FnMut(Event<'a>),
) -> Outcome {
    if frame.too_long {
        return Outcome::Rejected(RejectReason::TooLong);
    }
    if frame.bytes.iter().all(u8::is_ascii_whitespace) {
        return Outcome::Ignored(IgnoreReason::Empty);
    }
    let whole_lines = frame.lines == 1 || frame.length > frame.bytes.len() as u64;
    if !frame.terminated && !whole_lines {
        return Outcome::Rejected(RejectReason::TornEnd);
    }
    match reader.read(frame, out) {
        Outcome::Rejected(_) if !frame.terminated => Outcome::Rejected(RejectReason::TornEnd),
        outcome => outcome,
    }
}
