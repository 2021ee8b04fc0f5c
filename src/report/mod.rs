//! Documents, charts and their rendering.
//!
//! A report asks the store, makes one [`Document`], and that is all it decides; how it looks as HTML,
//! CSV or JSON is `render`'s. Accounts stand as tokens. The same rows give the same bytes.

mod chart;
mod data;
mod document;
pub mod due;
mod trend;
mod weekly;

pub mod render;

pub use data::{ReportError, establishments};
pub use document::{Chart, Column, Document, Figure, Form, Part, Section, Series, Table};
pub use trend::trend;
pub use weekly::{Weekly, weekly};

#[cfg(test)]
mod tests;
