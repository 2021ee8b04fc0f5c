//! Captures read as a whole, from bytes made here.
