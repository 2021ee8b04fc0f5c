//! Exports in a capture, and in a file of datagrams.
#![no_main]

use invigil_fuzz::export_capture;

libfuzzer_sys::fuzz_target!(|data: &[u8]| export_capture(data));
