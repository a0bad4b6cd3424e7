//! The runner: reads jobs, runs them under declarative retry policies, writes down every attempt.

pub mod ids;
pub mod journal;
pub mod store;
