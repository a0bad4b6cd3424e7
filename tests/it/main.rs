//! Tests of the house from outside, in one binary because linking is what costs.
#![allow(clippy::disallowed_methods, reason = "tests start programs, read clocks and take their bounds from outside")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures and skips are told to whoever runs the tests")]

#[path = "../support"]
mod support {
    pub(crate) mod fuzz;
}

mod api;
mod cli;
mod config;
mod fuzz;
mod kill;
mod process;
mod schedule;
mod store;
mod tidy;
