//! Who tells on stderr what becomes of the attempts of `run`. It says what was decided, and decides nothing.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use steadfast_retry::{AttemptNo, Decision, Ending, Pretty};

use crate::cli::console::Console;
use crate::cli::text;
use crate::evidence::{Fate, Verdict};
use crate::exec::Status;

/// Who tells on stderr what becomes of the attempts: a line for each, and a countdown where somebody watches.
pub(super) struct Narrator {
    is_quiet: bool,
    is_watched: bool,
    countdown: Option<ProgressBar>,
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
        let decides = |fate: &Fate| matches!(fate, Fate::Decides | Fate::FallsBack);
        let seen = match (status, verdict.chain.iter().find(|step| decides(&step.fate))) {
            // The path itself is long, and whoever needs it knows where to look.
            (Status::NotStarted { what, .. }, _) => {
                what.split_once(" on the path").map_or(what.clone(), |(what, _)| format!("{what} on the path"))
            }
            (_, Some(step)) => format!("{} after {}", text::cut(&step.fact, 80), Pretty(took).rounded()),
            (_, None) => format!("{} after {}", verdict.conclusion, Pretty(took).rounded()),
        };
        Self { number, took, seen }
    }
}

impl Narrator {
    pub(super) fn new(is_quiet: bool) -> Self {
        Self { is_quiet, is_watched: !is_quiet && std::io::stderr().is_terminal(), countdown: None }
    }

    pub(super) const fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// Ends a line that the command has begun, so that ours does not stand behind it.
    pub(super) fn clear_line(&self, is_mid_line: bool, console: &mut Console) {
        if self.is_watched && is_mid_line {
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
        let (number, took) = (told.number, Pretty(told.took).rounded());
        let is_first = number == AttemptNo::FIRST;
        let seen = format!("#{number} {}", told.seen);
        let (faint, good, bad) = (text::FAINT, text::GOOD, text::BAD);
        let in_all = format!("{} in {}", text::count(attempts, "attempt"), Pretty(elapsed).rounded());
        match decision {
            Decision::Finish { ending: Ending::Succeeded, .. } if is_first => {}
            Decision::Finish { ending: Ending::Succeeded, .. } => {
                self.say(format_args!("#{number} {good}succeeded{good:#} after {took}; {in_all}"), console);
            }
            Decision::Finish { ending: Ending::Cancelled, .. } => self.say(format_args!("{seen}; cancelled"), console),
            Decision::Finish { ending, because } => {
                let ending = if *ending == Ending::GaveUp { "gave up" } else { ending.as_str() };
                self.say(
                    format_args!("{seen}; {bad}{ending}{bad:#} after {in_all} {faint}({because}){faint:#}"),
                    console,
                );
            }
            Decision::Wait { because, .. } => {
                let (next, wait) = (number.next(), Pretty(wait).rounded());
                self.say(format_args!("{seen}; #{next} in {wait} {faint}({because}){faint:#}"), console);
            }
            Decision::Attempt { .. } | Decision::Cut { .. } => {}
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
        if !self.is_watched {
            return;
        }
        let bar = self.countdown.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{msg}").expect("the template names one known part");
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
        });
        let left = Duration::from_secs(left.as_secs_f64().ceil() as u64);
        bar.set_message(format!("steadfast: #{next} in {}, Ctrl-C ends the run", Pretty(left)));
        bar.tick();
    }

    /// Takes the countdown away.
    pub(super) fn counted_down(&mut self) {
        if let Some(bar) = self.countdown.take() {
            bar.finish_and_clear();
        }
    }
}
