//! The runner: reads jobs, runs them under declarative retry policies, writes down every attempt.

pub mod evidence;
pub mod ids;
pub mod journal;
pub mod store;
