//! Logs of filters, proxies and web servers.
#![no_main]

use invigil_fuzz::{WEB, logs};

libfuzzer_sys::fuzz_target!(|data: &[u8]| logs(WEB, data));
