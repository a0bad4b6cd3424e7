//! Tests of the house from outside, in one binary because linking is what costs.
#![allow(clippy::disallowed_methods, reason = "tests start programs, read clocks and take their bounds from outside")]

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
