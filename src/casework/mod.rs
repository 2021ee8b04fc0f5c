//! Requests and the gates that answer them.
