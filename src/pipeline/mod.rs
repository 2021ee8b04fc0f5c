//! The only place that joins stages and owns threads and channels.

pub mod input;
pub mod output;
