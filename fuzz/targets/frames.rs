//! Link and tunnel headers: frames of every link type, read as they are.
#![no_main]

use invigil_fuzz::frames;

libfuzzer_sys::fuzz_target!(|data: &[u8]| frames(data));
