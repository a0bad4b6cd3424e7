//! Who tells on stderr what becomes of attempts: for `run`, and for whoever waits for a run of the daemon. It says what was
//! decided, and decides nothing.

use std::time::Duration;

use steadfast_retry::{AttemptNo, Decision, Ending, Pretty};

use super::console::Console;
use super::countdown::Countdown;
use super::text;
use crate::evidence::{Fate, Verdict};
use crate::exec::Status;

/// Who tells on stderr what becomes of the attempts: a line for each, and a countdown where somebody watches.
pub(super) struct Narrator {
    is_quiet: bool,
    countdown: Countdown,
}

/// What is told of an attempt that has ended.
pub(super) struct Told {
    number: AttemptNo,
    took: Duration,
    /// What decided, in a few words.
    seen: String,
}

impl Told {
    pub(super) fn of(number: AttemptNo, took: Duration, status: &Status, verdict: &Verdict) -> Self {
        let Status::NotStarted { what, .. } = status else { return Self::judged(number, took, verdict) };
        // The path itself is long, and whoever needs it knows where to look.
        let seen = what.split_once(" on the path").map_or(what.clone(), |(what, _)| format!("{what} on the path"));
        Self { number, took, seen }
    }

    /// The same of an attempt of which only the verdict is known.
    pub(super) fn judged(number: AttemptNo, took: Duration, verdict: &Verdict) -> Self {
        let decides = |fate: &Fate| matches!(fate, Fate::Decides | Fate::FallsBack);
        let seen = match verdict.chain.iter().find(|step| decides(&step.fate)) {
            Some(step) => format!("{} after {}", text::cut(&step.fact, 80), Pretty(took).rounded()),
            None => format!("{} after {}", verdict.conclusion, Pretty(took).rounded()),
        };
        Self { number, took, seen }
    }

    /// The same of an attempt of which nothing is known but how it ended.
    pub(super) fn plain(number: AttemptNo, took: Duration, outcome: &str) -> Self {
        Self { number, took, seen: format!("{outcome} after {}", Pretty(took).rounded()) }
    }

    /// Says what the attempt came to and what follows; nothing where nothing follows of it.
    pub(super) fn line(&self, decision: &Decision, wait: Duration, attempts: u32, elapsed: Duration) -> Option<String> {
        let (number, took) = (self.number, Pretty(self.took).rounded());
        let seen = format!("#{number} {}", self.seen);
        let (faint, good, bad) = (text::FAINT, text::GOOD, text::BAD);
        let in_all = format!("{} in {}", text::count(attempts, "attempt"), Pretty(elapsed).rounded());
        Some(match decision {
            Decision::Finish { ending: Ending::Succeeded, .. } => {
                format!("#{number} {good}succeeded{good:#} after {took}; {in_all}")
            }
            Decision::Finish { ending: Ending::Cancelled, .. } => format!("{seen}; cancelled"),
            Decision::Finish { ending, because } => {
                let ending = if *ending == Ending::GaveUp { "gave up" } else { ending.as_str() };
                format!("{seen}; {bad}{ending}{bad:#} after {in_all} {faint}({because}){faint:#}")
            }
            Decision::Wait { because, .. } => {
                let (next, wait) = (number.next(), Pretty(wait).rounded());
                format!("{seen}; #{next} in {wait} {faint}({because}){faint:#}")
            }
            Decision::Attempt { .. } | Decision::Cut { .. } => return None,
        })
    }
}

impl Narrator {
    pub(super) fn new(is_quiet: bool) -> Self {
        Self { is_quiet, countdown: Countdown::new(is_quiet) }
    }

    pub(super) const fn is_watched(&self) -> bool {
        self.countdown.is_watched()
    }

    /// Ends a line that the command has begun, so that ours does not stand behind it.
    pub(super) fn clear_line(&self, is_mid_line: bool, console: &mut Console) {
        if self.is_watched() && is_mid_line {
            console.say("");
        }
    }

    /// Tells what an attempt came to and what follows.
    pub(super) fn decided(
        &self,
        told: &Told,
        decision: &Decision,
        wait: Duration,
        attempts: u32,
        elapsed: Duration,
        console: &mut Console,
    ) {
        let is_first = told.number == AttemptNo::FIRST;
        // A command that succeeds at once is as quiet as without us.
        if is_first && matches!(decision, Decision::Finish { ending: Ending::Succeeded, .. }) {
            return;
        }
        if let Some(line) = told.line(decision, wait, attempts, elapsed) {
            self.say(line, console);
        }
    }

    pub(super) fn say(&self, line: impl std::fmt::Display, console: &mut Console) {
        if !self.is_quiet {
            let faint = text::FAINT;
            console.say(format_args!("{faint}steadfast:{faint:#} {line}"));
        }
    }

    /// Shows how long it is until the next attempt, if somebody watches.
    pub(super) fn count_down(&mut self, next: AttemptNo, left: Duration) {
        let left = Countdown::whole(left);
        self.countdown.show(format_args!("steadfast: #{next} in {left}, Ctrl-C ends the run"));
    }

    /// Takes the countdown away.
    pub(super) fn counted_down(&mut self) {
        self.countdown.clear();
    }
}
