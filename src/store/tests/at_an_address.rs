//! The tests of the store once more, with the store reached as a ClickHouse server is: by `store.url`.

#![expect(
    clippy::duplicate_mod,
    reason = "the same files, compiled a second time, so that no test is for one of the two alone"
)]

use super::*;

/// Shadows the one that opens a data folder.
struct Scratch(super::Scratch);

impl Scratch {
    fn open() -> Option<Scratch> {
        super::Scratch::at_an_address().map(Scratch)
    }
}

impl std::ops::Deref for Scratch {
    type Target = super::Scratch;
    fn deref(&self) -> &super::Scratch {
        &self.0
    }
}

#[path = "drift.rs"]
mod drift;
#[path = "queries.rs"]
mod queries;
#[path = "round_trip.rs"]
mod round_trip;
#[path = "schema.rs"]
mod schema;
#[path = "views.rs"]
mod views;
