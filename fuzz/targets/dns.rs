//! DNS over UDP, TCP and by multicast.
#![no_main]

use invigil_fuzz::{Ports, talk};

libfuzzer_sys::fuzz_target!(|data: &[u8]| talk(Ports::Dns, data));
