//! How a program ended, and everything that was seen of it on the way.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast_retry::Pretty;

use super::Said;
use crate::evidence::{Fact, HostEvent};
use crate::launch::{Rung, Start};
use crate::sys::process::{Identity, Usage};
use crate::sys::time::{Boottime, Wall};

/// The last word about one start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Whose exit this is.
    pub start: Start,
    /// How it ended.
    pub status: Status,
    /// What the shim itself did to end it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Act>,
    /// The last step of the stop ladder that was reached, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rung: Option<Rung>,
    /// When the program started; `None` if it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Wall>,
    /// When its first process ended, or the attempt was found lost.
    pub ended: Wall,
    /// The same on the boot clock; means nothing in another boot.
    #[serde(default)]
    pub ended_up: Boottime,
    /// How long its first process ran, on the boot clock.
    #[serde(default)]
    pub ran: Duration,
    /// What it used.
    #[serde(default, skip_serializing_if = "is_default")]
    pub usage: Usage,
    /// What it wrote.
    #[serde(default, skip_serializing_if = "is_default")]
    pub output: OutputSummary,
    /// Processes that live on: left behind by `leftovers = "leave"`, or those that nobody could be asked about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub survivors: Vec<Survivor>,
    /// Processes that it left behind when its first one ended by itself, and that were stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<Survivor>,
    /// What it said of itself.
    #[serde(default, skip_serializing_if = "is_default")]
    pub said: Said,
    /// Processes of its cgroup that the kernel killed for want of memory; `None` without a cgroup of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_kills: Option<u64>,
    /// Limits that this machine could not enforce, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unenforced: Vec<String>,
    /// Whose word the status is.
    #[serde(default)]
    pub witness: Witness,
}

impl Exit {
    /// Makes the exit of a start of which nothing is known but its status.
    #[must_use]
    pub fn bare(start: Start, status: Status, ended: Wall) -> Self {
        Self {
            start,
            status,
            act: None,
            rung: None,
            began: None,
            ended,
            ended_up: Boottime::now(),
            ran: Duration::ZERO,
            usage: Usage::default(),
            output: OutputSummary::default(),
            survivors: Vec::new(),
            stopped: Vec::new(),
            said: Said::default(),
            oom_kills: None,
            unenforced: Vec::new(),
            witness: Witness::default(),
        }
    }

    /// Says in a sentence how it ended, what was done to end it, and what was left behind.
    ///
    /// `limit` is the time that it was given.
    #[must_use]
    pub fn sentence(&self, limit: Option<Duration>) -> String {
        let status = match (self.act, limit) {
            (Some(Act::TimedOut), Some(limit)) => format!("timed out after {}: {}", Pretty(limit), self.status),
            (Some(Act::TimedOut), None) => format!("timed out: {}", self.status),
            (Some(Act::Stopped | Act::SystemStop) | None, _) => self.status.to_string(),
        };
        if self.stopped.is_empty() {
            return status;
        }
        let names: Vec<String> = self.stopped.iter().map(ToString::to_string).collect();
        format!("{status}; what it left behind was stopped: {}", names.join(", "))
    }
}

/// Why a start of an earlier boot is interrupted.
pub(crate) const REBOOTED: &str = "the machine was restarted";

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It returned a code.
    Exited {
        /// The code, 0 for success.
        code: u8,
    },
    /// A signal ended it.
    Signalled {
        /// The signal's number.
        signal: i32,
        /// Whether the kernel wrote a core file.
        core: bool,
    },
    /// It could not be started. The attempt counts.
    NotStarted {
        /// The error's number, as in `errno`.
        errno: i32,
        /// What could not be done, with its name: a sentence.
        what: String,
    },
    /// Nobody can say how it ended. Never success.
    Interrupted {
        /// What is known.
        why: String,
    },
}

impl Status {
    /// Returns what this is as evidence.
    #[must_use]
    pub fn fact(&self) -> Fact {
        match self {
            Self::Exited { code } => Fact::Exit(i32::from(*code)),
            Self::Signalled { signal, core } => Fact::Signal { number: *signal, core: *core },
            Self::NotStarted { errno, what } => Fact::NotStarted { errno: *errno, what: what.clone() },
            Self::Interrupted { why } if why == REBOOTED => Fact::Host(HostEvent::Rebooted),
            Self::Interrupted { why: _ } => Fact::Host(HostEvent::Lost),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { code } => write!(f, "exited {code}"),
            Self::Signalled { signal, core: false } => write!(f, "ended by signal {signal}"),
            Self::Signalled { signal, core: true } => write!(f, "ended by signal {signal}, core dumped"),
            Self::NotStarted { what, errno: _ } => write!(f, "not started: {what}"),
            Self::Interrupted { why } => write!(f, "interrupted: {why}"),
        }
    }
}

/// What the shim itself did to end a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Its time was up.
    TimedOut,
    /// The daemon asked.
    Stopped,
    /// The machine or the service goes down: the shim itself got TERM.
    SystemStop,
}

/// What was written by a program, and what of it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputSummary {
    /// The log's base path; `None` if nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<PathBuf>,
    /// All bytes that were written.
    pub bytes: u64,
    /// Those of them that came from stderr, where the two are told apart.
    pub stderr_bytes: u64,
    /// Those of them that are not kept: the middle, and what a full disk refused.
    pub dropped_bytes: u64,
}

/// A process that outlived its attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survivor {
    /// Which process.
    pub who: Identity,
    /// Its program's short name.
    pub name: String,
    /// Whether it is known to belong to this start, or only might.
    pub certain: bool,
}

impl fmt::Display for Survivor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.who.pid)
    }
}

/// Whose word a status is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Witness {
    /// The parent's, which reaped it.
    #[default]
    Parent,
    /// The kernel's, asked by a handle after the parent had died.
    Kernel,
    /// Nobody's.
    None,
}
