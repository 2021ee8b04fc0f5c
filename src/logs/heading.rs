//! Lines that a collector sent on with a heading of its own before them, read by formats that know none.

use super::envelope::Heading;
use super::format::{LineReader, LogFormat, Outcome, SourceSettings};
use super::framing::Frame;
use crate::record::Event;

/// A line without what a collector put before it: priority, time, host, program.
pub fn without_heading(line: &[u8]) -> &[u8] {
    Heading::of(line).message
}

/// A reader of a format that begins behind the heading.
pub fn behind_heading(format: &dyn LogFormat, settings: &SourceSettings) -> Box<dyn LineReader> {
    Box::new(BehindHeading(super::reader(format, settings)))
}

struct BehindHeading(Box<dyn LineReader>);

impl LineReader for BehindHeading {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        let frame = Frame {
            bytes: without_heading(frame.bytes),
            ..*frame
        };
        self.0.read(&frame, out)
    }
}
