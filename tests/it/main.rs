//! it

mod schedule;
