//! Many runs: which of them are due, and what follows from it.
//!
//! # Theory of operation
//!
//! This floor is pure. It reads no clock, no random source, no file and no environment; the time of day and the time
//! zone data come in as arguments. [`schedule`] says when a job is due and what became of the times that passed while
//! nobody was looking.

pub mod schedule;
