//! The only reader of the time. What it says is passed on as a value, so that the middle stays repeatable.

use std::time::{Duration, Instant};

use crate::record::Timestamp;

/// The present moment.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the time"
)]
pub fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

/// Measures how long something takes.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the time"
    )]
    pub fn start() -> Self {
        Stopwatch(Instant::now())
    }

    /// How long it has been.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
