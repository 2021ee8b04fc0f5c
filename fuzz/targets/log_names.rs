//! Logs of names and addresses: DNS and DHCP.
#![no_main]

use invigil_fuzz::{NAMES, logs};

libfuzzer_sys::fuzz_target!(|data: &[u8]| logs(NAMES, data));
