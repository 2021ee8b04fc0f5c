//! Whole-program tests: they run the built program as a person would, each in a home of its own.

mod again;
mod home;
mod region;
mod secret;
mod stories;
