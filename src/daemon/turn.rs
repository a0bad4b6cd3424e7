//! The loop: whatever happens becomes an input, and the effects are carried out.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::dispatch::{Answer, Awakening, Dispatcher, Effect, Exit, Input, Order, Refusal, RequestId};
use crate::exec::{Hands, Report};
use crate::failpoint;
use crate::ids::{RunId, Token};
use crate::job::Config;
use crate::journal::{Mark, Opening, Trigger};
use crate::launch::{Start, Watch};
use crate::store::{Batch, Epoch, Sqlite, StoreError, Writer};

use super::Settings;
use super::alarm::Alarm;
use super::degraded::Degraded;
use super::door::{Ask, Reply, Status, Target};
use super::loading::Files;
use super::lookup::Lookup;
use super::manager;
use super::perform::Show;
use super::terminal::Penned;

/// Everything the loop holds.
pub(super) struct Loop {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) dispatcher: Dispatcher,
    pub(super) writer: Arc<Writer<Sqlite>>,
    pub(super) epoch: Epoch,
    /// What was decided in this turn and is not yet with the writer.
    pub(super) outgoing: Vec<(u64, Batch)>,
    /// The number that the journal's next entry gets.
    pub(super) next_seq: u64,
    pub(super) lookup: Lookup,
    pub(super) hands: Option<Hands>,
    pub(super) site: crate::exec::Site,
    /// What the present hands tell. Hands that were let go of may still speak, and are not heard.
    pub(super) reports: mpsc::UnboundedReceiver<Report>,
    pub(super) alarm: Alarm,
    pub(super) files: Files,
    pub(super) show: Show,
    pub(super) answers: HashMap<RequestId, Reply<Answer>>,
    pub(super) requests: u64,
    pub(super) next: VecDeque<Input>,
    /// What is known of each start in flight for gathering its evidence: the program's name and how it is watched.
    pub(super) watched: HashMap<Token, (String, Watch)>,
    /// The starts whose ends were heard and are not yet durable, by their places in the shims' journals.
    /// Starts that were lost together share one place.
    pub(super) ends: HashMap<(Mark, RunId), Start>,
    pub(super) degraded: Option<Degraded>,
    /// Where the writer's thread says what came of its work.
    pub(super) words: mpsc::UnboundedSender<Penned>,
    /// Runs of terminals that are written down through this daemon.
    pub(super) terminals: HashSet<RunId>,
    pub(super) ended: Option<Exit>,
    /// The disk could not make a write durable: nothing that this process writes from now on can be relied on.
    pub(super) distrust: Option<StoreError>,
    /// What the check of a large store found that was not closed cleanly.
    pub(super) damage: Arc<OnceLock<String>>,
    /// The configuration that was read last, whether or not a dispatcher could take it up.
    pub(super) wanted: Arc<Config>,
    /// Whether nothing may begin: somebody asked for that, and every dispatcher must know it.
    pub(super) draining: bool,
    /// Whether the daemon was asked to stop, and to take its jobs along.
    pub(super) stopping: Option<bool>,
    /// What the dispatcher was told at its birth, for the next one.
    pub(super) awakening: Awakening,
}

/// What the loop hears.
pub(super) struct Ears {
    pub(super) asks: mpsc::UnboundedReceiver<Ask>,
    pub(super) written: mpsc::UnboundedReceiver<Penned>,
    pub(super) signals: super::awake::Signals,
}

/// Takes some of what the hands tell. Once the hands are gone there is nothing to wait for, and never again.
async fn heard(reports: &mut mpsc::UnboundedReceiver<Report>, taken: &mut Vec<Report>) -> Option<()> {
    (reports.recv_many(taken, AT_ONCE).await > 0).then_some(())
}

/// How many inputs of one kind are taken before the others have their turn.
const AT_ONCE: usize = 256;

impl Loop {
    /// Turns until the dispatcher says that it is over.
    ///
    /// # Errors
    ///
    /// Returns the error of a disk that can no longer be trusted.
    pub(super) async fn turn(&mut self, ears: &mut Ears) -> Result<Exit, StoreError> {
        let (mut reports, mut written) = (Vec::with_capacity(AT_ONCE), Vec::with_capacity(AT_ONCE));
        loop {
            if let Some(why) = self.ended.take() {
                return Ok(why);
            }
            if let Some(error) = self.distrust.take() {
                return Err(error);
            }
            tokio::select! {
                biased;
                _ = ears.written.recv_many(&mut written, AT_ONCE) => {
                    for word in written.drain(..) {
                        match word {
                            Penned::Store(report) => self.written(report),
                            Penned::Terminal(written) => self.terminal_written(*written),
                        }
                    }
                }
                Some(()) = heard(&mut self.reports, &mut reports) => {
                    for report in reports.drain(..) {
                        self.report(report);
                    }
                }
                Some(ask) = ears.asks.recv() => self.asked(ask),
                () = self.alarm.rings() => self.rung(),
                word = ears.signals.next() => self.signalled(word),
                () = self.files.changed() => self.files_changed(),
            }
            self.decide();
        }
    }

    /// Lets the shims go that hold nothing: the pool would wait for a daemon that does not come back.
    pub(super) async fn leave(&mut self) {
        failpoint!("daemon::leave::before");
        if let Some(hands) = self.hands.take() {
            hands.leave().await;
        }
        failpoint!("daemon::leave::after");
    }

    /// Puts an input behind those that wait.
    pub(super) fn hear(&mut self, input: Input) {
        self.next.push_back(input);
    }

    /// Lets the dispatcher decide about every input that waits, and does what it says.
    pub(super) fn decide(&mut self) {
        while let Some(input) = self.next.pop_front() {
            if self.degraded.is_some() {
                self.refuse_while_degraded(&input);
                continue;
            }
            let effects = self.dispatcher.handle(self.clock.now(), input);
            self.perform(effects);
        }
        self.hand_in();
    }

    /// Hands everything to the writer that was decided in this turn, so that it shares a commit.
    pub(super) fn hand_in(&mut self) {
        if self.outgoing.is_empty() {
            return;
        }
        failpoint!("daemon::append::before");
        self.writer.submit(self.epoch, self.outgoing.drain(..));
        failpoint!("daemon::append::after");
    }

    /// Carries effects out, until one finds that the store or the hands fail. What was behind it is not lost but void: whatever is
    /// durable is decided anew by the next dispatcher, and a timer that is set here would silence the one for the next try to write.
    pub(super) fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Answer { .. } | Effect::Exit(_) => self.carry_out(effect),
                Effect::Append { .. }
                | Effect::Launch(_)
                | Effect::Cut { .. }
                | Effect::Adopt(_)
                | Effect::Wake(_)
                | Effect::Refill { .. } => {
                    if self.degraded.is_none() {
                        self.carry_out(effect);
                    }
                }
            }
        }
    }

    fn rung(&mut self) {
        match &self.degraded {
            Some(_) => self.probe(),
            None => self.hear(Input::Tick),
        }
    }

    fn signalled(&mut self, word: super::awake::Word) {
        match word {
            // Whether or not they are right, the log has it.
            super::awake::Word::Reload => drop(self.reload()),
            super::awake::Word::Stop => self.stop(self.settings.stop_jobs),
        }
    }

    /// Begins to stop.
    pub(super) fn stop(&mut self, take_jobs: bool) {
        manager::stopping();
        self.stopping = Some(take_jobs || self.stopping == Some(true));
        if self.degraded.is_some() {
            self.stop_degraded();
        } else {
            self.hear(Input::Stop { take_jobs });
        }
    }

    fn asked(&mut self, ask: Ask) {
        match ask {
            Ask::Start(orders, reply) => self.start(orders, reply),
            Ask::Retry { run, by, reply } => match self.order_of_retry(run, by) {
                Ok(order) => self.start(vec![order], reply),
                Err(refusal) => drop(reply.send(Err(refusal))),
            },
            Ask::Cancel { run, by, reply } => match self.found(run) {
                Ok(found) => {
                    let request = self.request(reply);
                    self.hear(Input::Cancel { request, run, found, by });
                }
                Err(refusal) => drop(reply.send(Err(refusal))),
            },
            Ask::Hold { target, hold, by, reply } => self.hold(target, hold, by, reply),
            Ask::OpenTerminal(reply) => drop(reply.send(self.open_terminal())),
            Ask::WriteTerminal { run, after, batch, reply } => self.write_terminal(run, after, batch, reply),
            Ask::TerminalGone => self.terminal_gone(),
            Ask::Reload(reply) => drop(reply.send(self.reload())),
            Ask::Drain(drain, reply) => {
                self.draining = drain;
                self.hear(Input::Drain(drain));
                drop(reply.send(Ok(Answer::Done)));
            }
            Ask::Stop { take_jobs, reply } => {
                drop(reply.send(Ok(Answer::Done)));
                self.stop(take_jobs);
            }
            Ask::Status(reply) => drop(reply.send(self.status())),
            Ask::Outlook(waiting, reply) => drop(reply.send(self.dispatcher.outlook(&waiting))),
            Ask::Agendas(reply) => drop(reply.send(self.dispatcher.agendas())),
        }
    }

    fn start(&mut self, mut orders: Vec<Order>, reply: Reply<Answer>) {
        let mut keys: Vec<_> = orders.iter_mut().filter_map(|order| order.key.as_mut()).collect();
        if !keys.is_empty() {
            match self.lookup.runs_of_keys(keys.iter().map(|(key, _)| key.clone()).collect()) {
                Ok(found) => keys.iter_mut().zip(found).for_each(|((_, known), found)| *known = found),
                Err(error) => return drop(reply.send(Err(Refusal::Conflict(error.to_string())))),
            }
        }
        let request = self.request(reply);
        self.hear(Input::Start { request, orders });
    }

    fn order_of_retry(&mut self, run: RunId, by: String) -> Result<Order, Refusal> {
        let (found, ending) = self.lookup.opening(run)?;
        not_on_a_terminal(run, &found.opening)?;
        if ending.is_none() {
            return Err(Refusal::Conflict(format!("run {run} is not over\nhelp: cancel it first, or wait for it")));
        }
        Ok(Order { job: found.opening.job.clone(), retry: Some((run, found)), by, ..Order::default() })
    }

    /// Finds a run that is not in the dispatcher's memory.
    fn found(&mut self, run: RunId) -> Result<Option<Box<crate::dispatch::Found>>, Refusal> {
        if self.dispatcher.knows(run) {
            return Ok(None);
        }
        let found = self.lookup.waiting(run)?;
        if let Some(found) = &found {
            not_on_a_terminal(run, &found.opening)?;
            self.show.define(found.opening.definition, &found.terms.definition.policy);
            self.show.recall(run, &found.opening, &[]);
        }
        Ok(found)
    }

    fn hold(&mut self, target: Target, hold: bool, by: String, reply: Reply<Answer>) {
        let target = match target {
            Target::Job(job) => crate::dispatch::Target::Job(job),
            Target::Run(run) => match self.found(run) {
                Ok(found) => crate::dispatch::Target::Run(run, found),
                // A quarantined run is over; released, its work goes on in a new one.
                Err(refusal) => match self.order_of_release(run, hold, &by) {
                    Some(order) => return self.start(vec![order], reply),
                    None => return drop(reply.send(Err(refusal))),
                },
            },
        };
        let request = self.request(reply);
        self.hear(Input::Hold { request, target, hold, by });
    }

    fn order_of_release(&mut self, run: RunId, hold: bool, by: &str) -> Option<Order> {
        let (_, ending) = self.lookup.opening(run).ok()?;
        let quarantined = ending == Some(steadfast_retry::Ending::Quarantined);
        if !hold && quarantined { self.order_of_retry(run, by.to_owned()).ok() } else { None }
    }

    fn request(&mut self, reply: Reply<Answer>) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.answers.insert(request, reply);
        request
    }

    fn status(&self) -> Status {
        Status {
            census: self.dispatcher.census(),
            degraded: self.degraded.as_ref().map(|degraded| degraded.why.clone()),
            damage: self.damage.get().cloned(),
            draining: self.draining,
            config: Arc::clone(&self.wanted),
            refused: self.files.refused(),
        }
    }

    /// Returns the folders and files that the daemon was given.
    pub(super) fn paths(&self) -> &[PathBuf] {
        &self.settings.paths
    }
}

/// Refuses to touch what the process on a terminal alone decides about.
fn not_on_a_terminal(run: RunId, opening: &Opening) -> Result<(), Refusal> {
    if opening.trigger == Trigger::Terminal {
        let help = "end it where it runs, with Ctrl-C or TERM; `steadfast run` runs it anew";
        return Err(Refusal::Conflict(format!("run {run} belongs to a command on a terminal\nhelp: {help}")));
    }
    Ok(())
}
