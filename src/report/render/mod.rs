//! How a document looks: one file per form.

mod csv;
mod html;
mod json;

pub use self::csv::csv;
pub use html::html;
pub use json::json;
