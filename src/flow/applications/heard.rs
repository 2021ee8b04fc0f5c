//! What is heard on the wire and a log would tell of, too: requests, leases, sign-ins.

use crate::record::{Basis, Event, SignIn, SignInEvent, Timestamp, Word};

/// An event and the frame that it was heard in.
#[derive(Clone, Debug, PartialEq)]
pub struct HeardEvent {
    /// The number of the frame, from 1.
    pub frame: u64,
    /// The record.
    pub event: Event<'static>,
}

/// A sign-in of which nothing else is known yet.
pub(super) fn sign_in(time: Timestamp, event: SignInEvent, basis: Basis) -> SignIn<'static> {
    SignIn {
        time,
        event,
        account_token: None,
        ip: None,
        client_port: None,
        mac: None,
        session: Word::default(),
        nas: Word::default(),
        realm: Word::default(),
        basis,
    }
}
