//! The question to a time-stamping authority (RFC 3161): when the package existed is then said by somebody else than us.
//!
//! The core has no way to the internet, so the question is written beside the package, and whoever may send it does.
//! The authority learns the digest of the signed manifest and nothing else.

use super::bag::SIGNED;
use super::{Bag, EvidenceError};
use crate::ledger::Digest;

/// The beginning of a `TimeStampReq` in DER: version 1, and a `MessageImprint` by SHA-256 (2.16.840.1.101.3.4.2.1).
const BEFORE: [u8; 24] = [
    0x30, 0x39, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
    0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
];
/// Its end: `certReq`, so that the answer brings the authority's certificate.
const BEHIND: [u8; 3] = [0x01, 0x01, 0xff];

/// The question about a package that was sealed.
pub fn timestamp_query(bag: &Bag) -> Result<Vec<u8>, EvidenceError> {
    let signed = bag.files().get(SIGNED).ok_or(EvidenceError::Signing)?;
    let digest = Digest::of(&[signed.as_slice()]);
    Ok([&BEFORE[..], &digest.0, &BEHIND].concat())
}
