//! The order to start a program, complete.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{Piece, RunId, Token};

/// Everything a shim must know to run one program and to end it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// Whose start this is.
    pub start: Start,
    /// The program and its arguments. A name without a slash is looked for on the `PATH` of `env`.
    pub argv: Vec<String>,
    /// The whole environment. The shim adds `STEADFAST_TOKEN` and, with `notify`, the socket's address.
    pub env: BTreeMap<String, String>,
    /// The folder that the program starts in.
    pub workdir: PathBuf,
    /// Where its output goes.
    pub output: Output,
    /// How it is watched and ended.
    pub watch: Watch,
    /// Which kind of shim holds it.
    pub shim: ShimKind,
    /// What the kernel holds it to. Only in a shim of its own.
    #[serde(default, skip_serializing_if = "ResourceLimits::is_empty")]
    pub limits: ResourceLimits,
    /// Whether the program gets a socket to report on.
    pub notify: bool,
}

/// How a program is watched and ended: what is left to know once it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The time that it may take, counted on the boot clock from its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Duration>,
    /// How it is stopped.
    #[serde(default)]
    pub stop: StopLadder,
    /// What happens to processes that it leaves behind.
    #[serde(default)]
    pub leftovers: Leftovers,
}

/// Which kind of shim holds a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShimKind {
    /// One that is shared with other plain commands.
    #[default]
    Pool,
    /// One of its own: for limits, a terminal, a cgroup, and for whatever once left survivors.
    Own,
}

/// What happens to processes that outlive the program that started them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leftovers {
    /// They are stopped by the ladder before the attempt counts as over.
    #[default]
    Stop,
    /// They are written down and let go.
    Leave,
}

/// The steps of stopping, each with the time that it gives.
///
/// The whole group is never the first to get TERM: that kills the data loaders of a training run and with them its
/// emergency checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StopLadder {
    /// The file that appears when the program is asked to end, for programs that look for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The time after the file has appeared and before TERM goes to the leader.
    pub ask: Duration,
    /// The time between TERM to the leader and TERM to all.
    pub leader: Duration,
    /// The time between TERM to all and KILL.
    pub all: Duration,
    /// How much longer all steps together may last because the program asks by `EXTEND_TIMEOUT_USEC`.
    pub extend: Duration,
}

impl Default for StopLadder {
    fn default() -> Self {
        Self {
            file: None,
            ask: Duration::ZERO,
            leader: Duration::from_secs(10),
            all: Duration::from_secs(5),
            extend: Duration::ZERO,
        }
    }
}

/// A step of the [`StopLadder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// The stop file, and `STOPPING=1` to whoever has reported from an address.
    Ask,
    /// TERM to the first process.
    Leader,
    /// TERM to every process.
    All,
    /// KILL to every process, again and again until none is left.
    Kill,
}

/// Where a program's output goes, and how much of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// How it is captured.
    pub mode: OutputMode,
    /// The log's path without its ending: `.log` holds the bytes, `.index` their times. No output, no file.
    pub base: PathBuf,
    /// The bytes kept on disk: the first part and the last.
    pub cap_bytes: u64,
    /// The bytes of the disk that logs must leave free; below, the cap shrinks.
    #[serde(default)]
    pub reserve_bytes: u64,
}

impl Output {
    /// The cap where none is given.
    pub const DEFAULT_CAP: u64 = 64 * 1024 * 1024;

    /// Captures by pipes into a log at `base`, up to the default cap.
    #[must_use]
    pub fn piped(base: impl Into<PathBuf>) -> Self {
        Self { mode: OutputMode::Pipe, base: base.into(), cap_bytes: Self::DEFAULT_CAP, reserve_bytes: 0 }
    }
}

/// How output is captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputMode {
    /// Two pipes that the shim reads: a time for each chunk, and a script cannot truncate the log.
    #[default]
    Pipe,
    /// The program writes into the log itself, which then survives even the shim.
    File,
    /// A terminal of 80 by 24. Only in a shim of its own.
    Pty,
}

/// What the kernel holds a program to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceLimits {
    /// The cgroup (version 2) under which the program gets one of its own, if the machine delegates one to us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<PathBuf>,
    /// Memory of all its processes together, bytes. Needs a cgroup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The number of its processes and threads. Needs a cgroup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
    /// Address space of each process, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_space_bytes: Option<u64>,
    /// Open files of each process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Size of a core file, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core_bytes: Option<u64>,
    /// Size of any file that it writes, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<u64>,
    /// Processor time of each process, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<u64>,
}

impl ResourceLimits {
    /// Says whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A start of which the store knows no end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Which.
    pub start: Start,
    /// How it is watched, in case that its shim is gone.
    pub watch: Watch,
    /// Where its output goes, for the same case.
    pub output: Output,
}

/// One start of one program: which run, which process of it, and the secret of this very start.
///
/// Its text, `12-3-00ff…`, is the name of its claim file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Start {
    /// The run.
    pub run: RunId,
    /// Which process of it.
    pub piece: Piece,
    /// What no other start has.
    pub token: Token,
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.run, self.piece, self.token)
    }
}

/// A text that names no start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadStart(String);

impl fmt::Display for BadStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` names no start: a run, a piece and a token, as in `12-3-00ff…`", self.0)
    }
}

impl std::error::Error for BadStart {}

impl FromStr for Start {
    type Err = BadStart;

    fn from_str(text: &str) -> Result<Self, BadStart> {
        let read = || {
            let (run, rest) = text.split_once('-')?;
            let (piece, token) = rest.split_once('-')?;
            Some(Self { run: run.parse().ok()?, piece: piece.parse().ok()?, token: token.parse().ok()? })
        };
        read().ok_or_else(|| BadStart(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::{RunId, Start, Token};

    #[test]
    fn the_text_of_a_start_is_read_back() {
        for piece in ["1", "f0.1", "a3.f0.2"] {
            let start = Start { run: RunId(12), piece: piece.parse().unwrap(), token: Token(255) };
            assert_eq!(start.to_string().parse::<Start>(), Ok(start));
        }
        for text in ["12-1", ".probe", "12-0-ff", "x-1-ff"] {
            assert!(text.parse::<Start>().is_err(), "{text}");
        }
    }
}
