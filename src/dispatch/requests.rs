//! What people and programs ask for.

use steadfast_retry::Event;

use crate::ids::RunId;
use crate::journal::{Entry, Happened, JobHappened, Opening};
use crate::store::Place;

use super::effect::{Answer, Effect, Refusal};
use super::input::{Found, Order, RequestId, Target};
use super::{Dispatcher, Hour, Phase};

impl Dispatcher {
    /// Opens runs; the answer waits until they are durable.
    pub(super) fn start(&mut self, hour: &mut Hour, request: RequestId, orders: Vec<Order>) {
        let answer = self.open_orders(hour, orders).map(Answer::Opened);
        self.answer(request, answer);
    }

    /// Opens all orders or none: each is checked before the first is opened.
    fn open_orders(&mut self, hour: &mut Hour, orders: Vec<Order>) -> Result<Vec<RunId>, Refusal> {
        if matches!(self.phase, Phase::Stopping | Phase::Gone) {
            return Err(Refusal::Conflict("the daemon is stopping".to_owned()));
        }
        let mut plans = Vec::with_capacity(orders.len());
        for order in orders {
            let known = order.key.as_ref().and_then(|(key, stored)| stored.or_else(|| self.keys.get(key).copied()));
            plans.push(match known {
                Some(run) => Err(run),
                None => Ok(self.plan(order)?),
            });
        }
        let mut runs = Vec::with_capacity(plans.len());
        for plan in plans {
            match plan {
                // Two orders of one request may bear the same key.
                Ok(plan) => match plan.key.as_ref().and_then(|key| self.keys.get(key).copied()) {
                    Some(run) => runs.push(run),
                    None => runs.extend(self.open(hour, &plan)),
                },
                Err(run) => runs.push(run),
            }
        }
        Ok(runs)
    }

    pub(super) fn cancel(
        &mut self,
        hour: &mut Hour,
        request: RequestId,
        run: RunId,
        found: Option<Box<Found>>,
        by: String,
    ) {
        let answer = self.cancel_run(hour, run, found, by);
        self.answer(request, answer);
    }

    fn cancel_run(
        &mut self,
        hour: &mut Hour,
        run: RunId,
        found: Option<Box<Found>>,
        by: String,
    ) -> Result<Answer, Refusal> {
        if !self.live.contains_key(&run) {
            self.fetch(run, found)?;
        }
        let live = &self.live[&run];
        if let Some(ending) = live.state.ending() {
            return Err(Refusal::Conflict(format!("run {run} is over ({ending}); its finalizers are at work")));
        }
        self.step(hour, run, Event::CancelAsked { at: hour.at }, None, Some(by));
        Ok(Answer::Done)
    }

    /// Brings a run into memory that waits for its first attempt: in a window, held, or only in the store.
    fn fetch(&mut self, run: RunId, found: Option<Box<Found>>) -> Result<(), Refusal> {
        if let Some(opening) = self.held.remove(&run) {
            self.begin_life(run, *opening);
            return Ok(());
        }
        if let Some(opening) = self.lanes.find(run).cloned() {
            self.take_from_lane(run, opening);
            return Ok(());
        }
        let Some(found) = found.filter(|_| !self.is_closing(run)) else {
            return Err(Refusal::Missing(format!("no run {run} is under way")));
        };
        let Found { opening, terms } = *found;
        self.terms.insert((opening.definition, opening.classes), terms);
        self.take_from_lane(run, opening);
        Ok(())
    }

    /// Says whether a run is closed, and the store may not know it yet.
    fn is_closing(&self, run: RunId) -> bool {
        self.closing.iter().any(|(_, closed, _)| *closed == run)
    }

    pub(super) fn hold(&mut self, hour: &mut Hour, request: RequestId, target: Target, hold: bool, by: String) {
        let answer = match target {
            Target::Job(job) => self.hold_job(hour, job, hold, by),
            Target::Run(run, found) => self.hold_run(hour, run, found, hold, by),
        };
        self.answer(request, answer);
    }

    fn hold_job(&mut self, hour: &mut Hour, job: String, hold: bool, by: String) -> Result<Answer, Refusal> {
        if self.book.job(&job).is_none() {
            return Err(Refusal::Missing(format!("no job `{job}` is loaded")));
        }
        if self.book.hold(&job, hold) {
            let happened = if hold { JobHappened::Held { by } } else { JobHappened::Released { by } };
            self.outbox.write(Entry::of_job(hour.at, job, happened));
        }
        Ok(Answer::Done)
    }

    fn hold_run(
        &mut self,
        hour: &mut Hour,
        run: RunId,
        found: Option<Box<Found>>,
        hold: bool,
        by: String,
    ) -> Result<Answer, Refusal> {
        let happened = if hold { Happened::Held { by } } else { Happened::Released { by } };
        if let Some(live) = self.live.get_mut(&run) {
            if std::mem::replace(&mut live.held, hold) != hold {
                self.write(hour, run, happened);
                self.ask_if_wanted(run);
            }
            return Ok(Answer::Done);
        }
        let found = found.filter(|_| !self.is_closing(run));
        let is_held = self.held.contains_key(&run);
        if is_held == hold && (is_held || self.waiting_opening(run, found.as_deref()).is_some()) {
            return Ok(Answer::Done);
        }
        if hold {
            let opening = self.waiting_opening(run, found.as_deref());
            let opening = opening.ok_or_else(|| Refusal::Missing(format!("no run {run} is under way")))?;
            if let Some(found) = found {
                self.terms.insert((opening.definition, opening.classes), found.terms);
            }
            self.lanes.left(&opening.lane, Place { priority: opening.priority, run });
            self.held.insert(run, Box::new(opening));
        } else {
            let opening = self.held.remove(&run).ok_or_else(|| Refusal::Missing(format!("no run {run} is held")))?;
            self.lanes.opened(run, &opening);
        }
        self.write(hour, run, happened);
        Ok(Answer::Done)
    }

    fn waiting_opening(&self, run: RunId, found: Option<&Found>) -> Option<Opening> {
        self.lanes.find(run).cloned().or_else(|| found.map(|found| found.opening.clone()))
    }

    /// Answers once everything decided so far is durable.
    fn answer(&mut self, request: RequestId, answer: Result<Answer, Refusal>) {
        self.outbox.afterwards(Effect::Answer { request, answer });
    }

    pub(super) fn drain(&mut self, drain: bool) {
        self.phase = match (self.phase, drain) {
            (Phase::Open, true) => Phase::Draining,
            (Phase::Draining, false) => Phase::Open,
            (Phase::Starting { .. }, drain) => Phase::Starting { drain },
            (phase, _) => phase,
        };
    }

    /// Begins to stop: nothing new begins, and what is taken along is ended by its ladder.
    pub(super) fn stop(&mut self, hour: &Hour, take_jobs: bool) {
        let _ = hour;
        if self.phase == Phase::Gone {
            return;
        }
        self.phase = Phase::Stopping;
        if !take_jobs {
            return;
        }
        for (run, live) in &mut self.live {
            if let Some(process) = live.process.as_mut().filter(|process| !process.taken_along) {
                process.taken_along = true;
                self.outbox.afterwards(Effect::Cut { run: *run, piece: process.piece, token: process.token });
            }
        }
    }
}
