//! What reports ask the store.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;

use crate::record::Timestamp;
use crate::store::{Params, Sql, Store, StoreError};

const DAYS: Sql = Sql::embedded("report/days", include_str!("../../queries/report/days.sql"));
const CATEGORIES: Sql = Sql::embedded(
    "report/categories",
    include_str!("../../queries/report/categories.sql"),
);
const LINK_USE: Sql = Sql::embedded(
    "report/link_use",
    include_str!("../../queries/report/link_use.sql"),
);
const LINKS: Sql = Sql::embedded(
    "report/links",
    include_str!("../../queries/report/links.sql"),
);
const ESTABLISHMENTS: Sql = Sql::embedded(
    "report/establishments",
    include_str!("../../queries/report/establishments.sql"),
);
const FINDINGS: Sql = Sql::embedded(
    "report/findings",
    include_str!("../../queries/report/findings.sql"),
);
const REJECTS: Sql = Sql::embedded(
    "report/rejects",
    include_str!("../../queries/report/rejects.sql"),
);

/// A report can not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The store failed.
    #[error("cannot read what the report tells")]
    Store(#[from] StoreError),
    /// No register knows the establishment.
    #[error("no register has an establishment {0:?}")]
    NoEstablishment(String),
    /// The page could not be made.
    #[error("cannot make the page of the report")]
    Page(#[from] askama::Error),
    /// The report could not be written as JSON.
    #[error("cannot write the report as JSON")]
    Json(#[from] serde_json::Error),
    /// The report could not be written as CSV.
    #[error("cannot write the report as CSV")]
    Csv(#[from] csv::Error),
}

/// A window and an establishment; none for all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'a> {
    pub(super) establishment: Option<&'a str>,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    pub(super) zone: &'a str,
}

impl Span<'_> {
    fn params(&self) -> Params {
        Params::new()
            .time("since", self.since)
            .time("until", self.until)
            .text("zone", self.zone)
            .text("establishment", self.establishment.unwrap_or_default())
    }
}

/// The establishments of the register, each with its name.
pub fn establishments(store: &Store) -> Result<BTreeMap<String, String>, ReportError> {
    let rows = store.rows::<Establishment>(ESTABLISHMENTS, &Params::new())?;
    Ok(rows.into_iter().map(|row| (row.place, row.title)).collect())
}

#[derive(Deserialize)]
struct Establishment {
    place: String,
    title: String,
}

/// One day of one establishment.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Day {
    pub(super) place: String,
    pub(super) day: String,
    pub(super) requests: u64,
    pub(super) refused: u64,
    pub(super) listed: u64,
    pub(super) bytes: u64,
    pub(super) addresses: u64,
}

impl Day {
    pub(super) fn date(&self) -> Option<Date> {
        self.day.parse().ok()
    }
}

pub(super) fn days(store: &Store, span: &Span<'_>) -> Result<Vec<Day>, ReportError> {
    Ok(store.rows(DAYS, &span.params())?)
}

/// One category.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Category {
    pub(super) category: String,
    pub(super) named_by: String,
    pub(super) refused: u64,
    pub(super) let_through: u64,
    pub(super) addresses: u64,
}

pub(super) fn categories(store: &Store, span: &Span<'_>) -> Result<Vec<Category>, ReportError> {
    Ok(store.rows(CATEGORIES, &span.params())?)
}

/// One day on the line.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct LineDay {
    pub(super) day: String,
    pub(super) peak_down: u64,
    pub(super) peak_up: u64,
    pub(super) sum_down: u64,
    pub(super) sum_up: u64,
}

pub(super) fn link_use(store: &Store, span: &Span<'_>) -> Result<Vec<LineDay>, ReportError> {
    Ok(store.rows(LINK_USE, &span.params())?)
}

/// What the lines carry, in bits a second; nought if none is registered.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Capacity {
    pub(super) down: u64,
    pub(super) up: u64,
}

pub(super) fn capacity(store: &Store, span: &Span<'_>) -> Result<Capacity, ReportError> {
    let rows = store.rows::<Capacity>(LINKS, &span.params())?;
    Ok(rows.first().copied().unwrap_or_default())
}

/// One finding, as a report tells it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Found {
    pub(super) finding_id: String,
    pub(super) rule_id: String,
    pub(super) level: String,
    pub(super) place: String,
    pub(super) said: String,
    pub(super) base: String,
    pub(super) subject: String,
    pub(super) from_us: i64,
    pub(super) events: u64,
    pub(super) score: u32,
    pub(super) summary: String,
}

pub(super) fn findings(store: &Store, span: &Span<'_>) -> Result<Vec<Found>, ReportError> {
    Ok(store.rows(FINDINGS, &span.params())?)
}

/// Frames that could not be read, for one reason.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Rejected {
    pub(super) why: String,
    pub(super) frames: u64,
}

pub(super) fn rejects(store: &Store, span: &Span<'_>) -> Result<Vec<Rejected>, ReportError> {
    Ok(store.rows(REJECTS, &span.params())?)
}
