//! The figures of a report: what the records of a package add up to, as the store counts them.
//!
//! They lie in the package as `figures.json`, beside the records that they are made of, so that anybody can
//! make them again; [`replay()`](super::replay()) does, with another engine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::EvidenceError;
use crate::casework::Wanted;

/// Where they lie.
pub(crate) const FIGURES: &str = "data/figures.json";

/// One figure of one kind of record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// What is counted, such as `rows_by_day`.
    pub figure: String,
    /// Of which day, host or the like; empty for the whole.
    pub key: String,
    /// The number, or a moment.
    pub value: String,
}

/// The figures by kind of record, each in its order.
pub(crate) type Figures = BTreeMap<String, Vec<Figure>>;

/// The statement that counts a kind of record.
pub(crate) const fn counts(wanted: Wanted) -> (&'static str, &'static str) {
    match wanted {
        Wanted::ConnectionRecords => (
            "evidence/figures_connection_records",
            include_str!("../../queries/evidence/figures_connection_records.sql"),
        ),
        Wanted::WebRecords => (
            "evidence/figures_web_records",
            include_str!("../../queries/evidence/figures_web_records.sql"),
        ),
        Wanted::SignIns => (
            "evidence/figures_sign_ins",
            include_str!("../../queries/evidence/figures_sign_ins.sql"),
        ),
        Wanted::Subscriber => (
            "evidence/figures_subscriber",
            include_str!("../../queries/evidence/figures_subscriber.sql"),
        ),
    }
}

/// Reads them out of a package.
pub(crate) fn read(bytes: &[u8]) -> Result<Figures, EvidenceError> {
    serde_json::from_slice(bytes).map_err(|_| EvidenceError::Shape)
}
