//! The flow table: packets that are sound, in any order and at any time.
#![no_main]

use invigil_fuzz::table;

libfuzzer_sys::fuzz_target!(|data: &[u8]| table(data));
