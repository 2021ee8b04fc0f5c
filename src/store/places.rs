//! Which rows of a batch the store has: asked before a batch is stored that may have been stored before.
//!
//! The store forgets the tokens of batches after so many others. A batch that waited longer, or that a crash left, is
//! compared with what is there row by row: source, frame and ordinal name a row for good.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;

use super::client::Call;
use super::error::StoreError;
use super::open::Store;
use super::sql::{Params, Sql};
use crate::record::{Class, SourceId, Table, Timestamp};

/// How much of a batch's rows the store has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// All of them.
    Whole,
    /// None of them.
    None,
    /// Some; these are the others.
    Part(Vec<u8>),
}

/// A row among others: where it stands, when it was, and which bytes it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedRow {
    /// Its frame.
    pub frame: u64,
    /// Its ordinal.
    pub ordinal: u32,
    /// Its first moment.
    pub time: i64,
    /// Its bytes.
    pub bytes: Range<usize>,
}

impl Store {
    /// Compares the rows of one source's batch, which is stored under this token, with what is stored. An earlier try
    /// may still run on a server that was too slow for us, and store more rows yet: the question bears the name of that
    /// try, and a server refuses it until that has ended.
    pub fn presence(
        &self,
        table: &'static Table,
        source: SourceId,
        rows: &[u8],
        token: &str,
    ) -> Result<Presence, StoreError> {
        let unreadable = |reason: &str| StoreError::Shape {
            what: format!("rows for {}", table.name),
            reason: reason.to_owned(),
        };
        let wanted = placed_rows(table, rows).ok_or_else(|| unreadable("they are not whole"))?;
        let time = first_time(table).ok_or_else(|| unreadable("they have no time"))?;
        let Some(params) = span(&wanted) else {
            return Ok(Presence::Whole);
        };
        let params = params
            .text("table", table.name)
            .text("time", time)
            .text("source", &source.to_string());
        let call = Call {
            what: PLACES.id(),
            sql: PLACES.text(),
            params: &params,
        };
        let there = self.caller()?.ask_as(&name_of(token), &call, "RowBinary")?;
        let there: BTreeSet<(u64, u32)> = there.chunks(12).filter_map(place).collect();
        let missing: Vec<&PlacedRow> = wanted
            .iter()
            .filter(|row| !there.contains(&(row.frame, row.ordinal)))
            .collect();
        Ok(match missing.len() {
            0 => Presence::Whole,
            all if all == wanted.len() => Presence::None,
            _ => {
                let bytes = missing.iter().filter_map(|row| rows.get(row.bytes.clone()));
                Presence::Part(bytes.flatten().copied().collect())
            }
        })
    }
}

/// The name under which a batch is stored, whole or in part.
pub(super) fn name_of(token: &str) -> String {
    let whole = token.split(PART).next().unwrap_or(token);
    format!("invigil:{whole}")
}

/// The token of the rows of a batch that were not stored with the others, so many bytes of them.
pub fn token_of_part(token: &str, stored: usize) -> String {
    format!("{token}{PART}{stored}")
}

const PART: &str = ":but ";

/// Rows from so many bytes on are stored as two parts.
const IN_TWO_FROM: usize = 8 << 20;

/// Cuts many rows in two, which the engine can take at the same time: it reads, sorts and packs an insert in one thread. Each part has a
/// token of its own; the same rows are always cut alike, so that a second try is known part by part.
pub fn parts(table: &Table, rows: Bytes, token: &str) -> Vec<(Bytes, String)> {
    let middle = (rows.len() >= IN_TWO_FROM)
        .then(|| end_of_row(table, &rows, rows.len() / 2))
        .flatten()
        .filter(|middle| *middle < rows.len());
    match middle {
        Some(middle) => vec![
            (rows.slice(..middle), format!("{token}:1 of 2")),
            (rows.slice(middle..), format!("{token}:2 of 2")),
        ],
        None => vec![(rows, token.to_owned())],
    }
}

/// Where the row ends in which this byte stands; nothing if these are not rows of this table.
fn end_of_row(table: &Table, rows: &[u8], at: usize) -> Option<usize> {
    let columns = shapes(table)?;
    let mut rest = rows;
    while rows.len() - rest.len() <= at {
        let (_place, mut after) = rest.split_first_chunk::<28>()?;
        for column in &columns {
            after = column.skip(after)?;
        }
        rest = after;
    }
    Some(rows.len() - rest.len())
}

fn shapes(table: &Table) -> Option<Vec<Shape>> {
    let types = table.columns.iter().map(|column| column.store_type);
    types.map(Shape::of).collect()
}

/// Where rows of a table stand, in their order; nothing if they are not rows of this table.
pub fn placed_rows(table: &Table, rows: &[u8]) -> Option<Vec<PlacedRow>> {
    let columns = shapes(table)?;
    let time = table.columns.iter().position(is_time)?;
    let mut placed = Vec::new();
    let mut rest = rows;
    while !rest.is_empty() {
        let from = rows.len() - rest.len();
        let (_source, after) = rest.split_first_chunk::<16>()?;
        let (frame, after) = after.split_first_chunk::<8>()?;
        let (ordinal, mut after) = after.split_first_chunk::<4>()?;
        let mut first = 0;
        for (at, column) in columns.iter().enumerate() {
            if at == time {
                first = i64::from_le_bytes(*after.first_chunk::<8>()?);
            }
            after = column.skip(after)?;
        }
        rest = after;
        placed.push(PlacedRow {
            frame: u64::from_le_bytes(*frame),
            ordinal: u32::from_le_bytes(*ordinal),
            time: first,
            bytes: from..rows.len() - rest.len(),
        });
    }
    Some(placed)
}

/// A row of a table with nothing in its columns of content, all of which are texts; nothing if it is no such row.
pub fn without_content(table: &Table, row: &[u8]) -> Option<Vec<u8>> {
    let (place, mut rest) = row.split_at_checked(28)?;
    let mut emptied = place.to_vec();
    for column in table.columns {
        let after = Shape::of(column.store_type)?.skip(rest)?;
        match column.class {
            Class::Content => emptied.push(0),
            _ => emptied.extend_from_slice(rest.get(..rest.len() - after.len())?),
        }
        rest = after;
    }
    rest.is_empty().then_some(emptied)
}

/// The name of the first column that holds a moment.
fn first_time(table: &Table) -> Option<&'static str> {
    table
        .columns
        .iter()
        .find(|column| is_time(column))
        .map(|column| column.name)
}

fn is_time(column: &crate::record::Column) -> bool {
    column.store_type.starts_with("DateTime64")
}

/// The frames and moments between which all of the rows lie.
fn span(rows: &[PlacedRow]) -> Option<Params> {
    let frames = || rows.iter().map(|row| row.frame);
    let times = || rows.iter().map(|row| row.time);
    Some(
        Params::new()
            .number("first", frames().min()?)
            .number("last", frames().max()?)
            .time("from", Timestamp::from_micros(times().min()?))
            .time("until", Timestamp::from_micros(times().max()?)),
    )
}

fn place(bytes: &[u8]) -> Option<(u64, u32)> {
    let (frame, rest) = bytes.split_first_chunk::<8>()?;
    Some((
        u64::from_le_bytes(*frame),
        u32::from_le_bytes(*rest.first_chunk::<4>()?),
    ))
}

/// How a value lies in RowBinary.
enum Shape {
    Fixed(usize),
    Text,
    Array(Box<Shape>),
    Pairs(Box<Shape>, Box<Shape>),
}

impl Shape {
    fn of(store_type: &str) -> Option<Shape> {
        let inside = |name: &str| {
            let rest = store_type.strip_prefix(name)?.strip_prefix('(')?;
            rest.strip_suffix(')')
        };
        if let Some(inner) = inside("LowCardinality") {
            return Shape::of(inner);
        }
        if let Some(inner) = inside("Array") {
            return Some(Shape::Array(Box::new(Shape::of(inner)?)));
        }
        if let Some(inner) = inside("Map") {
            let (key, value) = inner.rsplit_once(", ")?;
            return Some(Shape::Pairs(
                Box::new(Shape::of(key)?),
                Box::new(Shape::of(value)?),
            ));
        }
        if let Some(length) = inside("FixedString") {
            return length.parse().ok().map(Shape::Fixed);
        }
        match store_type {
            "String" => Some(Shape::Text),
            "UInt8" | "Bool" => Some(Shape::Fixed(1)),
            "UInt16" => Some(Shape::Fixed(2)),
            "UInt32" => Some(Shape::Fixed(4)),
            "UInt64" | "Int64" | "Float64" => Some(Shape::Fixed(8)),
            "IPv6" => Some(Shape::Fixed(16)),
            moment if moment.starts_with("DateTime64") => Some(Shape::Fixed(8)),
            _ => None,
        }
    }

    /// What comes after a value of this shape.
    fn skip<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        match self {
            Shape::Fixed(length) => bytes.get(*length..),
            Shape::Text => {
                let (length, rest) = variable(bytes)?;
                rest.get(usize::try_from(length).ok()?..)
            }
            Shape::Array(inner) => {
                let (count, mut rest) = variable(bytes)?;
                for _ in 0..count {
                    rest = inner.skip(rest)?;
                }
                Some(rest)
            }
            Shape::Pairs(key, value) => {
                let (count, mut rest) = variable(bytes)?;
                for _ in 0..count {
                    rest = value.skip(key.skip(rest)?)?;
                }
                Some(rest)
            }
        }
    }
}

/// A number of seven bits a byte, lowest first (LEB128), as lengths are written.
fn variable(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

const PLACES: Sql = Sql::embedded(
    "store/places",
    include_str!("../../queries/store/places.sql"),
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{
        AccountText, AccountToken, EVENT_TABLES, Flow, Place, REGISTER_TABLES, RowBinary, Tabled,
        Tokens, WebHit,
    };
    use crate::store::scratch::Scratch;

    struct Zeroes;
    impl Tokens for Zeroes {
        fn token(&mut self, _: &AccountText) -> AccountToken {
            AccountToken([0; 16])
        }
    }

    const SOURCE: SourceId = SourceId([3; 16]);

    fn hits(frames: std::ops::RangeInclusive<u64>) -> Vec<u8> {
        let mut tokens = Zeroes;
        let mut rows = RowBinary::new(&mut tokens);
        for frame in frames {
            let hit = WebHit {
                path: "/a long path "
                    .repeat(usize::try_from(frame % 20).unwrap())
                    .into(),
                categories: vec!["one".into(); usize::try_from(frame % 3).unwrap()],
                ..WebHit::at(Timestamp::from_seconds(1_772_446_500 + frame as i64))
            };
            let place = Place {
                source: SOURCE,
                frame,
                ordinal: 2,
            };
            rows.row(place, &hit);
        }
        rows.into_bytes()
    }

    #[test]
    fn the_rows_of_every_table_can_be_told_apart() {
        for table in EVENT_TABLES.iter().chain(REGISTER_TABLES) {
            assert_eq!(placed_rows(table, &[]), Some(Vec::new()), "{}", table.name);
        }
        let rows = hits(1..=300);
        let placed = placed_rows(WebHit::TABLE, &rows).unwrap();
        let frames: Vec<u64> = placed.iter().map(|row| row.frame).collect();
        assert_eq!(frames, (1..=300).collect::<Vec<_>>());
        assert!(placed.iter().all(|row| row.ordinal == 2));
        assert_eq!(placed[4].time, 1_772_446_505_000_000);
        for cut in 1..50 {
            assert_eq!(
                placed_rows(WebHit::TABLE, &rows[..rows.len() - cut]),
                None,
                "{cut}"
            );
        }
        assert_eq!(placed_rows(Flow::TABLE, b"no rows of flows"), None);
    }

    #[test]
    fn a_batch_is_wholly_there_or_in_part_or_not() {
        let Some(scratch) = Scratch::open() else {
            return;
        };
        let store = &scratch.store;
        let ask = |rows: &[u8]| {
            store
                .presence(WebHit::TABLE, SOURCE, rows, "a token")
                .unwrap()
        };
        assert_eq!(ask(&hits(1..=30)), Presence::None);
        store
            .insert(WebHit::TABLE, hits(1..=10), Some("a"))
            .unwrap();
        store
            .insert(WebHit::TABLE, hits(15..=20), Some("b"))
            .unwrap();
        assert_eq!(ask(&hits(2..=10)), Presence::Whole);
        assert_eq!(ask(&hits(21..=30)), Presence::None);
        let rest = [hits(11..=14), hits(21..=30)].concat();
        assert_eq!(ask(&hits(1..=30)), Presence::Part(rest));
        let other = store.presence(WebHit::TABLE, SourceId([4; 16]), &hits(1..=10), "another");
        assert_eq!(other.unwrap(), Presence::None);
    }

    #[test]
    fn many_rows_are_two_parts_of_whole_rows_always_the_same() {
        let few = Bytes::from(hits(1..=300));
        assert_eq!(
            parts(WebHit::TABLE, few.clone(), "t"),
            [(few, "t".to_owned())]
        );
        let many = Bytes::from(hits(1..=80_000));
        assert!(many.len() > IN_TWO_FROM);
        let cut = parts(WebHit::TABLE, many.clone(), "t");
        let [(first, one), (second, two)] = &cut[..] else {
            panic!("{} parts", cut.len());
        };
        assert_eq!((one.as_str(), two.as_str()), ("t:1 of 2", "t:2 of 2"));
        assert_eq!([first.as_ref(), second].concat(), many);
        let rows = |rows| placed_rows(WebHit::TABLE, rows).unwrap().len();
        assert_eq!(rows(first) + rows(second), 80_000);
        assert!(rows(first).abs_diff(rows(second)) < 100);
        // What is no row is not cut, and is refused by the engine as a whole.
        let broken = Bytes::from(vec![0xff; IN_TWO_FROM]);
        assert_eq!(parts(WebHit::TABLE, broken, "t").len(), 1);
    }
}
