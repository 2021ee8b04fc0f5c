//! Logs of firewalls and of address translation.
#![no_main]

use invigil_fuzz::{FIREWALLS, logs};

libfuzzer_sys::fuzz_target!(|data: &[u8]| logs(FIREWALLS, data));
