//! Tunnels and virtual private networks, by what they say.
#![no_main]

use invigil_fuzz::{Ports, talk};

libfuzzer_sys::fuzz_target!(|data: &[u8]| talk(Ports::Tunnels, data));
