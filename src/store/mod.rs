//! One client of ClickHouse's HTTP interface; schema, inserts, queries; the embedded engine.

pub mod names;
pub mod originals;
pub mod sealed;
