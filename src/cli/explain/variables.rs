//! The variables that steadfast puts into the environment of what it runs, and those that it reads itself.

/// A variable, who finds it, and what it says.
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) whose: &'static str,
    pub(super) says: &'static str,
}

const fn of(name: &'static str, whose: &'static str, says: &'static str) -> Variable {
    Variable { name, whose, says }
}

const ALL: &str = "for every process of a run";
const ATTEMPT: &str = "for attempts";
const FINALIZER: &str = "for finalizers";
const OURS: &str = "read by steadfast";

pub(super) const VARIABLES: [Variable; 22] = [
    of("STEADFAST_JOB", ALL, "the job's name"),
    of("STEADFAST_RUN", ALL, "the run's number in its state folder"),
    of(
        "STEADFAST_RUN_ID",
        ALL,
        "the name of the work, unique in the world and the same for a retry of a run as for the run itself: what checkpoints are kept under",
    ),
    of("STEADFAST_TOKEN", ALL, "the secret of this one start, by which its processes are known"),
    of(
        "TRACEPARENT",
        ALL,
        "the span of this process, as W3C Trace Context writes it: spans of the program go below it",
    ),
    of("STEADFAST_ATTEMPT", ALL, "the attempt's number, from 1; for a finalizer the attempt that it follows"),
    of(
        "STEADFAST_ATTEMPT_DIR",
        "for every process of a job under a daemon",
        "a folder that this process may use as its own",
    ),
    of(
        "STEADFAST_PARAM_NAME",
        "for every process of a job",
        "the value of the parameter or matrix key NAME, in capitals",
    ),
    of("STEADFAST_MAX_ATTEMPTS", ATTEMPT, "how many charged failures end the run, or `unlimited`"),
    of(
        "STEADFAST_DEADLINE",
        ATTEMPT,
        "when this attempt is ended at the latest, in seconds since 1970; absent without a limit",
    ),
    of("STEADFAST_PREV_CLASS", ATTEMPT, "the class of the attempt before; absent for the first"),
    of("STEADFAST_PREV_STEP", ATTEMPT, "the furthest step that a finished checkpoint has reached; absent without one"),
    of("STEADFAST_STOP_FILE", ATTEMPT, "a file that appears when the program is asked to stop, before any signal"),
    of("STEADFAST_NOTIFY", ATTEMPT, "the socket on which a program may say how far it is and how it failed"),
    of("NOTIFY_SOCKET", ATTEMPT, "the same socket, for programs that speak to systemd"),
    of(
        "STEADFAST_ENDING",
        FINALIZER,
        "how the run has ended: succeeded, gave-up, stopped, cancelled, quarantined, or attempt-failed",
    ),
    of("STEADFAST_CLASS", FINALIZER, "the class of the last attempt that did not succeed; empty without one"),
    of(
        "STEADFAST_IDEMPOTENCY_KEY",
        FINALIZER,
        "the same for every try of one finalizer: what it does twice shall have been done once",
    ),
    of("STEADFAST_TRY", FINALIZER, "the number of this try of the finalizer, from 1"),
    of("STEADFAST_STATE", OURS, "the state folder, where `--state` names none"),
    of(
        "STATE_DIRECTORY",
        OURS,
        "the state folder, where neither `--state` nor STEADFAST_STATE names one: systemd sets it for a service",
    ),
    of("NO_COLOR", OURS, "if it is not empty, no colours are used"),
];

/// Finds the variable of a name, however it is written.
pub(super) fn find(word: &str) -> Option<&'static Variable> {
    let name = word.trim_start_matches('$').to_ascii_uppercase();
    let is_parameter =
        |variable: &&Variable| variable.name == "STEADFAST_PARAM_NAME" && name.starts_with("STEADFAST_PARAM_");
    VARIABLES.iter().find(|variable| variable.name == name || is_parameter(variable))
}
