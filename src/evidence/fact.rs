//! What was seen of an attempt, fact by fact, and how much each kind of fact weighs. Who sees it is not known here.

use std::fmt;
use std::time::Duration;

use steadfast_retry::Pretty;

use super::excerpt::Stream;
use super::signal::Signal;
use super::words::{ActWord, GpuTrouble, HostEvent, Intent, OomScope, Stall, TransferError, words};

/// What was seen of one attempt, in the order in which it happened.
///
/// ```
/// use steadfast::evidence::{Classes, Evidence, ExitCodes, Fact, OomScope, classify};
///
/// let mut evidence = Evidence::of_program("/usr/bin/python3");
/// evidence.push(Fact::OomKill(OomScope::Own));
/// evidence.push(Fact::Signal { number: 9, core: false });
/// let verdict = classify(Classes::shipped(), &evidence, &ExitCodes::one(0));
/// assert_eq!(verdict.class.unwrap().as_str(), "host-oom-job");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The last part of the program's path, because exit codes mean different things to different programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Whether the attempt had got anywhere before it failed.
    #[serde(default, skip_serializing_if = "Progress::is_unknown")]
    pub progress: Progress,
    /// The facts, earliest first.
    #[serde(default)]
    pub facts: Vec<Fact>,
    /// How many reports of the program were not kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped: u64,
}

/// How many reports one attempt may leave; a program in a loop must not fill the journal.
pub const MOST_REPORTS: usize = 64;

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Evidence {
    /// Begins the evidence of an attempt that ran a program, named as `argv[0]` was.
    #[must_use]
    pub fn of_program(argv0: &str) -> Self {
        let name = argv0.rsplit('/').next().unwrap_or(argv0);
        Self { program: Some(name.to_string()), ..Self::default() }
    }

    /// Adds the next fact. Reports of the program beyond the first [`MOST_REPORTS`] are counted and not kept.
    pub fn push(&mut self, fact: Fact) {
        let reports = |fact: &Fact| matches!(fact.rank(), Rank::Request | Rank::Report);
        if reports(&fact) && self.facts.iter().filter(|fact| reports(fact)).count() >= MOST_REPORTS {
            self.dropped += 1;
        } else {
            self.facts.push(fact);
        }
    }
}

words! {
    /// Whether an attempt had made progress, a step or a checkpoint, before it failed.
    Progress {
        /// Nobody said so: the attempt has no markers, or they could not be read.
        Unknown = "unknown",
        /// It reports progress, and there was none yet.
        None = "none",
        /// It had got somewhere.
        Made = "made",
    }
}

#[expect(clippy::derivable_impls, reason = "the variants come from a macro that marks no default")]
impl Default for Progress {
    fn default() -> Self {
        Self::Unknown
    }
}

impl Progress {
    /// Says whether nothing is known.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// Somebody wanted the attempt to end.
    Intent(Intent),
    /// The runner ended the attempt, or saw it stand still.
    Act(Act),
    /// The kernel killed a process of the attempt for want of memory.
    OomKill(OomScope),
    /// The driver reported an Xid event on a GPU leased to the attempt.
    Xid(u32),
    /// The driver's word on a leased GPU, other than an Xid event.
    Gpu(GpuTrouble),
    /// Something befell the machine or the watcher.
    Host(HostEvent),
    /// The program asked for something.
    Request(Request),
    /// The program said how it failed: a word of its own or the name of a class, and a sentence.
    Report {
        /// The first word.
        word: String,
        /// The rest, perhaps empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
    /// A server, or the program on its behalf, asked to wait this long.
    RetryAfter(
        #[serde(with = "super::span")]
        #[schemars(with = "String")]
        Duration,
    ),
    /// The status of the last HTTP answer.
    Status(u16),
    /// A download or request failed without a usable answer.
    Error(TransferError),
    /// The program could not be started.
    NotStarted {
        /// The operating system's number for the reason.
        errno: i32,
        /// The thing that could not be used: program or folder.
        what: String,
    },
    /// The leader ended with a code.
    Exit(i32),
    /// The leader was ended by a signal.
    Signal {
        /// The signal's number.
        number: i32,
        /// Whether a core was dumped.
        core: bool,
    },
    /// A line of output that patterns matched; see [`Classes::search`](super::Classes::search).
    Output {
        /// Where the line stood.
        stream: Stream,
        /// The line, cleaned of control characters and cut.
        line: String,
        /// The patterns that matched, in the order of the table.
        patterns: Vec<String>,
    },
}

/// What the runner itself did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Ended the attempt because its own time was over.
    AttemptTimeout {
        /// The limit.
        #[serde(with = "super::span")]
        #[schemars(with = "String")]
        limit: Duration,
    },
    /// Ended the attempt because the run's time was over.
    Deadline {
        /// The limit.
        #[serde(with = "super::span")]
        #[schemars(with = "String")]
        limit: Duration,
    },
    /// Found the attempt standing still.
    Stalled {
        /// In which way.
        what: Stall,
        /// How long it stood still.
        #[serde(with = "super::span")]
        #[schemars(with = "String")]
        quiet: Duration,
    },
    /// Ended the attempt because it used too much memory.
    MemoryGuard,
    /// Ended the attempt for another reason of its own.
    Stopped,
}

impl Act {
    /// Returns the word that matchers use; `None` for a stall, which has a key of its own.
    #[must_use]
    pub const fn word(self) -> Option<ActWord> {
        match self {
            Self::AttemptTimeout { .. } => Some(ActWord::AttemptTimeout),
            Self::Deadline { .. } => Some(ActWord::Deadline),
            Self::MemoryGuard => Some(ActWord::MemoryGuard),
            Self::Stopped => Some(ActWord::Stopped),
            Self::Stalled { .. } => None,
        }
    }
}

/// What a program asks for, besides saying how it failed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Not to be run again.
    NoRetry,
    /// Not to be given this GPU again.
    ExcludeGpu(String),
    /// To be told to skip this position of its input.
    Skip(String),
}

/// How much a fact weighs: the highest wins, inside a rank the earliest.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// Nothing but the exit status, which no entry of the table meets.
    Fallback,
    /// A line of stdout or stderr.
    Output,
    /// The exit status or signal, or that there was no start.
    Exit,
    /// The program's structured word, a server's status, a transfer's error.
    Report,
    /// The program's wish not to be run again, which is the strongest word that it has.
    Request,
    /// The kernel's, the driver's and the host's word.
    Kernel,
    /// The runner's own act.
    Act,
    /// Somebody's will.
    Intent,
}

impl Fact {
    /// Returns how much this kind of fact weighs.
    #[must_use]
    pub const fn rank(&self) -> Rank {
        match self {
            Self::Intent(_) => Rank::Intent,
            Self::Act(_) => Rank::Act,
            Self::OomKill(_) | Self::Xid(_) | Self::Gpu(_) | Self::Host(_) => Rank::Kernel,
            Self::Request(_) => Rank::Request,
            Self::Report { .. } | Self::RetryAfter(_) | Self::Status(_) | Self::Error(_) => Rank::Report,
            Self::NotStarted { .. } | Self::Exit(_) | Self::Signal { .. } => Rank::Exit,
            Self::Output { stream, .. } => match stream {
                Stream::Kernel => Rank::Kernel,
                Stream::Report => Rank::Report,
                Stream::Stderr | Stream::Stdout => Rank::Output,
            },
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intent(Intent::Stop) => f.write_str("stopped by an operator"),
            Self::Intent(Intent::Cancel) => f.write_str("cancelled"),
            Self::Intent(Intent::Withdrawn) => f.write_str("no longer wanted"),
            Self::Intent(Intent::Drain) => f.write_str("drained"),
            Self::Act(act) => act.fmt(f),
            Self::OomKill(OomScope::Own) => f.write_str("oom kill at the job's own limit"),
            Self::OomKill(OomScope::Global) => f.write_str("oom kill by the machine"),
            Self::Xid(number) => write!(f, "xid {number}"),
            Self::Gpu(trouble) => write!(f, "gpu {trouble}"),
            Self::Host(event) => write!(f, "host {event}"),
            Self::Request(Request::NoRetry) => f.write_str("request no-retry"),
            Self::Request(Request::ExcludeGpu(gpu)) => write!(f, "request exclude-gpu {gpu}"),
            Self::Request(Request::Skip(position)) => write!(f, "request skip {position}"),
            Self::Report { word, .. } => write!(f, "report `{word}`"),
            Self::RetryAfter(delay) => write!(f, "retry after {}", Pretty(*delay)),
            Self::Status(status) => write!(f, "http status {status}"),
            Self::Error(error) => write!(f, "error {error}"),
            Self::NotStarted { errno, what } => write!(f, "not started: {what} (errno {errno})"),
            Self::Exit(code) => write!(f, "exit {code}"),
            Self::Signal { number, core } => {
                write!(f, "signal {}{}", Signal(*number), if *core { " (core dumped)" } else { "" })
            }
            Self::Output { stream, line, .. } => write!(f, "{stream} `{line}`"),
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AttemptTimeout { limit } => write!(f, "attempt timeout of {}", Pretty(*limit)),
            Self::Deadline { limit } => write!(f, "deadline of {}", Pretty(*limit)),
            Self::Stalled { what, quiet } => write!(f, "stalled ({what}) for {}", Pretty(*quiet)),
            Self::MemoryGuard => f.write_str("memory guard"),
            Self::Stopped => f.write_str("stopped by the runner"),
        }
    }
}
