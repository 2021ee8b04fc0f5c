//! Who it was: intervals, claimants, verdicts.
//!
//! Rows of sign-ins, leases and registers ([`FactRows`]) become claims on an address, each with a
//! half-open interval; [`Facts::who`] weighs the claims of one moment and says what can be said, on
//! what it rests, who else could have been meant and how far away the next change is. All of it is
//! pure; only `load` asks the store. What can not be known is said: an open end is never "now".

mod answer;
mod claims;
mod facts;
mod interval;
mod leases;
mod load;
mod registers;
mod rows;
mod sessions;
mod trace;
mod translations;

pub use answer::{Answer, Reason, Rival};
pub use facts::{Facts, Outcome, Sensitivity};
pub use interval::{End, Span};
pub use load::{AttributeError, STATEMENTS};
pub use rows::{
    AccountRow, AttributeSettings, DarkRow, DeviceRow, FactRows, LeaseRow, NetworkRow, RowRef,
    SignInRow, TranslationRow,
};
pub use trace::{TRACE_STATEMENTS, Trace};
pub use translations::{Inside, OutsideEnd};

#[cfg(test)]
mod directory_tests;
#[cfg(test)]
pub(crate) mod fill;
#[cfg(test)]
mod sensitivity_tests;
#[cfg(test)]
mod stored;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod translations_tests;
