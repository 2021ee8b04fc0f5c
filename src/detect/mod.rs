//! Rules that judge what is stored.
//!
//! A rule is one file of SQL under `queries/detect/` with its heading, one file under `rules/` with its
//! judgement, and one line in [`RULES`]. Each event is attributed at its own moment before anything is
//! counted, so that no sum spans two people. The same rows give the same findings with the same names.

mod counted;
mod heading;
mod identify;
mod inside;
mod make;
mod rows;
mod rule;
mod rules;
mod run;
mod sight;
mod traffic;

pub use heading::Heading;
pub use identify::identification;
pub use rule::{Case, DetectError, DetectSettings, Rule};
pub use rules::RULES;
pub use run::{Asked, Audit, audit, keep, known_findings, rule};

#[cfg(test)]
mod tests;
