//! One seed, played from an empty state folder through chaos to rest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use steadfast::clock::Now;
use steadfast::dispatch::{
    Awakening, BatchId, Birth, Dispatcher, Effect, Ended, Exit, Found, Input, Loaded, Order, Settings, Surroundings,
    Target, Terms,
};
use steadfast::ids::{Digest, RunId};
use steadfast::job::Config;
use steadfast::journal::{About, Entry, Happened, Opening, Trigger, Usage};
use steadfast::store::{Batch, Memory, Store, StoreError};
use steadfast_retry::{Ending, Moment};

use crate::agenda::{Agenda, Event, Letter};
use crate::audit::Audit;
use crate::chance::Chance;
use crate::client::{Clients, Request, Wish};
use crate::daemon::{Daemon, Writer};
use crate::fault::Fault;
use crate::hands::{Hands, Report, Seen};
use crate::log::{self, note};
use crate::profile::Profile;
use crate::reach::{Reach, Reached};
use crate::replay::replay;
use crate::world;

/// When every simulation begins: a Wednesday morning.
const DAWN: u64 = 1_795_590_000_000_000_000;

/// More events than any seed needs: a world that never comes to rest is a finding.
const MOST_EVENTS: u64 = 400_000;

/// The whole world of one seed.
pub(crate) struct Play {
    pub(crate) chance: Chance,
    pub(crate) agenda: Agenda,
    pub(crate) profile: Profile,
    pub(crate) store: Memory,
    pub(crate) hands: Hands,
    pub(crate) audit: Audit,
    pub(crate) clients: Clients,
    pub(crate) daemon: Option<Daemon>,
    /// What the files say at present.
    pub(crate) files: Arc<Config>,
    pub(crate) calm: bool,
    pub(crate) quiet: bool,
    pub(crate) ahead: i64,
    pub(crate) lives: u64,
    pub(crate) reach: Reach,
    /// The rule that is broken on purpose.
    fault: Option<Fault>,
    boot: u64,
    process: u64,
    last: u64,
    pub(crate) ended_idle: bool,
}

/// Plays a seed, perhaps with a planted fault. A broken promise is a panic.
pub(crate) fn play(seed: u64, fault: Option<Fault>) -> Reach {
    let mut chance = Chance::of_seed(seed);
    let profile = Profile::draw(&mut chance);
    note!("profile {profile:?}");
    let files = Arc::new(world::config(&mut chance));
    let mut play = Play {
        chance,
        agenda: Agenda::from(DAWN),
        profile,
        store: Memory::default(),
        hands: Hands::default(),
        audit: Audit::default(),
        clients: Clients::default(),
        daemon: None,
        files,
        calm: false,
        quiet: false,
        ahead: 0,
        lives: 0,
        reach: Reach::default(),
        fault,
        boot: 1,
        process: 0,
        last: 0,
        ended_idle: false,
    };
    play.hands.void_starts = fault == Some(Fault::VoidStarted);
    play.agenda.after(Duration::ZERO, Event::Wake);
    play.agenda.after(Duration::from_millis(1), Event::Chaos);
    play.until_rest()
}

impl Play {
    fn until_rest(mut self) -> Reach {
        let mut events = 0;
        while let Some(event) = self.agenda.next() {
            events += 1;
            assert!(events < MOST_EVENTS, "the world never comes to rest");
            log::time(self.agenda.now);
            self.happen(event);
        }
        assert!(self.quiet, "nothing is left to happen, and the world was not yet calm");
        self.audit.at_rest(&self.clients);
        assert_eq!(
            self.ended_idle, self.profile.until_idle,
            "the daemon ends when it is idle, and only if it was told to"
        );
        (self.reach.events, self.reach.lives) = (events, self.lives);
        self.reach.replayed = replay(&mut self.store);
        self.reach.closed = self.audit.closed;
        self.reach
    }

    fn happen(&mut self, event: Event) {
        let (agenda, chance) = (&mut self.agenda, &mut self.chance);
        let seen = match event {
            Event::Claim(token) => {
                self.hands.claim(agenda, chance, token);
                Seen::Nothing
            }
            Event::Spawn(token) => self.hands.spawn(agenda, chance, token),
            Event::Speak(token) => {
                self.hands.speak(agenda, chance, token);
                Seen::Nothing
            }
            Event::End { token, plan } => self.hands.end(agenda, chance, token, plan),
            Event::ShimDies(shim) => {
                note!("shim {shim} dies");
                self.reach.note(Reached::ShimDeath);
                self.hands.shim_dies(agenda, chance, shim);
                Seen::Nothing
            }
            Event::ShimMissed { life, shim } => {
                self.hands.shim_missed(agenda, chance, life, shim);
                Seen::Nothing
            }
            other => {
                self.happen_to_daemon(other);
                Seen::Nothing
            }
        };
        match seen {
            Seen::Nothing => {}
            Seen::Began(start) => {
                note!("{}-{} runs", start.run, start.piece);
                self.audit.began(start);
            }
            Seen::Went(start) => {
                note!("{}-{} is gone", start.run, start.piece);
                self.audit.went(start);
            }
        }
    }

    fn happen_to_daemon(&mut self, event: Event) {
        let of_present = |daemon: &Option<Daemon>, life: u64| daemon.as_ref().is_some_and(|daemon| daemon.life == life);
        match event {
            Event::Wake => self.wake(),
            Event::Letter { life, letter } if of_present(&self.daemon, life) => self.letter(letter),
            Event::Written { life } if of_present(&self.daemon, life) => self.written(),
            Event::Timer { life, setting } if of_present(&self.daemon, life) => {
                let counts = self.daemon.as_ref().is_some_and(|daemon| daemon.setting == setting);
                if counts {
                    note!("tick");
                    self.hand_over(Input::Tick);
                }
            }
            Event::Mend => {
                note!("the disk goes well again");
                self.store.break_down(None);
                self.wake();
            }
            Event::Kill { life } if of_present(&self.daemon, life) => self.crash("killed"),
            Event::Chaos => self.chaos(),
            Event::Calm => self.calm_down(),
            _ => {}
        }
    }

    /// A daemon comes up, or tries its store again; it folds what is durable.
    fn wake(&mut self) {
        let new_process = match &self.daemon {
            Some(daemon) if daemon.dispatcher.is_some() => return,
            Some(_) => false,
            None => true,
        };
        if self.store.probe().is_err() {
            note!("the store is broken");
            // The disk wakes whoever waits for it.
            return self.reach.note(Reached::StoreStaysBroken);
        }
        self.lives += 1;
        let life = self.lives;
        // What was asked of the process itself is kept over a store that failed; one that stops does not wait for the store.
        let (draining, stopping) = (self.daemon.as_ref().is_some_and(|daemon| daemon.draining), false);
        self.audit.new_life(life, self.boot, &self.profile);
        let recovered = self.store.recover().expect("the simulated store can be read");
        self.hands.open(&recovered.marks);
        let mut terms = HashMap::new();
        for begun in &recovered.begun {
            let (opening, _) = self.opening_of(begun.run).expect("a begun run was opened");
            terms.insert((opening.definition, opening.classes), self.terms(&opening));
        }
        for queued in &recovered.held {
            let opening = &queued.opening;
            terms.insert((opening.definition, opening.classes), self.terms(opening));
        }
        note!("life {life} begins, new process {new_process}, clean {}", recovered.clean);
        let settings = self.settings();
        let birth = if new_process { Birth::New } else { Birth::Again { failed: "a write".to_owned() } };
        let (version, boot) = ("sim".to_owned(), format!("boot-{}", self.boot));
        let awakening = Awakening { settings, terms, version, boot, birth };
        let now = self.now();
        let (dispatcher, effects) = Dispatcher::recover(now, awakening, recovered);
        let until_idle = self.profile.until_idle;
        let writer = Writer::default();
        self.process += u64::from(new_process);
        self.daemon =
            Some(Daemon { life, dispatcher: Some(dispatcher), writer, setting: 0, draining, stopping, until_idle });
        if self.perform(effects) {
            self.hand_over(Input::Drain(draining));
            self.load();
        } else {
            self.reach.note(Reached::DeathInRecovery);
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            slots: self.profile.slots + usize::from(self.fault == Some(Fault::SlotTooMany)),
            until_idle: self.profile.until_idle,
            window: self.profile.window,
            surroundings: Surroundings { store: "sim".to_owned(), ..Surroundings::default() },
        }
    }

    /// Hands the configuration over as the files have it now.
    fn load(&mut self) {
        let config = Arc::clone(&self.files);
        let number = self.audit.keep(&config);
        let mut pending = Vec::new();
        if self.profile.until_idle {
            let by_itself = config.jobs.values().filter(|job| job.schedule.is_none() && job.after.is_none());
            for job in by_itself {
                let begun = self.store.begun_points(&job.name, job.digest).expect("the simulated store can be read");
                let points: Vec<Option<u32>> = match job.definition.matrix.len() {
                    0 => vec![None],
                    many => (0..many).map(Some).collect(),
                };
                let missing = points.into_iter().filter(|point| !begun.contains(point));
                pending.extend(missing.map(|point| (job.name.clone(), point)));
            }
        }
        note!("load configuration {number}: {:?}, pending {pending:?}", config.jobs.keys());
        let loaded = Loaded { config, difference: Some(number.to_string()), pending };
        self.hand_over(Input::Loaded(Box::new(loaded)));
    }

    /// What a run was opened with, read back from what is durable.
    fn terms(&mut self, opening: &Opening) -> Terms {
        let known = |digest: Digest, store: &mut Memory| store.document(digest).is_ok();
        assert!(known(opening.definition, &mut self.store), "a run refers to a definition that is not stored");
        assert!(known(opening.classes, &mut self.store), "a run refers to classes that are not stored");
        Terms { definition: self.audit.definition(opening.definition), classes: world::classes() }
    }

    pub(crate) fn opening_of(&mut self, run: RunId) -> Option<(Opening, Option<Ending>)> {
        self.store.opening(run).expect("the simulated store can be read")
    }

    /// What the store knows of a run that is not over, at this moment.
    fn found(&mut self, run: RunId) -> Option<Box<Found>> {
        let (opening, ending) = self.opening_of(run)?;
        ending.is_none().then(|| self.found_as(opening))
    }

    fn found_as(&mut self, opening: Opening) -> Box<Found> {
        let terms = self.terms(&opening);
        Box::new(Found { opening, terms })
    }

    fn now(&mut self) -> Now {
        self.last = self.agenda.now.max(self.last + 1);
        Now { at: Moment::from_nanos(self.last), wall: self.wall(), dice: self.chance.bits() }
    }

    pub(crate) fn wall(&self) -> Timestamp {
        let nanos = i128::from(self.agenda.now) + i128::from(self.ahead);
        Timestamp::from_nanosecond(nanos).expect("simulated times are within the calendar")
    }

    /// Hands one input to the dispatcher and carries out what follows.
    pub(crate) fn hand_over(&mut self, input: Input) {
        let now = self.now();
        let Some(dispatcher) = self.daemon.as_mut().and_then(|daemon| daemon.dispatcher.as_mut()) else { return };
        let effects = dispatcher.handle(now, input);
        self.perform(effects);
    }

    /// Carries effects out in order; the daemon may die before, between and after them. Says whether it lives.
    fn perform(&mut self, effects: Vec<Effect>) -> bool {
        let Some(life) = self.daemon.as_ref().map(|daemon| daemon.life) else { return false };
        for effect in effects {
            if !self.calm && self.chance.below(10_000) < self.profile.crash_between {
                self.crash("killed between two effects");
                return false;
            }
            self.perform_one(life, effect);
            if self.daemon.as_ref().is_none_or(|daemon| daemon.life != life) {
                return false;
            }
        }
        true
    }

    fn perform_one(&mut self, life: u64, effect: Effect) {
        let daemon = self.daemon.as_mut().expect("only a daemon that lives performs");
        match effect {
            Effect::Append { id, batch } => {
                note!("  append {}: {} entries", id.0, batch.entries.len());
                for entry in &batch.entries {
                    note!("    {:?}", entry.about);
                }
                if daemon.draining || daemon.stopping {
                    nothing_begins(&batch);
                }
                let batch = match self.fault {
                    Some(fault) => fault.in_batch(batch),
                    None => batch,
                };
                if daemon.writer.push(id, batch) {
                    self.write_soon(life);
                }
                if self.fault == Some(Fault::LaunchBeforeDurable) {
                    self.agenda.after(Duration::ZERO, Event::Letter { life, letter: Letter::Durable(id) });
                }
            }
            Effect::Launch(launch) => {
                note!("  launch {}-{}", launch.start.run, launch.start.piece);
                self.audit.launched(&launch);
                self.hands.launch(&mut self.agenda, &mut self.chance, &launch);
            }
            Effect::Cut { run, piece, token } => {
                note!("  cut {run}-{piece}");
                self.audit.cut(run, piece, token);
                self.hands.cut(&mut self.agenda, &mut self.chance, token);
            }
            Effect::Adopt(expected) => {
                note!("  adopt {:?}", expected.iter().map(|expected| expected.start).collect::<Vec<_>>());
                self.hands.adopt(&mut self.agenda, &mut self.chance, life, &expected);
            }
            Effect::Wake(at) => {
                daemon.setting += 1;
                let setting = daemon.setting;
                if let Some(at) = at {
                    self.agenda.at(at.as_nanos(), Event::Timer { life, setting });
                }
            }
            Effect::Refill { lane, behind, most } => {
                let rows = self.store.queued(&lane, behind, most).expect("the simulated store can be read");
                note!("  refill {lane} behind {behind:?}: {} rows", rows.len());
                let latency = self.chance.time(Duration::from_micros(10), Duration::from_millis(40));
                self.agenda.after(latency, Event::Letter { life, letter: Letter::Refilled { lane, rows } });
            }
            Effect::Answer { request, answer } => self.clients.answered(&mut self.store, request, &answer),
            Effect::Exit(exit) => self.exit(exit),
        }
    }

    fn write_soon(&mut self, life: u64) {
        let latency = self.chance.time(Duration::from_micros(100), Duration::from_millis(20));
        self.agenda.after(latency, Event::Written { life });
    }

    /// A group of batches has become durable, or nothing of it has.
    fn written(&mut self) {
        let Some(daemon) = &mut self.daemon else { return };
        let life = daemon.life;
        let group = daemon.writer.written();
        if !self.calm && self.chance.below(10_000) < self.profile.store_fails {
            self.store.fail_append(self.store.appends() + 1);
        }
        if !self.become_durable(&group) {
            note!("the store fails");
            self.reach.note(Reached::StoreFailure);
            if !self.calm && self.chance.percent(30) {
                self.store.break_down(Some(StoreError::Io("the disk is gone".to_owned())));
                let pause = self.chance.time(Duration::from_secs(1), Duration::from_secs(600));
                self.agenda.after(pause, Event::Mend);
            }
            let daemon = self.daemon.as_mut().expect("nobody died");
            if daemon.stopping {
                self.hands.hang_up();
                self.daemon = None;
                return self.start_later();
            }
            (daemon.dispatcher, daemon.writer, daemon.life) = (None, Writer::default(), 0);
            self.hands.hang_up();
            let pause = self.chance.time(Duration::from_millis(10), Duration::from_secs(60));
            return self.agenda.after(pause, Event::Wake);
        }
        let last = group.last().expect("only what is there is written").0;
        note!("durable up to {}", last.0);
        let latency = self.chance.time(Duration::from_micros(10), Duration::from_millis(5));
        self.agenda.after(latency, Event::Letter { life, letter: Letter::Durable(last) });
        let daemon = self.daemon.as_mut().expect("nobody died");
        if daemon.writer.begin() {
            self.write_soon(life);
        }
    }

    /// Appends a group, all or nothing; says whether it is durable. The store may fail, and never refuses.
    fn become_durable(&mut self, group: &[(BatchId, Batch)]) -> bool {
        let batches: Vec<&Batch> = group.iter().map(|(_, batch)| batch).collect();
        if self.fault == Some(Fault::StartLost) && batches.iter().any(|batch| opens_by_hand(batch)) {
            return true;
        }
        match self.store.append_group(&batches) {
            Ok(()) => {}
            Err(StoreError::Io(_)) => return false,
            Err(error) => panic!("the store refuses what was decided: {error}"),
        }
        for batch in batches {
            for entry in &batch.entries {
                if matches!(entry.about, About::Run(_, Happened::Late { .. })) {
                    self.reach.note(Reached::LateReport);
                }
            }
            let seen = self.fault.map(|fault| fault.in_books(batch));
            self.audit.durable(seen.as_ref().unwrap_or(batch), &self.hands, &self.clients);
        }
        true
    }

    /// The daemon dies, wherever it is. What was being written may have become durable, or not.
    pub(crate) fn crash(&mut self, how: &str) {
        let Some(mut daemon) = self.daemon.take() else { return };
        note!("the daemon is {how}");
        self.reach.note(Reached::DaemonDeath);
        self.hands.hang_up();
        if daemon.writer.is_writing() && self.chance.percent(50) {
            note!("  and what it was writing is durable");
            self.become_durable(&daemon.writer.written());
        }
        self.start_later();
    }

    pub(crate) fn start_later(&mut self) {
        let pause = if self.chance.percent(80) {
            self.chance.time(Duration::from_millis(1), Duration::from_secs(5))
        } else {
            self.chance.time(Duration::from_secs(10), Duration::from_secs(20_000))
        };
        self.agenda.after(pause, Event::Wake);
    }

    /// The power fails: daemon, shims and programs are gone, and another boot follows.
    pub(crate) fn reboot(&mut self) {
        self.crash("without power");
        self.reach.note(Reached::Reboot);
        self.boot += 1;
        for start in self.hands.reboot(&mut self.chance) {
            self.audit.went(start);
        }
        if self.daemon.is_none() {
            self.agenda.after(Duration::from_secs(30), Event::Wake);
        }
    }

    fn exit(&mut self, exit: Exit) {
        note!("  exit {exit:?}");
        let daemon = self.daemon.take().expect("only a daemon that lives ends");
        self.hands.hang_up();
        match exit {
            Exit::Stopped => assert!(daemon.stopping, "nobody asked the daemon to stop"),
            Exit::Idle(tally) => {
                assert!(daemon.until_idle, "nobody asked the daemon to end when it is idle");
                self.audit.idle(tally);
                if self.quiet {
                    self.ended_idle = true;
                    return;
                }
                let pause = self.chance.time(Duration::from_secs(1), Duration::from_secs(3_000));
                return self.agenda.after(pause, Event::Wake);
            }
        }
        self.start_later();
    }

    fn letter(&mut self, letter: Letter) {
        let input = match letter {
            Letter::Durable(batch) => Input::Durable(batch),
            Letter::Report(report) => {
                if matches!(report, Report::Voided { .. }) {
                    self.reach.note(Reached::VoidedStart);
                }
                let announced = |run| self.audit.announced(run);
                let report = match self.fault {
                    Some(fault) => fault.in_report(report, announced, &mut self.chance),
                    None => Some(report),
                };
                match report {
                    Some(report) => told(report),
                    None => return,
                }
            }
            Letter::Refilled { lane, rows } => {
                let mut terms = HashMap::new();
                for row in &rows {
                    let opening = &row.opening;
                    terms.insert((opening.definition, opening.classes), self.terms(opening));
                }
                Input::Refilled { lane, rows, terms }
            }
            Letter::Request(request) => {
                note!("request {request:?}");
                match self.asked(request) {
                    Some(input) => input,
                    None => return self.load(),
                }
            }
        };
        self.hand_over(input);
    }

    /// Makes an input of a request, with what the store knows at this moment; `None` for a reload.
    fn asked(&mut self, request: Request) -> Option<Input> {
        let by = "sim".to_owned();
        Some(match request {
            Request::Start { id, orders } => {
                let orders = orders.into_iter().map(|wish| self.order(wish)).collect();
                Input::Start { request: id, orders }
            }
            Request::Cancel { id, run } => Input::Cancel { request: id, run, found: self.found(run), by },
            Request::HoldRun { id, run, hold } => {
                let target = Target::Run(run, self.found(run));
                Input::Hold { request: id, target, hold, by }
            }
            Request::HoldJob { id, job, hold } => Input::Hold { request: id, target: Target::Job(job), hold, by },
            Request::Load => return None,
            Request::Drain(drain) => {
                let daemon = self.daemon.as_mut().expect("a letter was read");
                daemon.draining = drain;
                Input::Drain(drain)
            }
            Request::Stop { take_jobs } => {
                let daemon = self.daemon.as_mut().expect("a letter was read");
                daemon.stopping = true;
                Input::Stop { take_jobs }
            }
        })
    }

    fn order(&mut self, wish: Wish) -> Order {
        let Wish { job, point, key, priority, retry } = wish;
        let key = key.map(|key| {
            let stored = self.store.run_of_key(&key).expect("the simulated store can be read");
            (key, stored)
        });
        let retry = retry.and_then(|run| self.opening_of(run).map(|(opening, _)| (run, self.found_as(opening))));
        Order { job, point, key, priority, retry, by: "sim".to_owned(), ..Order::default() }
    }
}

fn opens_by_hand(batch: &Batch) -> bool {
    let by_hand = |entry: &Entry| match &entry.about {
        About::Run(_, Happened::Opened(opening)) => matches!(opening.trigger, Trigger::Asked),
        About::Run(..) | About::Job(..) | About::Daemon(_) => false,
    };
    batch.entries.iter().any(by_hand)
}

/// Nothing begins while the daemon drains or stops.
fn nothing_begins(batch: &Batch) {
    use steadfast_retry::Decision;
    for entry in &batch.entries {
        if let About::Run(run, Happened::Stepped(step)) = &entry.about {
            let begins = matches!(step.decision, Decision::Attempt { .. });
            assert!(!begins, "run {run} begins an attempt while the daemon drains or stops");
        }
    }
}

fn told(report: Report) -> Input {
    note!("report {report:?}");
    match report {
        Report::Started { start, pid } => {
            Input::Started { run: start.run, piece: start.piece, token: start.token, pid }
        }
        Report::Told { start, word } => Input::Told { run: start.run, piece: start.piece, token: start.token, word },
        Report::Voided { start } => Input::Voided { run: start.run, piece: start.piece, token: start.token },
        Report::Ended { start, evidence, progress, mark } => Input::Ended(Box::new(Ended {
            run: start.run,
            piece: start.piece,
            token: start.token,
            evidence,
            progress,
            usage: Usage::default(),
            sentence: "it ended".to_owned(),
            mark,
        })),
    }
}
