use serde::{Deserialize, Serialize};

use crate::evidence::ExitCodes;

/// What a run does. In a file it is named by its table: `[job.x.command]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A program is run.
    Command(Command),
}

/// A program to run, and what to make of its output and exit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Command {
    /// The program.
    pub program: Program,
    /// How its output is captured.
    pub output: OutputMode,
    /// The bytes of output kept on disk: the first part and the last.
    pub output_cap_bytes: u64,
    /// The exit codes that mean success.
    pub success: ExitCodes,
}

impl Command {
    /// The bytes of output that are kept where nothing is said.
    pub const OUTPUT_CAP_BYTES: u64 = 64 * 1024 * 1024;

    /// Makes a command of a program with the defaults: piped output, 64 MiB kept, success is exit 0.
    #[must_use]
    pub fn new(program: Program) -> Self {
        Self { program, output: OutputMode::Pipe, output_cap_bytes: Self::OUTPUT_CAP_BYTES, success: ExitCodes::one(0) }
    }
}

/// A program, one way or the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// A program and its arguments; `{name}` is replaced in each.
    Argv(Vec<String>),
    /// A text for `/bin/sh -c`, in which nothing is replaced: values arrive as `$STEADFAST_PARAM_…`.
    Shell(String),
}

/// How output is captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutputMode {
    /// Two pipes, a time for each chunk.
    #[default]
    Pipe,
    /// The program writes into the log itself, which then survives even the shim.
    File,
    /// A terminal.
    Pty,
}
