//! NetFlow and IPFIX: datagrams, one after the other.
#![no_main]

use invigil_fuzz::exports;

libfuzzer_sys::fuzz_target!(|data: &[u8]| exports(data));
