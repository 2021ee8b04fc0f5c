//! sFlow: datagrams of one sample or many.
#![no_main]

use invigil_fuzz::sflow;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sflow(data));
