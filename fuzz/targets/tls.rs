//! TLS, and what begins with it (STARTTLS, DTLS).
#![no_main]

use invigil_fuzz::{Ports, talk};

libfuzzer_sys::fuzz_target!(|data: &[u8]| talk(Ports::Tls, data));
