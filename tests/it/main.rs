//! The tests that meet the program where a user would: real processes, real files, each bounded in time.

mod process;
