//! Logs of sign-ins.
#![no_main]

use invigil_fuzz::{SIGN_INS, logs};

libfuzzer_sys::fuzz_target!(|data: &[u8]| logs(SIGN_INS, data));
