//! Community ID version 1: the name of a flow that other tools compute alike (seed 0).

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;

use super::key::{End, Key};

/// The seed; every tool's default.
const SEED: u16 = 0;

/// The Community ID of a flow.
pub(super) fn community_id(key: &Key) -> String {
    let mut said = Vec::with_capacity(40);
    said.extend_from_slice(&SEED.to_be_bytes());
    for end in [End::Low, End::High] {
        match key.address(end) {
            IpAddr::V4(address) => said.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => said.extend_from_slice(&address.octets()),
        }
    }
    said.push(key.protocol());
    said.push(0);
    if matches!(key.protocol(), 1 | 6 | 17 | 58 | 132) {
        for end in [End::Low, End::High] {
            said.extend_from_slice(&key.key_port(end).to_be_bytes());
        }
    }
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &said);
    let mut text = String::with_capacity(30);
    text.push_str("1:");
    STANDARD.encode_string(hash, &mut text);
    text
}
