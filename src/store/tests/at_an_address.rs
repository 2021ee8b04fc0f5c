//! The tests of the store once more, with the store reached as a ClickHouse server is: by `store.url`.

#![expect(
    clippy::duplicate_mod,
    reason = "the same files, compiled a second time, so that no test is for one of the two alone"
)]

use super::*;

/// Shadows the one that opens a data folder.
struct Scratch;

impl Scratch {
    fn open() -> Option<super::Scratch> {
        super::Scratch::at_an_address()
    }
}

#[path = "queries.rs"]
mod queries;
#[path = "round_trip.rs"]
mod round_trip;
#[path = "schema.rs"]
mod schema;
#[path = "views.rs"]
mod views;
