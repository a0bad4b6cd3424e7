//! The run: the engine decides, this does.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use steadfast_retry::{AttemptNo, Decision, Dice, Ending, Event, Moment, Policy, Pretty, RunState};

use super::Arguments;
use super::child::{self, Ended, Order};
use super::ending::{Last, Over};
use super::environment::Environment;
use super::lookout::{Lookout, Sight};
use super::plan::Plan;
use super::post::Post;
use super::recorder::{Mark, Recorder};
use super::wiring::Lead;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::narrator::{Narrator, Told};
use crate::cli::surroundings::Surroundings;
use crate::cli::text;
use crate::clock::{self, Clock};
use crate::evidence::{self, Evidence, Fact, Intent, Seen, Verdict, classify};
use crate::exec::{Act, Notice, Said};
use crate::ids::{Piece, SpanId, Token};
use crate::journal::End;
use crate::launch::StopLadder;
use crate::state::StateDir;
use crate::sys::poll::Taken;
use crate::sys::process;
use crate::sys::time::Boottime;

/// Everything that a run needs from its beginning to its end.
pub(super) struct Driver<'a> {
    pub(super) what: &'a Arguments,
    pub(super) plan: &'a Plan,
    pub(super) console: &'a mut Console,
    pub(super) surroundings: &'a Surroundings,
    pub(super) environment: Environment,
    pub(super) name: String,
    pub(super) lookout: Lookout,
    pub(super) clock: Clock,
    pub(super) recorder: Recorder,
    pub(super) narrator: Narrator,
    pub(super) post: Option<Post>,
    pub(super) stop: StopLadder,
    /// The first signal by which somebody wanted the run to end.
    pub(super) asked: Option<i32>,
    /// Whether the reader of our stdout has gone away.
    is_unread: bool,
    pub(super) last_class: Option<String>,
}

/// An attempt that has ended, with what it comes to.
struct Judged {
    ended: Ended,
    evidence: Evidence,
    verdict: Verdict,
    said: Said,
}

impl<'a> Driver<'a> {
    pub(super) fn open(
        what: &'a Arguments,
        plan: &'a Plan,
        console: &'a mut Console,
        surroundings: &'a Surroundings,
        state: Option<StateDir>,
    ) -> Result<Self, Failure> {
        let own =
            |error: std::io::Error| Failure::new(Exit::OWN_TROUBLE, format_args!("the run cannot begin: {error}"));
        let lookout = Lookout::open().map_err(own)?;
        process::become_keeper(c"steadfast").map_err(own)?;
        let program = what.command.first().expect("the parser wants a command");
        let program = program.to_string_lossy();
        let name = what.name.clone().unwrap_or_else(|| program.rsplit('/').next().unwrap_or(&program).to_owned());
        let environment = Environment::of(surroundings);
        let mut recorder = match state.filter(|_| !what.ephemeral) {
            Some(state) => {
                let command: Vec<String> =
                    what.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
                Recorder::open(state, &name, &command, plan, &environment, surroundings)
            }
            None => Recorder::none(environment.trace),
        };
        let narrator = Narrator::new(what.quiet);
        if let Some(trouble) = recorder.take_trouble() {
            narrator.say(format_args!("this run is not recorded: {trouble}"), console);
        }
        let token = mark().token;
        let passing = surroundings.variable("XDG_RUNTIME_DIR").map(std::path::Path::new);
        let folder = recorder.folder().or_else(|| Some(passing?.join(format!("steadfast-run-{token}"))));
        let post = folder.and_then(|folder| Post::open(&folder));
        if let Some(post) = &post {
            lookout.watch_mail(post).map_err(own)?;
        }
        Ok(Self {
            what,
            plan,
            console,
            surroundings,
            environment,
            name,
            lookout,
            clock: Clock::unkept(),
            recorder,
            narrator,
            post,
            stop: StopLadder { leader: what.grace, ..StopLadder::default() },
            asked: None,
            is_unread: false,
            last_class: None,
        })
    }

    /// Runs attempts until the engine says that the run is over, then the finalizers.
    pub(super) fn run(&mut self) -> Result<Over, Failure> {
        let policy = std::sync::Arc::clone(&self.plan.policy);
        let mut run = RunState::new();
        let mut event = Event::Due { at: self.clock.moment() };
        let (mut told, mut last, mut began, mut end) = (None, None, None, None);
        let over = loop {
            let decision = step(&mut run, &policy, &event);
            let start = mark();
            let begins = matches!(decision, Decision::Attempt { .. }).then_some(start);
            self.recorder.stepped(&event, &decision, begins, end.take());
            if let Some(trouble) = self.recorder.take_trouble() {
                self.narrator.say(format_args!("not recorded for the time being: {trouble}"), self.console);
            }
            match told.take() {
                _ if self.is_unread => {}
                Some(told) => self.tell(&told, &decision, &run, began),
                None => self.tell_of_wait(&decision, &run, began),
            }
            match decision {
                Decision::Attempt { number, limit, because: _ } => {
                    began.get_or_insert(self.clock.moment());
                    let judged = self.attempt(&mut run, &policy, number, limit, start)?;
                    let Judged { ended, evidence, verdict, said } = judged;
                    told = Some(Told::of(number, ended.usage.took, &ended.status, &verdict));
                    event = Event::Ended {
                        at: self.clock.moment(),
                        outcome: verdict.outcome(),
                        progress: said.checkpoint.map(|(_, step)| step),
                        dice: Dice::thrown(clock::random_bits()),
                    };
                    self.last_class = verdict.class.as_ref().map(ToString::to_string);
                    end = Some(End { evidence, verdict, usage: ended.usage, mark: None });
                    last = Some(Last { status: ended.status, act: ended.act });
                }
                Decision::Wait { until, because: _ } => {
                    let number = run.last_attempt().unwrap_or(AttemptNo::FIRST);
                    self.after_attempt(number)?;
                    event = self.wait(until, number.next())?;
                }
                Decision::Cut { .. } => unreachable!("a running attempt is cut where it is watched"),
                Decision::Finish { ending, because } => break Over { ending, because, last, asked: self.asked },
            }
        };
        self.after_run(&over, run.last_attempt())?;
        self.recorder.closed(self.clock.moment(), over.ending);
        if self.recorder.unwritten() > 0 {
            let (lines, trouble) = (self.recorder.unwritten(), self.recorder.take_trouble().unwrap_or_default());
            let what = format_args!("the record of this run lacks its last {lines} lines: {trouble}");
            self.narrator.say(what, self.console);
        } else if let Some(number) = self.recorder.run().filter(|_| is_asked_for(over.ending) && !self.is_unread) {
            self.narrator.say(format_args!("recorded as run {number}; see: steadfast why {number}"), self.console);
        }
        Ok(over)
    }

    fn tell(&mut self, told: &Told, decision: &Decision, run: &RunState, began: Option<Moment>) {
        let now = self.clock.moment();
        let wait = if let Decision::Wait { until, .. } = decision { until.since(now) } else { Duration::ZERO };
        let elapsed = began.map_or(Duration::ZERO, |began| now.since(began));
        self.narrator.decided(told, decision, wait, run.ledger().attempts, elapsed, self.console);
    }

    /// Tells an end that came between two attempts.
    fn tell_of_wait(&mut self, decision: &Decision, run: &RunState, began: Option<Moment>) {
        let Decision::Finish { ending, because } = decision else { return };
        let next = run.last_attempt().map_or(AttemptNo::FIRST, AttemptNo::next);
        let elapsed = began.map_or(Duration::ZERO, |began| self.clock.moment().since(began));
        let elapsed = Pretty(elapsed).rounded();
        let (ended, because) = match ending {
            Ending::Cancelled => ("cancelled", String::new()),
            Ending::GaveUp => ("gave up", format!(" ({because})")),
            ending => (ending.as_str(), format!(" ({because})")),
        };
        let attempts = text::count(run.ledger().attempts, "attempt");
        self.narrator.say(format_args!("{ended} before #{next} after {attempts} in {elapsed}{because}"), self.console);
    }

    /// Runs one attempt to its end, and says what it comes to.
    fn attempt(
        &mut self,
        run: &mut RunState,
        policy: &Policy,
        number: AttemptNo,
        limit: Option<Duration>,
        mark: Mark,
    ) -> Result<Judged, Failure> {
        let argv = c_strings(self.what.command.iter().map(|word| word.as_os_str()))?;
        let variables = self.attempt_variables(run, policy, number, limit, mark);
        let lead = if self.what.ephemeral { Lead::Ours } else { Lead::Through };
        let mut cut = |at: Moment, recorder: &mut Recorder| {
            let event = Event::CancelAsked { at };
            let decision = step(run, policy, &event);
            recorder.stepped(&event, &decision, None, None);
        };
        let ended = self.watch(&argv, variables, limit, lead, Piece::Attempt(number), &mut cut)?;
        if ended.is_unread && self.asked.is_none() {
            // Nobody reads the output any more: the next attempt would write it for nobody as well.
            self.is_unread = true;
            cut(self.clock.moment(), &mut self.recorder);
        }
        let said = self.post.as_mut().map(Post::take_said).unwrap_or_default();
        let evidence = self.evidence(&ended, &said, run.is_cut(), policy, limit);
        let verdict = classify(&self.plan.classes, &evidence, &self.plan.success);
        Ok(Judged { ended, evidence, verdict, said })
    }

    /// Starts one process and watches it; `cut` is told when somebody wants the run to end, once.
    pub(super) fn watch(
        &mut self,
        argv: &[CString],
        variables: Vec<(&'static str, String)>,
        limit: Option<Duration>,
        lead: Lead,
        piece: Piece,
        cut: &mut dyn FnMut(Moment, &mut Recorder),
    ) -> Result<Ended, Failure> {
        let env = self.environment.with(variables);
        let order = Order {
            argv,
            env: &env,
            path: self.environment.path(),
            folder: &self.surroundings.folder,
            limit,
            stop: &self.stop,
            leaves: self.what.leave,
            lead,
            log: self.recorder.log(piece),
            post: self.post.as_mut(),
        };
        let (clock, narrator, console, asked) = (&self.clock, &self.narrator, &mut *self.console, &mut self.asked);
        let recorder = &mut self.recorder;
        let mut is_cut = false;
        let ended = child::watch(order, &self.plan.classes, &mut self.lookout, |event, child| match event {
            child::Event::Asked(taken) => {
                asked.get_or_insert(taken.signal);
                narrator.clear_line(child.is_mid_line(), console);
                narrator.say(stopping(taken, is_cut), console);
                if !is_cut {
                    is_cut = true;
                    cut(clock.moment(), recorder);
                }
                child.ask(taken);
            }
            child::Event::Over => narrator.clear_line(child.is_mid_line(), console),
            child::Event::Started(pid) => recorder.started(clock.moment(), piece, pid),
            child::Event::Lasts => recorder.catch_up(),
            child::Event::Said(Notice::Told(word)) => recorder.told(clock.moment(), piece, word),
            child::Event::Said(_) => {}
        });
        ended.map_err(|error| Failure::new(Exit::OWN_TROUBLE, format_args!("the command cannot be watched: {error}")))
    }

    /// Gathers what was seen, in the order in which it happened.
    fn evidence(&self, ended: &Ended, said: &Said, is_cut: bool, policy: &Policy, limit: Option<Duration>) -> Evidence {
        let program = self.what.command.first().map(|name| name.to_string_lossy()).unwrap_or_default();
        let act = match (ended.act, limit) {
            (Some(Act::TimedOut), Some(limit)) => {
                Some(Fact::Act(evidence::Act::of_limit(Some(policy.limits()), limit)))
            }
            // Whoever asked it to stop is the intent.
            (Some(Act::TimedOut | Act::Stopped | Act::SystemStop) | None, _) => None,
        };
        let seen = Seen {
            progress: said.progress(),
            intent: is_cut.then_some(Intent::Stop),
            said: &said.facts,
            act,
            output: ended.output.clone(),
            ..Seen::of(&program, ended.status.fact())
        };
        seen.evidence()
    }

    /// Waits until a moment, or until somebody wants the run to end.
    pub(super) fn wait(&mut self, until: Moment, next: AttemptNo) -> Result<Event, Failure> {
        let began = Boottime::now();
        let end = began.after(until.since(self.clock.moment()));
        let event = loop {
            let now = Boottime::now();
            if now >= end {
                break Event::Due { at: self.clock.moment().max(until) };
            }
            let left = end.since(now);
            self.narrator.count_down(next, left);
            let second = Duration::from_secs(1);
            let tick = if self.narrator.is_watched() { now.after(left.min(second)) } else { end };
            let sights = self.lookout.wait(tick.min(end)).map_err(Failure::from)?;
            let asked = sights.iter().find_map(|sight| match sight {
                Sight::Asked(taken) => Some(taken.signal),
                Sight::Child | Sight::Resized | Sight::Time | Sight::End(_) | Sight::Outlet(_) | Sight::Mail => None,
            });
            if sights.contains(&Sight::Child) {
                // What was let go may end while we wait.
                while process::reap().is_some() {}
            }
            if let Some(signal) = asked {
                self.asked.get_or_insert(signal);
                break Event::CancelAsked { at: self.clock.moment() };
            }
        };
        self.narrator.counted_down();
        Ok(event)
    }
}

/// Says whether somebody will want to look at the record of such an end.
fn is_asked_for(ending: Ending) -> bool {
    ending.is_failure() || ending == Ending::Cancelled
}

fn stopping(taken: Taken, is_again: bool) -> &'static str {
    match (taken.signal, is_again) {
        (libc::SIGINT, false) => "stopping; Ctrl-C again kills",
        (libc::SIGINT, true) => "killing",
        (_, false) => "stopping",
        (_, true) => "still stopping",
    }
}

/// Steps the engine. A driver tells its events in their order, so the engine never refuses one.
pub(super) fn step(run: &mut RunState, policy: &Policy, event: &Event) -> Decision {
    run.step(policy, event).expect("a driver tells its events in their order")
}

pub(super) fn mark() -> Mark {
    let wide = (u128::from(clock::random_bits()) << 64) | u128::from(clock::random_bits());
    Mark { token: Token(wide), span: SpanId(clock::random_bits()) }
}

pub(super) fn c_strings<'s>(words: impl Iterator<Item = &'s std::ffi::OsStr>) -> Result<Vec<CString>, Failure> {
    let text = |word: &std::ffi::OsStr| {
        CString::new(word.as_bytes()).map_err(|_| Failure::usage("an argument of the command holds a zero byte"))
    };
    words.map(text).collect()
}
