//! Invigil: the network flow analyser and log auditor of a provider of broadband to schools.
//!
//! The modules stand in the order of the way of the data.

// The only reader of the environment and of the configuration file.
pub mod config;
// The only reader of the time.
pub mod clock;
// The keys of a data folder, kept outside it.
pub mod keys;
// The nouns that travel: events, registers, findings, and their columns.
pub mod record;
// Bytes off a port or out of a file, cut into packets.
pub mod capture;
// Packets into flows: decode, table, expiry, applications.
pub mod flow;
// Lines into events: framing, fields, likeness, formats, registers.
pub mod logs;
// Which lists and categories a name, URL or address meets.
pub mod classify;
// The append-only Merkle log of every act, its signed heads and proofs.
pub mod ledger;
// One client of ClickHouse's HTTP interface; schema, inserts, queries; the embedded engine.
pub mod store;
// Who it was: intervals, claimants, verdicts.
pub mod attribute;
// Rules that judge what is stored.
pub mod detect;
// Requests and the gates that answer them.
pub mod casework;
// Selection, package, seal, verify.
pub mod evidence;
// Documents, charts and their rendering.
pub mod report;
// An invented region with its truth, for scores, load and training.
pub mod simulate;
// The only place that joins stages and owns threads and channels.
pub mod pipeline;
// The only place that prints: one file per command.
pub mod cli;

#[cfg(test)]
mod walls;
