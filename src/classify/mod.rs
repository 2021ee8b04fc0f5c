//! Which lists and categories a name, URL or address meets.
//!
//! Stands between reading and storing: the pipeline hands over each host, path and address and puts
//! the answer into the record. Compiling takes bytes and matching takes text; no file is opened here.

mod entries;
mod explain;
mod index;
mod list;
mod mark;
mod names;
mod spellings;

pub use explain::{LineMet, Request, lines_met};
pub use index::{ListBuilder, ListCounts, ListIndex, Match, Matches};
pub use list::{ListKind, ListMeta, ListPart, PartKind, digest_of, version_of};

#[cfg(test)]
mod tests;
