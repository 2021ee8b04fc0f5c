//! Logs of mail and sensors, any product's layouts, and described tables.
#![no_main]

use invigil_fuzz::{OTHERS, logs};

libfuzzer_sys::fuzz_target!(|data: &[u8]| logs(OTHERS, data));
