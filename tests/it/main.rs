//! Whole-program tests: they run the built program as a person would, each in a home of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "the helpers of tests stand outside `#[test]`, where .clippy.toml does not reach"
)]

mod acceptance;
mod address;
mod again;
mod backup;
mod broken_off;
mod cases;
mod casework;
mod check;
mod clients;
mod durable;
mod exports;
mod follow;
mod heard;
mod hidden;
mod home;
mod intake;
mod keep;
mod kills;
mod live;
mod once;
mod readers;
mod region;
mod reports;
mod room;
mod secret;
mod server;
mod simulate;
mod stories;
mod sums;
mod syslog;
mod taken_for;
mod terminal;
mod threads;
mod typed_in;
mod walk;
mod wire;
