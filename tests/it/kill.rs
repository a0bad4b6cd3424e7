//! The real binary, killed at every moment.
//!
//! # Theory of operation
//!
//! A [`place::Place`] is a folder with jobs, a state folder, and the side files that the jobs' processes write: one line when one
//! begins, one when it ends, each by a single append, so that their order in the file is the order of time. [`check`] compares
//! the side files with the store, read by SQL of its own. Nothing of the program under test is asked whether it is right.
//!
//! [`campaign`] kills at random moments, [`failpoints`] at every named place. N kills without a violation say, with 95 %
//! confidence, that fewer than 3 in N kills go wrong (the rule of three), and that is what is printed.

mod adopted;
mod campaign;
mod check;
mod client;
mod degraded;
mod disk;
mod failpoints;
mod loading;
mod many;
mod output;
mod place;
mod planted;
mod private;
mod quarantine;
mod stop;
mod timeout;
