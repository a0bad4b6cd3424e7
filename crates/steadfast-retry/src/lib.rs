//! Retries as data: a **loop**, exception **classes**, **delays** and **finalizers**, decided by a pure engine.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod attempt_no;
mod class;

pub use attempt_no::AttemptNo;
pub use class::{BadClassName, Class, ClassPattern};
