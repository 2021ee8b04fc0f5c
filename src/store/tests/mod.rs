//! The store on the real engine. Where there is none, each test says so and passes.

mod at_an_address;
mod at_rest;
mod drift;
mod forbidden;
mod front;
mod guests;
mod owner;
mod queries;
mod round_trip;
mod saved_states;
mod schema;
mod server;
mod turns;
mod views;
mod workbench;

use super::scratch::{Scratch, settings, turn};
use super::*;
use crate::record::{
    AccountText, AccountToken, Place, Record, RowBinary, SourceId, Timestamp, Tokens, WebHit,
};

/// The moment at which everything happens.
const NOW: Timestamp = Timestamp::from_seconds(1_772_446_500);

/// Tokens that show nothing of the name.
struct Constant;

impl Tokens for Constant {
    fn token(&mut self, _: &AccountText) -> AccountToken {
        AccountToken([0xab; 16])
    }
}

fn place(frame: u64) -> Place {
    Place {
        source: SourceId([1; 16]),
        frame,
        ordinal: 0,
    }
}

fn encoded<'r, R: Record + 'r>(records: impl IntoIterator<Item = (Place, &'r R)>) -> Vec<u8> {
    let mut tokens = Constant;
    let mut rows = RowBinary::new(&mut tokens);
    for (place, record) in records {
        rows.row(place, record);
    }
    rows.into_bytes()
}

fn hits(hosts: &[&str]) -> Vec<u8> {
    let hits: Vec<WebHit<'_>> = hosts
        .iter()
        .map(|host| WebHit {
            host: (*host).into(),
            ..WebHit::at(NOW)
        })
        .collect();
    encoded((1..).map(place).zip(&hits))
}

fn web_hits() -> &'static Table {
    crate::record::table("web_hits").unwrap()
}
