//! The region simulator: an invented region, what its systems would log of it, and the truth.
//!
//! It makes a world first (who sat where, with which device, at which address) and from it what DHCP, RADIUS, directory and proxies
//! log, with the faults that such systems have. The truth is computed from the world and from which lines reached the operator;
//! it never asks `attribute`. Pure: pieces of files come out, `pipeline` writes them. README.md beside this file has the formats.

mod clocks;
mod day;
mod directory;
mod establishment;
mod leases;
mod people;
mod radius;
mod random;
mod region;
mod stays;
mod stories;
mod traces;
mod truth;
mod web;
mod wire;

pub use establishment::Establishment;
pub use region::{Piece, Plan, Region};

#[cfg(test)]
mod tests;
