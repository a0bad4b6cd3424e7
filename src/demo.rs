//! The workload of `steadfast demo`.
//!
//! # Theory of operation
//!
//! `jobs.toml` declares jobs that fail in instructive ways; [`train`] is the program that one of them runs. The command itself is a face
//! and stands with the others.

pub mod train;
