//! Rules that judge what is stored.
