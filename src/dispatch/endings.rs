//! What follows: finalizers, the closing of a run, and what the closing sets off.

use steadfast_retry::Ending;

use crate::evidence::{Conclusion, ExitCodes, classify};
use crate::ids::{Piece, RunId, SpanId, Token};
use crate::journal::{Entry, FinalizerResult, Happened, JobHappened};

use super::attempts::was_taken_along;
use super::effect::Effect;
use super::input::Ended;
use super::live::Process;
use super::{Dispatcher, Hour, Phase};

impl Dispatcher {
    /// Starts the finalizer that is owed next; where none is, goes on with the run or closes it.
    pub(super) fn follow_up(&mut self, hour: &mut Hour, run: RunId) {
        let Some(live) = self.live.get_mut(&run) else { return };
        let Some(follow_up) = &mut live.follow_up else { return };
        if live.process.is_some() {
            return;
        }
        match follow_up.piece() {
            // Nothing begins while the daemon stops; the next one goes on from here.
            Some(_) if matches!(self.phase, Phase::Stopping | Phase::Gone) => {}
            Some(piece) => {
                follow_up.began();
                let token = Token(hour.chance.wide_bits());
                let span = SpanId(hour.chance.bits());
                live.process = Some(Process { piece, token, span, taken_along: false });
                let launch = self.settings.surroundings.finalizer(live, piece);
                self.write(hour, run, Happened::FinalizerBegan { piece, token });
                self.outbox.afterwards(Effect::Launch(Box::new(launch)));
            }
            None => {
                live.follow_up = None;
                match (live.state.ending(), live.state.waits_until()) {
                    (Some(ending), _) => self.close(hour, run, ending, None),
                    (None, Some(until)) => {
                        self.timers.set(run, until);
                        self.delays_over(hour);
                    }
                    (None, None) => self.ask_if_wanted(run),
                }
            }
        }
    }

    pub(super) fn finalizer_ended(&mut self, hour: &mut Hour, ended: Ended) {
        let live = &self.live[&ended.run];
        let verdict = classify(&live.terms.classes, &ended.evidence, &ExitCodes::one(0));
        let result = match verdict.conclusion {
            Conclusion::Succeeded => FinalizerResult::Done,
            // The daemon took it along; it is tried again without a charge.
            _ if was_taken_along(live, &ended.evidence) => FinalizerResult::Lost,
            Conclusion::Failed | Conclusion::Cancelled => FinalizerResult::Failed,
            Conclusion::Interrupted => FinalizerResult::Lost,
        };
        let Ended { run, piece, sentence, mark, .. } = ended;
        self.write(hour, run, Happened::FinalizerEnded { piece, result, sentence, mark });
        self.after_finalizer(hour, run, piece, result);
    }

    pub(super) fn finalizer_lost(&mut self, hour: &mut Hour, run: RunId, piece: Piece, sentence: &str) {
        let result = FinalizerResult::Lost;
        let sentence = sentence.to_owned();
        self.write(hour, run, Happened::FinalizerEnded { piece, result, sentence, mark: None });
        self.after_finalizer(hour, run, piece, result);
    }

    /// Goes on after a try: at once after a good one and the first that was lost, after the finalizer's delay after a failed one
    /// and further ones that were lost.
    fn after_finalizer(&mut self, hour: &mut Hour, run: RunId, piece: Piece, result: FinalizerResult) {
        let Some(live) = self.live.get_mut(&run) else { return };
        let again = live.finalizer_ended(piece, result);
        let Piece::Finalizer { index, tried, .. } = piece else { return };
        let pauses = match result {
            FinalizerResult::Done => false,
            FinalizerResult::Failed => true,
            FinalizerResult::Lost => tried > 1,
        };
        if again && pauses {
            let pause = live.terms.definition.policy.finally()[usize::from(index)].delay;
            self.timers.set(run, hour.at + pause);
            self.delays_over(hour);
        } else {
            self.follow_up(hour, run);
        }
    }

    /// Closes a run: it is over for ever, and whatever waited for that may go on.
    pub(super) fn close(&mut self, hour: &mut Hour, run: RunId, ending: Ending, because: Option<String>) {
        self.write(hour, run, Happened::Closed { ending, because });
        self.timers.clear(run);
        let Some(live) = self.live.remove(&run) else { return };
        self.lanes.ask_no_more(&live.opening.lane, live.place());
        self.lanes.give_slot(&live.opening.lane, run);
        self.closing.push_back((self.outbox.present(), run, live.opening.key.clone()));
        let ended = self.book.closed(run, &live.opening, ending);
        if let Some(success) = ended {
            self.job_ended(hour, &live.opening.job, success);
        }
    }

    /// Opens what comes after a job, or closes it as skipped where it can no longer come.
    pub(super) fn job_ended(&mut self, hour: &mut Hour, job: &str, success: bool) {
        // It counts for those who come after it now; the entry lets the next daemon know it too.
        if self.book.has_successors(job) {
            self.book.ended(hour.at, job, success);
            self.outbox.write(Entry::of_job(hour.at, job.to_owned(), JobHappened::Ended { success }));
        }
        for next in self.book.met_by(job) {
            // The one before may have replaced a run, whose end has set this one off already.
            if self.book.may_follow(&next) {
                self.open_after(hour, &next);
            }
        }
        if !success {
            for next in self.book.doomed_by(job) {
                self.skip(hour, &next, format!("job `{job}` did not succeed"));
            }
        }
    }
}
