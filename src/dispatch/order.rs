//! The order to start a process, complete.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use steadfast_retry::{AttemptNo, Ending, Moment};

use crate::ids::{Piece, SpanId};
use crate::job::{Action, Builtins, Definition, Expanded, Values};
use crate::launch::{
    Expected, Launch, Leftovers, Output, OutputMode, ResourceLimits, ShimKind, Start, StopLadder, Watch,
};

use super::live::{Live, Process};

/// What every process is started with, besides what its job says.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The environment that jobs inherit from the daemon.
    pub environment: BTreeMap<String, String>,
    /// The folder of the processes' output.
    pub logs: PathBuf,
    /// The folder of the attempts' own folders.
    pub attempts: PathBuf,
    /// The random name of the store, which makes a run's id unique in the world.
    pub store: String,
    /// The bytes of the disk that logs must leave free.
    pub log_reserve_bytes: u64,
    /// The cgroup under which attempts may have their own, if one is delegated.
    pub cgroup: Option<PathBuf>,
}

impl Surroundings {
    /// Orders the attempt that was just decided.
    pub(super) fn attempt(&self, live: &Live, at: Moment) -> Launch {
        let limit = live.limit;
        let process = live.process.expect("an attempt was just decided");
        let number = live.state.last_attempt().unwrap_or(AttemptNo::FIRST);
        let definition = &*live.terms.definition;
        let Expanded { argv, env, workdir } = expand(live, number);
        let Action::Command(command) = &definition.action;
        let mode = match command.output {
            crate::job::OutputMode::Pipe => OutputMode::Pipe,
            crate::job::OutputMode::File => OutputMode::File,
            crate::job::OutputMode::Pty => OutputMode::Pty,
        };
        let mut environment = self.common(live, process.span, Piece::Attempt(number));
        let limits = definition.policy.limits();
        environment.insert("STEADFAST_ATTEMPT".into(), number.to_string());
        environment.insert("STEADFAST_MAX_ATTEMPTS".into(), limits.attempts.to_string());
        if let Some(limit) = limit {
            let deadline = (at + limit).as_nanos() / 1_000_000_000;
            environment.insert("STEADFAST_DEADLINE".into(), deadline.to_string());
        }
        if let Some(class) = &live.last_class {
            environment.insert("STEADFAST_PREV_CLASS".into(), class.clone());
        }
        if let Some(step) = live.state.furthest() {
            environment.insert("STEADFAST_PREV_STEP".into(), step.to_string());
        }
        let stop_file = self.folder(live, Piece::Attempt(number)).join("stop");
        environment.insert("STEADFAST_STOP_FILE".into(), stop_file.display().to_string());
        if mode == OutputMode::Pty {
            // The terminal is the shim's: what the daemon itself may have been started on says nothing of it.
            environment.insert("TERM".into(), "xterm-256color".into());
        }
        environment.extend(env);
        let resources = self.resources(definition);
        let own = mode == OutputMode::Pty || !resources.is_empty() || live.survivors_seen;
        Launch {
            start: Start { run: live.run, piece: process.piece, token: process.token },
            argv,
            env: environment,
            workdir,
            output: self.output(live, process, mode, command.output_cap_bytes),
            watch: Watch { limit, stop: ladder(definition, stop_file), leftovers: leftovers(definition) },
            shim: if own { ShimKind::Own } else { ShimKind::Pool },
            limits: resources,
            notify: true,
        }
    }

    /// Describes the start that was announced and of which no end is known.
    pub(super) fn expected(&self, live: &Live) -> Option<Expected> {
        let launch = match live.process?.piece {
            Piece::Attempt(_) => self.attempt(live, Moment::ORIGIN),
            piece @ Piece::Finalizer { .. } => self.finalizer(live, piece),
        };
        Some(Expected { start: launch.start, watch: launch.watch, output: launch.output })
    }

    /// Orders a try of a finalizer.
    pub(super) fn finalizer(&self, live: &Live, piece: Piece) -> Launch {
        let process = live.process.expect("a finalizer's try was just announced");
        let Piece::Finalizer { after, index, tried } = piece else {
            unreachable!("attempts have an order of their own")
        };
        let definition = &*live.terms.definition;
        let finalizer = &definition.policy.finally()[usize::from(index)];
        let number = live.state.last_attempt().unwrap_or(AttemptNo::FIRST);
        let ending = live.state.ending().map_or("attempt-failed", Ending::as_str);
        let class = live.last_class.clone().unwrap_or_default();
        let values = values(live, number).with("ending", ending).with("class", class.as_str());
        let mut environment = self.common(live, process.span, piece);
        environment.insert("STEADFAST_ATTEMPT".into(), number.to_string());
        environment.insert("STEADFAST_ENDING".into(), ending.to_owned());
        environment.insert("STEADFAST_CLASS".into(), class);
        let place = after.map_or_else(|| "end".to_owned(), |number| number.to_string());
        environment.insert("STEADFAST_IDEMPOTENCY_KEY".into(), format!("{}-{}-{place}-{index}", self.store, live.run));
        environment.insert("STEADFAST_TRY".into(), tried.to_string());
        let Expanded { env, workdir, .. } = expand(live, number);
        environment.extend(env);
        Launch {
            start: Start { run: live.run, piece, token: process.token },
            argv: finalizer.run.iter().map(|argument| values.replace(argument)).collect(),
            env: environment,
            workdir,
            output: self.output(live, process, OutputMode::Pipe, 1 << 20),
            watch: Watch { limit: Some(finalizer.timeout), stop: hasty(), leftovers: Leftovers::Stop },
            shim: ShimKind::Pool,
            limits: ResourceLimits::default(),
            notify: false,
        }
    }

    /// What every process of a run finds in its environment.
    fn common(&self, live: &Live, span: SpanId, piece: Piece) -> BTreeMap<String, String> {
        let opening = &live.opening;
        let mut environment = self.environment.clone();
        let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
        set("STEADFAST_JOB", opening.job.clone());
        set("STEADFAST_RUN", live.run.to_string());
        set("STEADFAST_RUN_ID", format!("{}-{}", self.store, opening.origin));
        set("STEADFAST_ATTEMPT_DIR", self.folder(live, piece).display().to_string());
        set("TRACEPARENT", format!("00-{}-{span}-01", opening.trace));
        environment
    }

    fn folder(&self, live: &Live, piece: Piece) -> PathBuf {
        self.attempts.join(live.run.to_string()).join(piece.to_string())
    }

    fn output(&self, live: &Live, process: Process, mode: OutputMode, cap_bytes: u64) -> Output {
        let base = self.logs.join(format!("{}-{}", live.run, process.piece));
        Output { mode, base, cap_bytes, reserve_bytes: self.log_reserve_bytes }
    }

    fn resources(&self, definition: &Definition) -> ResourceLimits {
        let limits = &definition.limits;
        let grouped = limits.memory_bytes.is_some() || limits.processes.is_some();
        ResourceLimits {
            cgroup: self.cgroup.clone().filter(|_| grouped),
            memory_bytes: limits.memory_bytes,
            processes: limits.processes,
            address_space_bytes: limits.address_space_bytes,
            open_files: limits.open_files,
            core_bytes: limits.core_bytes,
            file_bytes: limits.file_bytes,
            cpu_seconds: limits.cpu_seconds,
        }
    }
}

fn builtins(live: &Live, number: AttemptNo) -> Builtins<'_> {
    Builtins { job: &live.opening.job, run: live.run, attempt: number, gpus: 0 }
}

fn expand(live: &Live, number: AttemptNo) -> Expanded {
    let definition = &live.terms.definition;
    let point = live.opening.point.and_then(|index| definition.matrix.point(index));
    let expanded = definition.expand(point.as_ref(), &live.opening.parameters, &builtins(live, number));
    expanded.expect("parameters were checked when the run was opened")
}

fn values(live: &Live, number: AttemptNo) -> Values {
    let definition = &live.terms.definition;
    let point = live.opening.point.and_then(|index| definition.matrix.point(index));
    let values = definition.values(point.as_ref(), &live.opening.parameters, &builtins(live, number));
    values.expect("parameters were checked when the run was opened")
}

fn ladder(definition: &Definition, file: PathBuf) -> StopLadder {
    let crate::job::StopLadder { ask, leader, all, extend } = definition.stop;
    let file = (!ask.is_zero()).then_some(file);
    StopLadder { file, ask, leader, all, extend }
}

/// The ladder of a finalizer that ran into its timeout: it had its time.
fn hasty() -> StopLadder {
    StopLadder { leader: Duration::from_secs(2), all: Duration::from_secs(1), ..StopLadder::default() }
}

fn leftovers(definition: &Definition) -> Leftovers {
    match definition.leftovers {
        crate::job::Leftovers::Stop => Leftovers::Stop,
        crate::job::Leftovers::Leave => Leftovers::Leave,
    }
}
