//! Which format a log looks like, and reading it as that.
#![no_main]

use invigil_fuzz::log_likeness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| log_likeness(data));
