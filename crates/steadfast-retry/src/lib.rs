//! Retries as data: a **loop**, exception **classes**, **delays** and **finalizers**, decided by a pure engine.
//!
//! ```
//! use steadfast_retry::{Delay, Policy, retry};
//! use std::time::Duration;
//! # use std::io;
//! # let mut calls = 0;
//! # let mut fetch = |_: &str| { calls += 1; if calls < 3 { Err(io::ErrorKind::ConnectionReset.into()) } else { io::Result::Ok(7) } };
//!
//! const FETCH: Policy = Policy::simple("fetch", 5, Delay::exponential(Duration::from_millis(1)));
//!
//! let page = retry!(FETCH, fetch("https://example.org/7"))?;
//! # assert_eq!(page, 7);
//! # Ok::<(), steadfast_retry::GaveUp<io::Error>>(())
//! ```
//!
//! # Five minutes
//!
//! **How often, how long?** The loop. `attempts` counts calls, the first included; a deadline covers calls and delays, and an
//! attempt that cannot fit into what is left of it is not started.
//!
//! ```
//! # use steadfast_retry::{Delay, Jitter, Policy};
//! # use std::time::Duration;
//! let fetch = Policy::named("fetch")
//!     .attempts(6)
//!     .deadline(Duration::from_secs(90))
//!     .attempt_timeout(Duration::from_secs(20))
//!     .delay(Delay::exponential(Duration::from_millis(200)).cap(Duration::from_secs(10)).jitter(Jitter::Full))
//!     .build()?;
//! # Ok::<(), steadfast_retry::BadPolicy>(())
//! ```
//!
//! **Which failure gets which treatment?** The classes. An error names its class ([`Classify`], or `classify =` at the call), and the
//! first [`Rule`] that matches decides: an account and a delay of its own, the server's wish obeyed up to a limit, or a stop at once.
//!
//! ```
//! # use steadfast_retry::{Class, ClassPattern, Delay, Policy, Rule};
//! # use std::time::Duration;
//! let fetch = Policy::named("fetch")
//!     .catch(Rule::on(Class::known("http-busy")).attempts(30).obey_server(Duration::from_secs(3600)))
//!     .catch(Rule::on(ClassPattern::new("net-*")?).delay(Delay::linear(Duration::from_secs(5))))
//!     .catch(Rule::on_any(["auth-denied", "not-found"].map(|name| Class::known(name).into())).stop())
//!     .build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **The call** is written in one of three ways, blocking or async; all drive the same engine.
//!
//! - [`retry!`] expands in place: `?` fails the attempt and not the function, the body may use `&mut self`, and in async code the
//!   future can be sent to another thread. It takes hooks: `classify`, `before_sleep`, `finally`, `else_with`.
//! - [`Policy::start`] gives [`Attempts`] for a loop of your own.
//! - [`Policy::run`] and `Policy::run_async` take a closure.
//!
//! **When it gives up**, [`GaveUp`] holds the last error and a [`Report`]: every failed attempt with its class, its time, the delay
//! after it and where that came from, and the reason of the end.
//!
//! **From a file** (feature `toml`): the same policy as a table, so that whoever runs the program decides; mistakes are told all at once,
//! with line, column and remedy. See the module `table`.
//!
//! **Before it is used**, a [`Forecast`] shows the timeline that a policy gives, and what its author may not have meant.
//!
//! **In tests** a [`world::VirtualWorld`] takes the place of the clock: three hours of delays pass in no time.
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `std` (default) | the system's clock, [`SystemWorld`](world::SystemWorld); without it, `no_std` and `alloc` |
//! | `tokio` | tokio's timers, for async calls |
//! | `serde` | every word as data |
//! | `toml` | policies from files |
//! | `schema` | the JSON schema of those files, for editors |
//! | `http` | classes and server-directed delays from statuses and headers |
//! | `tracing` | a span per call, an event per step; only giving up is an error |
//!
//! # Costs
//!
//! A call that succeeds at once allocates nothing, throws no dice and reads no clock, unless the policy has a deadline; then it reads
//! it once. A delay of zero touches no timer.
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
mod attempts;
mod because;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod call;
mod class;
mod classify;
mod decision;
mod delay;
mod dice;
mod duration;
mod engine;
mod event;
#[cfg(feature = "std")]
pub mod exit;
mod finalizer;
mod flaw;
mod forecast;
#[cfg(feature = "http")]
pub mod http;
mod ledger;
mod limits;
mod macros;
mod moment;
mod nearest;
mod outcome;
mod policy;
#[cfg(feature = "std")]
mod registry;
mod report;
mod rule;
mod run;
#[cfg(feature = "toml")]
pub mod table;
mod trace;
pub mod world;

pub use attempt_no::AttemptNo;
pub use attempts::{Attempt, Attempts, Closing, Finally, NoFinally, Pause, PauseFuture, Then, Upcoming};
pub use because::{Account, Because, Cause, DelaySource, RuleRef};
pub use class::{BadClassName, Class, ClassPattern, glob};
pub use classify::{Classify, unclassified};
pub use decision::Decision;
pub use delay::{Delay, Factor, Jitter, Shape};
pub use dice::Dice;
pub use duration::{BadDuration, Pretty, parse_duration};
pub use engine::{OutOfOrder, RunState};
pub use event::Event;
pub use finalizer::{Finalizer, On};
pub use flaw::Flaw;
pub use forecast::{End, Expected, Forecast, Row, Three};
pub use ledger::Ledger;
pub use limits::{AttemptLimit, Limits};
pub use moment::Moment;
pub use nearest::nearest;
pub use outcome::{Ending, Failure, Outcome};
pub use policy::{BadPolicy, Policy, PolicyBuilder};
#[cfg(feature = "std")]
pub use registry::{Changes, NoPolicy, Registry, registry};
pub use report::{GaveUp, Report, Try};
pub use rule::{Origin, Rule};
