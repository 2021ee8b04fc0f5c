//! Captures metered as a whole.
