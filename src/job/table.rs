//! The tables of a file as written: every key optional, each value with its place.
//!
//! These types are decoded by serde and give the JSON schema that editors complete from. Their doc comments are what
//! `steadfast explain KEY` shows.

use schemars::JsonSchema;
use serde::Deserialize;
use steadfast_retry::table::{DelayTable, FinalizerTable, Located, LoopTable, RuleTable};

use self::forms::{
    AfterForm, ArgvForm, Cell, Entries, MissedForm, OverlapForm, ParameterForm, Size, Span, SucceedsForm,
};
use super::{Leftovers, OutputMode};
use crate::evidence::ExitCodes;

pub(super) mod forms;
mod schema;

pub(super) use self::schema::FileTable;

/// A job: what is done, when, and how to go on after a failure.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct JobTable {
    /// What the job is for, in a sentence; shown in lists.
    pub about: Option<String>,
    /// The policy that says how to go on after a failure ("default"): one of the file's own or a shipped one.
    pub policy: Option<Located<String>>,
    /// How often and how long: laid over the policy's own, key by key.
    #[serde(rename = "loop")]
    pub limits: Option<LoopTable>,
    /// Rules that stand before the policy's own; the first that matches wins.
    #[serde(default)]
    pub catch: Vec<Located<RuleTable>>,
    /// How long until the next attempt: takes the place of the policy's own.
    pub delay: Option<Located<DelayTable>>,
    /// What follows the run, after the policy's own; in file order, one after another.
    #[serde(default)]
    pub finally: Vec<Located<FinalizerTable>>,
    /// Whether the policy's finalizers run as well (true).
    pub inherit_finally: Option<Located<bool>>,
    /// When the job is due; without it the job starts by hand, by `after` or by the API.
    pub schedule: Option<Located<ScheduleTable>>,
    /// What becomes of a start while an earlier run is under way ("skip"): "skip" drops it, { queue = 1 } lets it wait,
    /// "replace" cancels the earlier run, "allow" runs both.
    pub overlap: Option<OverlapForm>,
    /// The group whose slots its attempts need.
    pub group: Option<Located<String>>,
    /// Higher goes first among runs that wait for the same slots (0); from -1000 to 1000.
    pub priority: Option<Located<i64>>,
    /// The jobs that it comes after: a list fires when each has succeeded since, { any = [...] } at the first success,
    /// { ended = [...] } when each has ended, whatever the ending.
    pub after: Option<Located<AfterForm>>,
    /// The values that the job is run with: every combination is one run. Values stay as written.
    pub matrix: Option<Located<Axes>>,
    /// How many points of the matrix must succeed ("all"): "all", "any" or a number.
    pub succeeds: Option<Located<SucceedsForm>>,
    /// Whether its failure counts against nothing (false).
    pub may_fail: Option<bool>,
    /// The values that whoever starts the job may give; in the command `{name}`, in its environment
    /// `$STEADFAST_PARAM_NAME`.
    #[serde(default)]
    pub parameters: Entries<Located<ParameterForm>>,
    /// Variables that are added to the environment; `{name}` is replaced in the values. From the daemon's own environment
    /// a job inherits nothing but PATH, HOME, USER, LOGNAME, SHELL, LANG, LANGUAGE, LC_*, TZ, TMPDIR, XDG_RUNTIME_DIR,
    /// SSL_CERT_FILE, SSL_CERT_DIR, LD_LIBRARY_PATH, VIRTUAL_ENV and *_PROXY: whatever else it needs stands here.
    #[serde(default)]
    pub env: Entries<Located<Cell>>,
    /// The folder that the job runs in, from the file's folder (which is the default); `{name}` is replaced.
    pub workdir: Option<Located<String>>,
    /// What the kernel holds the job's processes to.
    #[serde(rename = "limits")]
    pub kernel: Option<LimitsTable>,
    /// How the job is stopped: the time that each step gives.
    pub stop: Option<StopTable>,
    /// What happens to processes that the program leaves behind ("stop"): "stop" ends them, "leave" lets them go.
    pub leftovers: Option<Leftovers>,
    /// Runs a program.
    pub command: Option<Located<CommandTable>>,
}

/// The keys of a matrix, each with its values.
type Axes = Entries<Located<Vec<Located<Cell>>>>;

/// What a command job runs, and what to make of its output and exit.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct CommandTable {
    /// The program and its arguments, each a text of its own; `{name}` is replaced in each.
    pub run: Option<Located<ArgvForm>>,
    /// A line for `/bin/sh -c`. Nothing is replaced in it: values arrive as `$STEADFAST_PARAM_NAME`.
    pub shell: Option<Located<String>>,
    /// How output is captured ("pipe"): "pipe" gives a time to each piece, "file" lets the program write into the log
    /// itself, "pty" gives it a terminal.
    pub output: Option<OutputMode>,
    /// How much output is kept ("64MiB"): the first part and the last.
    pub output_cap: Option<Located<Size>>,
    /// The exit codes that mean success (0).
    pub success: Option<ExitCodes>,
}

/// When a job is due: exactly one of `cron`, `every` and `at`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ScheduleTable {
    /// A cron expression of five fields: minute, hour, day of the month, month, day of the week.
    pub cron: Option<Located<String>>,
    /// The time from one due time to the next; the first is when the file is loaded.
    pub every: Option<Located<Span>>,
    /// One date and time, with an offset or in `zone`.
    pub at: Option<Located<String>>,
    /// The zone whose clock is meant ("UTC"): an IANA name such as "Asia/Shanghai".
    pub zone: Option<Located<String>>,
    /// What becomes of due times that nobody saw ("once"): "once" makes one run of them, "skip" none,
    /// { all = 10 } one each for the newest ten.
    pub missed: Option<Located<MissedForm>>,
    /// How old a missed due time may be and still be made up for.
    pub window: Option<Located<Span>>,
    /// The most by which a start is put off to spread the load; the same for the same due time.
    pub jitter: Option<Located<Span>>,
}

/// What the kernel holds a job's processes to.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct LimitsTable {
    /// Memory of all its processes together; needs a delegated cgroup.
    pub memory: Option<Located<Size>>,
    /// The number of its processes and threads; needs a delegated cgroup.
    pub processes: Option<Located<u64>>,
    /// Address space of each process.
    pub address_space: Option<Located<Size>>,
    /// Open files of each process.
    pub open_files: Option<Located<u64>>,
    /// Size of a core file ("0" for none).
    pub core_size: Option<Located<Size>>,
    /// Size of any file that it writes.
    pub file_size: Option<Located<Size>>,
    /// Processor time of each process, in whole seconds.
    pub cpu_time: Option<Located<Span>>,
}

/// The steps of stopping: ask, TERM to the program, TERM to all its processes, KILL.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct StopTable {
    /// The time after the stop file has appeared and before TERM ("0s").
    pub ask: Option<Span>,
    /// The time between TERM to the program and TERM to all its processes ("10s").
    pub leader: Option<Span>,
    /// The time between TERM to all and KILL ("5s").
    pub all: Option<Span>,
    /// How much longer all steps together may last because the program asks for it ("0s").
    pub extend: Option<Span>,
}

/// One parameter.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ParameterTable {
    /// The value where none is given; without it an empty text.
    pub default: Option<Located<Cell>>,
    /// Whether a start without it is refused (false).
    pub required: Option<Located<bool>>,
    /// What it is for, in a sentence.
    pub help: Option<String>,
}

/// Jobs that share slots.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct GroupTable {
    /// How many attempts of its jobs may run at a time; from 1 to 10000.
    pub slots: Option<Located<u64>>,
}
