//! One attempt: begun, told of, ended.

use steadfast_retry::{Decision, Event, Failure, Outcome};

use crate::evidence::{Act, Conclusion, Evidence, Fact, Intent, Verdict, classify};
use crate::ids::{Piece, RunId, SpanId, Token};
use crate::journal::{End, Happened, Start, Step, Told};

use super::effect::Effect;
use super::input::Ended;
use super::live::Live;
use super::{Dispatcher, Hour};

/// A run in flight at so many deaths of the daemon in a row is not started again.
pub(super) const DEATHS_BORNE: u32 = 3;

impl Dispatcher {
    /// Begins the next attempt of a run that has a slot for it.
    pub(super) fn begin(&mut self, hour: &mut Hour, run: RunId) {
        let live = self.live.get(&run).expect("whoever gets a slot is in memory");
        let event =
            if live.deaths >= DEATHS_BORNE { Event::Quarantined { at: hour.at } } else { Event::Due { at: hour.at } };
        let lane = live.opening.lane.clone();
        self.lanes.ask_no_more(&lane, live.place());
        self.step(hour, run, event, None, None);
    }

    /// Lets the engine decide about an event, writes both down and follows the decision.
    pub(super) fn step(
        &mut self,
        hour: &mut Hour,
        run: RunId,
        event: Event,
        end: Option<Box<End>>,
        by: Option<String>,
    ) {
        let live = self.live.get_mut(&run).expect("only runs in memory have events");
        let Ok(decision) = live.state.step(&live.terms.definition.policy, &event) else {
            // The event came too late to mean anything: a cancel after the ending, a tick after a cancel.
            return;
        };
        let start = match &decision {
            Decision::Attempt { .. } => {
                Some(Start { token: Token(hour.chance.wide_bits()), span: SpanId(hour.chance.bits()) })
            }
            Decision::Wait { .. } | Decision::Cut { .. } | Decision::Finish { .. } => None,
        };
        let step = Step { event, decision, start, end, by };
        let had_process = live.process;
        live.took_step(&step);
        let lane = live.opening.lane.clone();
        let decision = step.decision.clone();
        self.write(hour, run, Happened::Stepped(Box::new(step)));
        match decision {
            Decision::Attempt { .. } => {
                self.lanes.take_slot(&lane, run);
                let live = &self.live[&run];
                let launch = self.settings.surroundings.attempt(live, hour.at);
                self.outbox.afterwards(Effect::Launch(Box::new(launch)));
            }
            Decision::Wait { until, .. } => {
                self.lanes.give_slot(&lane, run);
                self.timers.set(run, until);
                self.delays_over(hour);
                self.follow_up(hour, run);
            }
            Decision::Cut { .. } => {
                let process = had_process.expect("an attempt that is cut has a process");
                let (piece, token) = (process.piece, process.token);
                self.outbox.afterwards(Effect::Cut { run, piece, token });
            }
            Decision::Finish { .. } => {
                self.lanes.give_slot(&lane, run);
                self.timers.clear(run);
                self.follow_up(hour, run);
            }
        }
    }

    /// Lets runs whose delay is over ask for a slot, and tries finalizers again whose pause is over.
    pub(super) fn delays_over(&mut self, hour: &mut Hour) {
        while let Some(run) = self.timers.pop_due(hour.at) {
            let Some(live) = self.live.get_mut(&run) else { continue };
            if live.follow_up.is_some() {
                self.follow_up(hour, run);
            } else {
                live.delay_over = true;
                self.ask_if_wanted(run);
            }
        }
    }

    pub(super) fn started(&mut self, hour: &Hour, run: RunId, piece: Piece, token: Token, pid: u32) {
        if self.live.get(&run).is_some_and(|live| live.knows(piece, token)) {
            self.write(hour, run, Happened::Started { piece, pid });
        }
    }

    pub(super) fn told(&mut self, hour: &Hour, run: RunId, piece: Piece, token: Token, word: Told) {
        let Some(live) = self.live.get_mut(&run).filter(|live| live.knows(piece, token)) else { return };
        if let Told::Checkpoint { step, .. } = &word {
            live.checkpoint = live.checkpoint.max(Some(*step));
        }
        self.write(hour, run, Happened::Told { piece, word });
    }

    /// Takes up that a process is gone, if it is the one that the run knows.
    pub(super) fn ended(&mut self, hour: &mut Hour, ended: Ended) {
        let Ended { run, piece, token, mark, .. } = ended;
        let Some(live) = self.live.get(&run).filter(|live| live.knows(piece, token)) else {
            let late = Happened::Late { piece, token, sentence: ended.sentence, mark };
            self.write(hour, run, late);
            return;
        };
        match piece {
            Piece::Attempt(_) => {
                let (event, end) = judge(live, ended, hour);
                self.step(hour, run, event, Some(end), None);
            }
            Piece::Finalizer { .. } => self.finalizer_ended(hour, ended),
        }
    }

    pub(super) fn voided(&mut self, hour: &mut Hour, run: RunId, piece: Piece, token: Token) {
        if !self.live.get(&run).is_some_and(|live| live.knows(piece, token)) {
            return;
        }
        match piece {
            Piece::Attempt(_) => {
                let event = Event::Voided { at: hour.at };
                self.step(hour, run, event, None, None);
            }
            Piece::Finalizer { .. } => self.finalizer_lost(hour, run, piece, "announced but never started"),
        }
    }
}

/// Says whether a daemon that stopped ended the process: this one, or one before it that did not live to see it. A run that
/// somebody wants to end has that in its journal.
pub(super) fn was_taken_along(live: &Live, evidence: &Evidence) -> bool {
    let by_us = evidence.facts.contains(&Fact::Act(Act::Stopped));
    live.process.is_some_and(|process| process.taken_along) || (by_us && !live.state.is_cut())
}

/// Weighs the evidence and makes the engine's event of it.
fn judge(live: &Live, ended: Ended, hour: &mut Hour) -> (Event, Box<End>) {
    let mut evidence = ended.evidence;
    let taken_along = was_taken_along(live, &evidence);
    if taken_along {
        evidence.facts.insert(0, Fact::Intent(Intent::Drain));
    } else if live.state.is_cut() {
        evidence.facts.insert(0, Fact::Intent(Intent::Cancel));
    }
    let verdict = classify(&live.terms.classes, &evidence, live.terms.definition.success());
    let outcome = outcome_of(&verdict, taken_along);
    let progress = ended.progress.max(live.checkpoint);
    let event = Event::Ended { at: hour.at, outcome, progress, dice: hour.chance.dice() };
    (event, Box::new(End { evidence, verdict, usage: ended.usage, mark: ended.mark }))
}

/// Carries a verdict over to the engine. An attempt that the daemon took along is lost, not cancelled: it goes on later.
fn outcome_of(verdict: &Verdict, taken_along: bool) -> Outcome {
    match verdict.conclusion {
        Conclusion::Succeeded => Outcome::Succeeded,
        Conclusion::Interrupted => Outcome::Interrupted,
        Conclusion::Failed | Conclusion::Cancelled if taken_along => Outcome::Interrupted,
        Conclusion::Cancelled => Outcome::Cancelled,
        Conclusion::Failed => {
            let class = verdict.class.clone().unwrap_or(steadfast_retry::Class::ERROR);
            Outcome::Failed(Failure { class, server_delay: verdict.server_delay })
        }
    }
}
