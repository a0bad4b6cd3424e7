//! The runner: reads jobs, runs them under declarative retry policies, writes down every attempt.

pub mod exec;
pub mod failpoint;
pub mod ids;
pub mod shim;
pub mod sys;
