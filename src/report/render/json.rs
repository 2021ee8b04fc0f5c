//! A document as JSON: its parts as they are meant.

use crate::report::{Document, ReportError};

/// The document as JSON.
pub fn json(document: &Document) -> Result<Vec<u8>, ReportError> {
    let mut bytes = serde_json::to_vec_pretty(document)?;
    bytes.push(b'\n');
    Ok(bytes)
}
