//! What is made of a package's own files and of nothing else: the account of its origin (`prov.json`), the
//! case as others' tools read it (`case.jsonld`), the report and the statement for people.
//!
//! As nothing else goes in, whoever has the package can make them again and compare.

mod case;
// Part of what they hold is read by the report alone.
#[cfg_attr(not(feature = "pdf"), allow(dead_code))]
mod contents;
mod prov;
#[cfg(feature = "pdf")]
mod report;
mod statement;
// Of the words for people, most are those of the report.
#[cfg_attr(not(feature = "pdf"), allow(dead_code))]
mod told;
#[cfg(feature = "pdf")]
mod typeset;

use std::collections::BTreeMap;

use super::EvidenceError;
use contents::Contents;

#[cfg(feature = "frames")]
pub(crate) use contents::records_of;
#[cfg(feature = "frames")]
pub(crate) use told::kind;

type Files = BTreeMap<String, Vec<u8>>;

/// The papers of a package that are no PDF, in the order in which they are made: the statement tells of all others.
pub(crate) const PROV: &str = "data/prov.json";
pub(crate) const CASE: &str = "data/case.jsonld";
pub(crate) const REPORT: &str = "data/report.pdf";
pub(crate) const STATEMENT: &str = "data/statement.md";
pub(crate) const STATEMENT_PDF: &str = "data/statement.pdf";
/// All of them.
pub(crate) const PAPERS: [&str; 5] = [PROV, CASE, REPORT, STATEMENT, STATEMENT_PDF];

/// Makes the papers of the package that has these files. Papers that lie in it already are not looked at.
pub(crate) fn papers(files: &Files) -> Result<Files, EvidenceError> {
    let contents = Contents::of(files)?;
    let mut made = Files::new();
    made.insert(PROV.to_owned(), prov::prov(&contents)?);
    made.insert(CASE.to_owned(), case::case(&contents)?);
    let report = report_pdf(&contents)?;
    let exhibits = statement::exhibits(&contents, &report);
    made.insert(REPORT.to_owned(), report.bytes);
    made.insert(
        STATEMENT.to_owned(),
        statement::markdown(&contents, &exhibits).into_bytes(),
    );
    made.insert(
        STATEMENT_PDF.to_owned(),
        statement_pdf(&contents, &exhibits)?,
    );
    Ok(made)
}

/// The program, with its version, that made the package.
#[cfg(feature = "frames")]
pub(crate) fn made_by(files: &Files) -> Result<String, EvidenceError> {
    Ok(Contents::of(files)?.program().to_owned())
}

/// A paper that was set, and how many pages it has.
pub(crate) struct Set {
    pub(crate) bytes: Vec<u8>,
    pub(crate) pages: usize,
}

#[cfg(feature = "pdf")]
fn report_pdf(contents: &Contents<'_>) -> Result<Set, EvidenceError> {
    report::report(contents)
}

#[cfg(feature = "pdf")]
fn statement_pdf(
    contents: &Contents<'_>,
    exhibits: &[statement::Exhibit],
) -> Result<Vec<u8>, EvidenceError> {
    statement::pdf(contents, exhibits)
}

#[cfg(not(feature = "pdf"))]
fn report_pdf(_: &Contents<'_>) -> Result<Set, EvidenceError> {
    Err(EvidenceError::NoTypesetter)
}

#[cfg(not(feature = "pdf"))]
fn statement_pdf(_: &Contents<'_>, _: &[statement::Exhibit]) -> Result<Vec<u8>, EvidenceError> {
    Err(EvidenceError::NoTypesetter)
}
