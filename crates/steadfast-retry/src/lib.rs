//! Retries as data: a **loop**, exception **classes**, **delays** and **finalizers**, decided by a pure engine.
//!
//! # Theory of operation
//!
//! Three floors, each using only the floors below it.
//!
//! - *Words* ([`Moment`], [`Dice`], [`Class`], [`Outcome`], [`Delay`], [`Limits`]): values that are right by type.
//! - *Decisions* ([`Policy`], [`RunState`]): [`RunState::step`] takes one [`Event`] and returns one
//!   [`Decision`] with its [`Because`]. It reads no clock, throws no dice and touches nothing; both ride inside the event,
//!   so a recorded run can be replayed and must decide the same.
//! - *Doors* (the macro, the loop form, TOML, tracing): thin drivers that do what was decided.
//!
//! There is deliberately no trait for delays, rules or limits: they are data, so that the same policy can be written in
//! Rust, read from a file, stored beside a run and compared with yesterday's.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod attempt_no;
mod because;
mod class;
mod delay;
mod dice;
mod duration;
mod engine;
mod finalizer;
mod ledger;
mod limits;
mod moment;
mod outcome;
mod policy;
mod rule;
#[cfg(feature = "toml")]
pub mod table;

pub use attempt_no::AttemptNo;
pub use because::{Account, Because, Cause, DelaySource, RuleRef};
pub use class::{BadClassName, Class, ClassPattern};
pub use delay::{Delay, Factor, Jitter, Shape};
pub use dice::Dice;
pub use duration::{BadDuration, Pretty, parse_duration};
pub use engine::{Decision, Event, OutOfOrder, RunState};
pub use finalizer::{Finalizer, On};
pub use ledger::Ledger;
pub use limits::{AttemptLimit, Limits};
pub use moment::Moment;
pub use outcome::{Ending, Failure, Outcome};
pub use policy::{BadPolicy, Policy, PolicyBuilder};
pub use rule::{Origin, Rule};
