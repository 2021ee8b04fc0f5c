//! Files of packets (pcap and pcapng), whole and dripping.
#![no_main]

use invigil_fuzz::capture_file;

libfuzzer_sys::fuzz_target!(|data: &[u8]| capture_file(data));
