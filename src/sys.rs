//! The kernel, as far as the standard library and rustix do not show it: the only `unsafe` of the runner.
//!
//! # Theory of operation
//!
//! Each file owns one family of calls and gives it a safe face: [`spawn`] starts programs (posix_spawn; fork for a
//! small process that needs more), [`process`] reaps, signals and identifies them, [`pidfd`] asks for the exit of a
//! process that is nobody's child here, [`proc`] reads `/proc`, [`files`] claims, locks and punches, [`time`] reads
//! the kernel's clocks, [`socket`] receives with credentials and reaches long paths, [`poll`] waits, [`watch`] hears of files that change. Nothing here knows what an attempt is.

#![allow(unsafe_code, reason = "this is the one module that may")]

pub mod files;
pub mod memory;
pub mod pidfd;
pub mod poll;
pub mod proc;
pub mod process;
pub mod ready;
pub mod socket;
pub mod spawn;
pub mod time;
pub mod watch;
