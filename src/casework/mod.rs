//! Requests for data and the gates that answer them, before anything is selected; and cases, which follow a protocol.
//!
//! A [`Request`] is read from a file; each gate is a pure function that lets it pass or refuses it with
//! its legal source; [`decide`] enters the request and every answer in the ledger and only then, if all
//! passed, gives an [`Authorised`] request. Nothing selects evidence without one: the type is the proof.
//!
//! A [`Case`] is the fold of its entries in the ledger; which question follows which answer is a [`Protocol`], which is data.

mod cases;
mod decision;
mod gates;
mod protocol;
mod request;
mod window;

pub use cases::{Case, CaseError, Step, Told, cases, step};
pub use decision::{Authorised, Decision, UNREADABLE, commitment, decide, turn_away};
pub use gates::{Answer, GATES, Gate, answers};
pub use protocol::{Edge, Need, PROTOCOL, Protocol, ProtocolError, State};
pub use request::{
    Applicant, Authoriser, Authority, AuthorityKind, DataClass, Disclosure, IcrCondition,
    Identifier, IdentifierKind, Moment, Purpose, Recipient, Regime, Request, RequestError,
    RequestWindow, Seen, SinglePointOfContact, Subject, SubjectRole, Urgency, Wanted,
};
pub use window::{Window, WindowError};

#[cfg(test)]
mod tests;
