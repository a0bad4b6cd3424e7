//! What follows an attempt or the run: through the same engine as the attempts themselves.

use steadfast_retry::{
    AttemptNo, Class, Decision, Delay, Dice, Event, Failure as Failed, Finalizer, Moment, On, Outcome, Policy, RunState,
};

use super::drive::{Driver, c_strings, mark, step};
use super::ending::Over;
use super::recorder::{Mark, Recorder};
use super::wiring::Lead;
use crate::cli::failure::Failure;
use crate::clock;
use crate::exec::Status;
use crate::ids::Piece;
use crate::job::Values;
use crate::journal::FinalizerResult;

impl Driver<'_> {
    /// Runs what follows a failed attempt; the next one waits for it.
    pub(super) fn after_attempt(&mut self, number: AttemptNo) -> Result<(), Failure> {
        self.follow_up(Some(number), "attempt-failed", |on| on == On::AttemptFailed, Some(number))
    }

    /// Runs what follows the ending, in the order of the policy.
    pub(super) fn after_run(&mut self, over: &Over, last: Option<AttemptNo>) -> Result<(), Failure> {
        self.follow_up(None, over.ending.as_str(), |on| on.follows(over.ending), last)
    }

    fn follow_up(
        &mut self,
        after: Option<AttemptNo>,
        ending: &str,
        follows: impl Fn(On) -> bool,
        last: Option<AttemptNo>,
    ) -> Result<(), Failure> {
        let policy = std::sync::Arc::clone(&self.plan.policy);
        for (index, finalizer) in policy.finally().iter().enumerate().filter(|(_, finalizer)| follows(finalizer.on)) {
            self.finalizer(finalizer, after, index as u16, ending, last)?;
        }
        Ok(())
    }

    fn finalizer(
        &mut self,
        finalizer: &Finalizer,
        after: Option<AttemptNo>,
        index: u16,
        ending: &str,
        last: Option<AttemptNo>,
    ) -> Result<(), Failure> {
        let policy = tries(finalizer);
        let argv = self.finalizer_argv(finalizer, ending, last)?;
        let mut run = RunState::new();
        let mut event = Event::Due { at: self.clock.moment() };
        let mut sentence = String::new();
        loop {
            match step(&mut run, &policy, &event) {
                Decision::Attempt { number, limit, .. } => {
                    let tried = u16::try_from(number.get()).unwrap_or(u16::MAX);
                    let piece = Piece::Finalizer { after, index, tried };
                    let mark = mark();
                    self.recorder.finalizer_began(self.clock.moment(), piece, mark.token);
                    let variables = self.finalizer_variables(mark, after, index, tried, ending, last);
                    let mut cut = |at: Moment, _: &mut Recorder| {
                        step(&mut run, &policy, &Event::CancelAsked { at });
                    };
                    let ended = self.watch(&argv, variables, limit, Lead::ToTalk, piece, &mut cut)?;
                    sentence = in_words(&ended.status);
                    let (outcome, result) = match ended.status {
                        Status::Exited { code: 0 } if ended.act.is_none() => {
                            (Outcome::Succeeded, FinalizerResult::Done)
                        }
                        _ => (Outcome::Failed(Failed::of(Class::ERROR)), FinalizerResult::Failed),
                    };
                    self.recorder.finalizer_ended(self.clock.moment(), piece, result, sentence.clone());
                    let (at, dice) = (self.clock.moment(), Dice::thrown(clock::random_bits()));
                    event = Event::Ended { at, outcome, progress: None, dice };
                }
                Decision::Wait { until, .. } => {
                    let next = run.last_attempt().map_or(AttemptNo::FIRST, AttemptNo::next);
                    event = self.wait(until, next)?;
                }
                Decision::Cut { .. } => unreachable!("a running finalizer is cut where it is watched"),
                Decision::Finish { ending: steadfast_retry::Ending::Succeeded, .. } => return Ok(()),
                Decision::Finish { .. } => {
                    let program = finalizer.run.join(" ");
                    self.narrator.say(format_args!("the finalizer `{program}` failed: {sentence}"), self.console);
                    return Ok(());
                }
            }
        }
    }

    fn finalizer_argv(
        &self,
        finalizer: &Finalizer,
        ending: &str,
        last: Option<AttemptNo>,
    ) -> Result<Vec<std::ffi::CString>, Failure> {
        let run = self.recorder.run().map_or_else(String::new, |run| run.to_string());
        let values = Values::default()
            .with("job", self.name.as_str())
            .with("run", run)
            .with("attempt", last.map_or_else(String::new, |last| last.to_string()))
            .with("ending", ending)
            .with("class", self.last_class.clone().unwrap_or_default());
        let argv: Vec<std::ffi::OsString> = finalizer.run.iter().map(|word| values.replace(word).into()).collect();
        c_strings(argv.iter().map(std::ffi::OsString::as_os_str))
    }

    fn finalizer_variables(
        &self,
        mark: Mark,
        after: Option<AttemptNo>,
        index: u16,
        tried: u16,
        ending: &str,
        last: Option<AttemptNo>,
    ) -> Vec<(&'static str, String)> {
        let place = after.map_or_else(|| "end".to_owned(), |number| number.to_string());
        let run = self.recorder.run_id().unwrap_or_else(|| self.recorder.trace.to_string());
        let mut variables = self.common_variables(mark);
        variables.extend([
            ("STEADFAST_ENDING", ending.to_owned()),
            ("STEADFAST_CLASS", self.last_class.clone().unwrap_or_default()),
            ("STEADFAST_IDEMPOTENCY_KEY", format!("{run}-{place}-{index}")),
            ("STEADFAST_TRY", tried.to_string()),
        ]);
        variables.extend(last.map(|last| ("STEADFAST_ATTEMPT", last.to_string())));
        variables
    }
}

/// The policy of a finalizer's tries.
fn tries(finalizer: &Finalizer) -> Policy {
    let policy = Policy::named("finalizer")
        .attempts(finalizer.attempts.min(1_000))
        .attempt_timeout(finalizer.timeout)
        .delay(Delay::constant(finalizer.delay));
    policy.build().unwrap_or_default()
}

fn in_words(status: &Status) -> String {
    match status {
        Status::Exited { code } => format!("exit {code}"),
        Status::Signalled { signal, .. } => format!("signal {}", crate::evidence::Signal(*signal)),
        Status::NotStarted { what, .. } => what.clone(),
        Status::Interrupted { why } => why.clone(),
    }
}
