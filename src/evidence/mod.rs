//! Selection, package, seal, verify.
