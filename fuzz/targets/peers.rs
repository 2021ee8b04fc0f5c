//! Peer-to-peer programs, calls and games.
#![no_main]

use invigil_fuzz::{Ports, talk};

libfuzzer_sys::fuzz_target!(|data: &[u8]| talk(Ports::Peers, data));
