//! `steadfast run`: one command, tried again in this very process.
//!
//! # Theory of operation
//!
//! [`plan`] works out of the arguments what is run under which policy. [`drive`] feeds the engine with what happens and does
//! what it decides; there is no other loop. A [`child`] is one process, held by this one: it keeps our session, so that keys typed
//! on the terminal reach it as they would without us, and it inherits our stdin. Its output comes through us by
//! [`wiring`], which hands it on and keeps what is searched for evidence; where our stdout is a terminal the child has one too.
//! [`lookout`] is the one place where anything is waited for. What happens is told by the [`narrator`](super::narrator) on stderr and written
//! down by [`recorder`].
//!
//! A signal ends the run: it is passed on, then the stop ladder goes down, and a second interrupt kills. This process
//! adopts the orphans of what it starts, so nothing is left behind unseen.
//!
//! The run is owned by this process; when that dies, the run is interrupted. A daemon that lives is no more than the pen of the
//! [`journal`]; deliberately not here is any part of it in what is decided.

mod child;
mod drive;
mod ending;
mod environment;
mod excerpt;
mod finalizers;
mod journal;
mod lookout;
mod outlet;
mod plan;
mod post;
mod recorder;
mod wiring;

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, ValueEnum};
use steadfast_retry::{Pretty, parse_duration};

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::policy::Files;
use super::surroundings::Surroundings;
use crate::state::StateDir;

/// Runs a command here, and tries it again until it succeeds or the policy ends
#[derive(Args, Debug)]
#[command(after_help = "\
A policy is a name (see: steadfast policy list), a file (mine.toml, or
mine.toml#fetch), or written out with the keys of `loop` and `delay`:
  'attempts=8, exponential=1s, cap=2m, deadline=1h, stop-on=auth-* not-found'
or as a TOML table in braces.

A condition of --retry-on and --stop-on is a class or pattern (net-*), exit:75,
exit:10-19, signal:KILL or output:REGEX.

Examples:
  steadfast run -- rsync -a src/ host:dst/
  steadfast run --policy gpu-training -- torchrun train.py
  steadfast run -n 10 --delay constant=5s --retry-on exit:75 -- ./fetch.sh
  steadfast run --policy 'attempts=8, exponential=1s, cap=2m' -- curl -fO URL

The exit code is that of the last attempt: 128+n after signal n, 124 where a
time limit ended it, 126 not executable, 127 not found, 125 trouble of
steadfast itself, 130 after Ctrl-C.")]
pub(super) struct Arguments {
    /// How to go on after a failure: a name, a file, or written out
    #[arg(long, short, value_name = "POLICY")]
    policy: Option<String>,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    overrides: Overrides,
    /// Try again only after these failures; may be given more than once
    #[arg(long, value_name = "CONDITION")]
    retry_on: Vec<String>,
    /// Never try again after these failures; may be given more than once
    #[arg(long, value_name = "CONDITION")]
    stop_on: Vec<String>,
    /// The exit codes that mean success
    #[arg(long, value_name = "CODES", default_value = "0")]
    success: String,
    /// What the run is called; the program's name without it
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Keep no record, and let the command write straight to our stdout and stderr
    #[arg(long)]
    ephemeral: bool,
    /// Let processes live on that the command leaves behind
    #[arg(long)]
    leave: bool,
    /// The time between TERM to the command, TERM to all that it started, and KILL
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    grace: Duration,
    /// Whose exit code is returned: child, or steadfast (0 done, 1 failed for good, 124 deadline)
    #[arg(long, value_enum, value_name = "WHOSE", default_value = "child", hide_possible_values = true)]
    exit_code: Whose,
    /// Say nothing about attempts
    #[arg(long, short)]
    quiet: bool,
    /// The command and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
}

const VALUES: &str = "Instead of the policy's values";

/// Single values of the policy.
#[derive(Args, Clone, Debug, Default)]
struct Overrides {
    /// How many charged failures end the run, or `unlimited`
    #[arg(help_heading = VALUES, long, short = 'n', value_name = "NUMBER")]
    attempts: Option<String>,
    /// How long the run may take, delays included
    #[arg(help_heading = VALUES, long, value_name = "DURATION", value_parser = parse_duration)]
    deadline: Option<Duration>,
    /// How long one attempt may take
    #[arg(help_heading = VALUES, long, short = 't', value_name = "DURATION", value_parser = parse_duration)]
    attempt_timeout: Option<Duration>,
    /// How many attempts of any kind there may be
    #[arg(help_heading = VALUES, long, value_name = "NUMBER")]
    ceiling: Option<u32>,
    /// The time between attempts: 5s, or `exponential=1s, cap=1m`
    #[arg(help_heading = VALUES, long, short, value_name = "DELAY")]
    delay: Option<String>,
}

impl Overrides {
    /// Writes them out as a policy's short form.
    fn written_out(&self) -> String {
        let span = |key: &str, span: Option<Duration>| span.map(|span| format!("{key}={}", Pretty(span)));
        let delay = self.delay.as_ref().map(|delay| match delay.contains('=') {
            true => delay.clone(),
            false => format!("constant={delay}"),
        });
        let parts = [
            self.attempts.as_ref().map(|attempts| format!("attempts={attempts}")),
            span("deadline", self.deadline),
            span("attempt-timeout", self.attempt_timeout),
            self.ceiling.map(|ceiling| format!("ceiling={ceiling}")),
            delay,
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// Whose exit code is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Whose {
    /// The last attempt's.
    Child,
    /// 0 done, 1 failed for good, 124 deadline.
    Steadfast,
}

pub(super) fn perform(
    what: &Arguments,
    console: &mut Console,
    surroundings: &Surroundings,
    state: Option<StateDir>,
) -> Result<Exit, Failure> {
    go(what, console, surroundings, state).map_err(|failure| match what.exit_code {
        // The numbers of our own failures could be the command's as well.
        Whose::Child => Failure { exit: Exit::OWN_TROUBLE, ..failure },
        Whose::Steadfast => failure,
    })
}

fn go(
    what: &Arguments,
    console: &mut Console,
    surroundings: &Surroundings,
    state: Option<StateDir>,
) -> Result<Exit, Failure> {
    let plan = plan::Plan::of(what, console)?;
    let mut driver = drive::Driver::open(what, &plan, console, surroundings, state)?;
    let over = driver.run()?;
    Ok(over.exit(what.exit_code))
}
