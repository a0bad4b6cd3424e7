//! Policies as TOML: what `[policy.x]` may say, and how tables are laid over one another.
//!
//! ```
//! use steadfast_retry::table::PolicySet;
//!
//! let set = PolicySet::parse(
//!     r#"
//!     [policy.fetch]
//!     loop  = { attempts = 6, deadline = "90s" }
//!     delay = { exponential = "200ms", cap = "10s", jitter = "full" }
//!     catch = [
//!       { class = "http-busy", attempts = 30, obey-server = "1h" },
//!       { class = ["auth-denied", "not-found"], stop = true },
//!     ]
//!     "#,
//!     "policies.toml",
//! )?;
//! let fetch = set.get("fetch")?;
//! assert_eq!(fetch.limits().attempts.to_string(), "6");
//! assert_eq!(fetch.catch()[1].origin.as_ref().map(|place| place.line), Some(7));
//! # Ok::<(), steadfast_retry::table::PolicyErrors>(())
//! ```
//!
//! # Theory of operation
//!
//! A text that could harm the parser is refused ([`Refusal`]). A file is parsed once. Each `[policy.x]` is decoded on its own into a [`PolicyTable`], the raw form in which every key is
//! optional and remembers its place, so that one reading reports the mistakes of all tables. A [`PolicySet`] keeps the
//! tables by name. A policy comes into being when it is asked for: the chain of `extends` is walked up, and the
//! tables are laid over the defaults from the top down ([`PolicyTable::over`]), each leaving a note of the place of every
//! value ([`Resolved`]). A job of the runner overrides a policy by the same call.
//!
//! Forms that are a word or a number, one or many, go through hand-written visitors; nothing here is untagged or
//! flattened, because those forms lose the places of errors. There is deliberately no way to write such a table
//! back: what is stored is the checked [`Policy`](crate::Policy).

mod delay;
mod error;
mod forms;
mod guard;
mod place;
mod resolve;
#[cfg(feature = "schema")]
mod schema;
mod set;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Deserialize;

use crate::{AttemptLimit, On};

pub use crate::nearest::nearest;
pub use delay::DelayTable;
pub use error::{PolicyError, PolicyErrorKind, PolicyErrors};
pub use forms::Classes;
pub use guard::{LONGEST_TEXT, Refusal};
pub use place::{Located, Site, Source};
pub use resolve::Resolved;
pub use set::PolicySet;

/// The table `[policy.x]`, as written: every key is optional.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PolicyTable {
    /// The policy whose values hold where this one says nothing.
    pub extends: Option<Located<String>>,
    /// How often and how long: the ends inside one run.
    #[serde(rename = "loop")]
    pub limits: Option<LoopTable>,
    /// Which exception class gets which treatment; the first rule that matches wins.
    #[serde(default)]
    pub catch: Vec<Located<RuleTable>>,
    /// How long until the next attempt.
    pub delay: Option<Located<DelayTable>>,
    /// What follows the run; in file order, one after another.
    #[serde(default)]
    pub finally: Vec<Located<FinalizerTable>>,
    /// Whether the finalizers of the extended policy stand before these (true).
    pub inherit_finally: Option<Located<bool>>,
}

/// The table `loop`, as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LoopTable {
    /// How many charged failures end the run, the first call included; "unlimited" needs a deadline or a ceiling.
    #[serde(default, deserialize_with = "forms::attempts")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::attempts"))]
    pub attempts: Option<Located<AttemptLimit>>,
    /// How long the run may take from the start of its first attempt; waits and downtime count.
    #[serde(default, deserialize_with = "forms::duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::duration"))]
    pub deadline: Option<Located<Duration>>,
    /// How long one attempt may take.
    #[serde(default, deserialize_with = "forms::duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::duration"))]
    pub attempt_timeout: Option<Located<Duration>>,
    /// The least time an attempt needs: one that cannot have it before the deadline is not started.
    #[serde(default, deserialize_with = "forms::duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::duration"))]
    pub attempt_min: Option<Located<Duration>>,
    /// How many lost attempts are borne (20); 0 means at most once.
    #[serde(default, deserialize_with = "forms::count")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::count"))]
    pub interruptions: Option<Located<u32>>,
    /// How many attempts of any kind there may be (1000); never reset.
    #[serde(default, deserialize_with = "forms::count")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::count"))]
    pub ceiling: Option<Located<u32>>,
    /// How many free failures in a row without progress are borne (10).
    #[serde(default, deserialize_with = "forms::count")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::count"))]
    pub free_guard: Option<Located<u32>>,
    /// Whether durable progress resets what was charged, so that limits count failures since the last checkpoint.
    pub without_progress: Option<Located<bool>>,
    /// The longest delay that a server may ask for (10m); a longer one ends the run.
    #[serde(default, deserialize_with = "forms::duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::duration"))]
    pub obey_server: Option<Located<Duration>>,
}

/// One entry of `catch`, as written.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RuleTable {
    /// The class or classes that it catches; names with `*`.
    pub class: Classes,
    /// An account of its own: so many failures that it catches end the run, and the loop is not charged.
    #[serde(default, deserialize_with = "forms::count")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::count"))]
    pub attempts: Option<Located<u32>>,
    /// A delay of its own.
    pub delay: Option<Located<DelayTable>>,
    /// Whether it ends the run at once.
    pub stop: Option<Located<bool>>,
    /// Whether it charges no account; `attempts` or the loop's `free-guard` then bounds such failures in a row.
    pub free: Option<Located<bool>>,
    /// The longest delay that a server may ask for.
    #[serde(default, deserialize_with = "forms::duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::duration"))]
    pub obey_server: Option<Located<Duration>>,
}

/// One entry of `finally`, as written.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FinalizerTable {
    /// After which endings it runs.
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::on"))]
    pub on: Located<On>,
    /// The program and its arguments.
    pub run: Located<Vec<String>>,
    /// How long one try may take (60s).
    #[serde(default, deserialize_with = "forms::duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::duration"))]
    pub timeout: Option<Located<Duration>>,
    /// How many tries it has (3).
    #[serde(default, deserialize_with = "forms::count")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::count"))]
    pub attempts: Option<Located<u32>>,
    /// The time between tries (5s).
    #[serde(default, deserialize_with = "forms::duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::duration"))]
    pub delay: Option<Located<Duration>>,
}

#[cfg(test)]
mod tests;
