//! Lines into events: frames are cut, a format reads each, and every frame becomes records, a rejection or is passed over.
//!
//! Pure: no file is opened here and no clock is read. The pipeline hands over decompressed bytes and
//! settings; what comes out depends on them alone. A new format is one file in `formats/` and its two
//! lines in `formats/mod.rs`.

mod cells;
mod columns;
mod corrected;
mod envelope;
mod fields;
mod format;
/// The formats and the list of them.
pub mod formats;
/// Bytes into frames.
pub mod framing;
mod given;
mod heading;
mod json;
mod lines;
/// Formats described in the configuration.
pub mod mapping;
mod pairs;
mod mis;
/// Registers as CSV.
pub mod registers;
mod said;
mod squid;
mod squid_layout;
mod stamps;
mod times;
mod totals;
mod transport;
mod urls;
mod writing;
mod xml;

pub use corrected::{Corrections, Distrusted, reader};
pub use format::{Fold, LineReader, LogFormat, Outcome, SourceSettings, read_frame};
pub use formats::{FORMATS, SAMPLE_LINES, format, likeliest, likenesses};
pub use framing::{Block, Frame, Framer, Frames, Framing, Position};
pub use heading::{behind_heading, without_heading};
pub use mis::MisExport;
pub use registers::{RegisterError, RegisterFrame, read_register};
pub use squid_layout::{LayoutError, SquidLayout};
pub use transport::MessageStream;
pub use writing::{Encoding, LineEnd, Writing};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod time_cases;
