//! One client of ClickHouse's HTTP interface; schema, inserts, queries; the embedded engine.
