//! Sign-ins and leases on the wire: RADIUS, DHCP, Kerberos, directory.
#![no_main]

use invigil_fuzz::{Ports, talk};

libfuzzer_sys::fuzz_target!(|data: &[u8]| talk(Ports::Identity, data));
