//! Going on after a crash, a stop or a failed append: folding what is durable.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use steadfast_retry::Moment;

use crate::ids::{Digest, RunId};
use crate::journal::{About, DaemonHappened, Entry, Happened};
use crate::store::{Begun, Recovered};

use super::book::Book;
use super::chance::Chance;
use super::effect::Effect;
use super::lanes::Lanes;
use super::live::{Live, Terms};
use super::outbox::Outbox;
use super::timers::Timers;
use super::{Dispatcher, Hour, Phase, Settings};
use crate::clock::Now;

/// A daemon that lived this long before it died was not killed by what was in flight.
const BLAMELESS: Duration = Duration::from_secs(3_600);

/// How a dispatcher comes to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Birth {
    /// With a new process.
    New,
    /// In the same process, because the store had failed.
    Again {
        /// What had failed.
        failed: String,
    },
}

/// What a dispatcher needs besides what the store recovered.
#[derive(Clone, Debug)]
pub struct Awakening {
    /// What it is told once.
    pub settings: Settings,
    /// The terms of every recovered run, by the digests of definition and classes.
    pub terms: HashMap<(Digest, Digest), Terms>,
    /// The version of the program.
    pub version: String,
    /// The boot that it runs in.
    pub boot: String,
    /// How the dispatcher comes to be.
    pub birth: Birth,
}

impl Dispatcher {
    /// Makes a dispatcher of what is durable, and says what is to be done first.
    ///
    /// Nothing begins before the first configuration is loaded, which must be the first input, or the second where the first says
    /// that it is to drain: what an ending sets off, the configuration says.
    #[must_use]
    pub fn recover(now: Now, awakening: Awakening, recovered: Recovered) -> (Self, Vec<Effect>) {
        let Awakening { settings, terms, version, boot, birth } = awakening;
        let mut hour = Hour { at: now.at, wall: now.wall, chance: Chance::from_bits(now.dice) };
        let lanes = Lanes::with_window(settings.window);
        let mut dispatcher = Self {
            settings,
            config: Arc::default(),
            classes: (Digest::default(), crate::evidence::Classes::shipped().clone()),
            terms,
            newest_run: recovered.newest_run,
            lanes,
            live: BTreeMap::new(),
            held: HashMap::new(),
            book: Book::default(),
            keys: HashMap::new(),
            closing: VecDeque::new(),
            timers: Timers::default(),
            wake: None,
            outbox: Outbox::default(),
            phase: Phase::Starting { drain: false },
        };
        let clean = recovered.clean;
        let new_process = birth == Birth::New;
        let word = match birth {
            Birth::New => DaemonHappened::Woke { version, boot, clean },
            Birth::Again { failed } => DaemonHappened::Recovered { sentence: failed },
        };
        dispatcher.outbox.write(Entry::of_daemon(hour.at, word));
        for (lane, waiting) in recovered.lanes {
            dispatcher.lanes.begin_with(&lane, waiting);
        }
        for queued in recovered.held {
            dispatcher.held.insert(queued.run, Box::new(queued.opening));
        }
        dispatcher.book.recover(recovered.jobs, recovered.sweeps);
        let blameless = recovered.woke.is_none_or(|woke| hour.at.since(woke) > BLAMELESS);
        for begun in recovered.begun {
            let run = begun.run;
            dispatcher.revive(&hour, begun);
            if new_process {
                dispatcher.count_death(&hour, run, clean || blameless);
            }
        }
        let expected = |live: &Live| dispatcher.settings.surroundings.expected(live);
        let expected = dispatcher.live.values().filter_map(expected).collect();
        dispatcher.outbox.afterwards(Effect::Adopt(expected));
        dispatcher.resume(&mut hour);
        let mut effects = dispatcher.outbox.close();
        effects.extend(dispatcher.wake(&hour));
        (dispatcher, effects)
    }

    /// Folds one run.
    fn revive(&mut self, hour: &Hour, begun: Begun) {
        let Begun { run, entries } = begun;
        let opening = entries.iter().find_map(|entry| match &entry.about {
            About::Run(_, Happened::Opened(opening)) => Some(opening.as_ref().clone()),
            About::Run(..) | About::Job(..) | About::Daemon(_) => None,
        });
        let opening = opening.expect("the first entry of a run opens it");
        let terms = self.terms.get(&(opening.definition, opening.classes)).cloned();
        let terms = terms.expect("a recovered run comes with its terms");
        self.book.found_under_way(&opening.job, run);
        if let Some(key) = &opening.key {
            self.keys.insert(key.clone(), run);
        }
        let mut live = Live::new(run, opening, terms);
        for entry in &entries {
            if let Some(today) = live.fold(entry) {
                self.outbox.write(Entry::of_run(hour.at, run, Happened::Diverged { today: Box::new(today) }));
            }
        }
        if live.state.is_running() {
            self.lanes.take_slot(&live.opening.lane, run);
        }
        self.live.insert(run, live);
    }

    /// Counts the daemon's death against a run that was in flight.
    fn count_death(&mut self, hour: &Hour, run: RunId, forgiven: bool) {
        let live = self.live.get_mut(&run).expect("the run was just revived");
        let deaths = if forgiven || !live.state.is_running() { 0 } else { live.deaths + 1 };
        if deaths != live.deaths {
            live.deaths = deaths;
            self.write(hour, run, Happened::Crossed { deaths });
        }
    }

    /// Sets timers for what waits, and goes on with follow-ups that had not begun their next try.
    fn resume(&mut self, hour: &mut Hour) {
        let runs: Vec<RunId> = self.live.keys().copied().collect();
        for run in runs {
            let live = self.live.get_mut(&run).expect("nothing is closed before the first configuration");
            if let Some(process) = live.process {
                if live.state.is_cut() {
                    let (piece, token) = (process.piece, process.token);
                    self.outbox.afterwards(Effect::Cut { run, piece, token });
                }
            } else if live.follow_up.is_some() {
                self.follow_up(hour, run);
            } else if let Some(until) = live.state.waits_until() {
                let until = not_beyond(hour.at, until, live);
                self.timers.set(run, until);
            } else {
                self.ask_if_wanted(run);
            }
        }
        self.delays_over(hour);
    }
}

/// Keeps what is left of a delay between nothing and the whole of it: across boots the clock may have been wrong.
fn not_beyond(now: Moment, until: Moment, live: &Live) -> Moment {
    let whole = live.last_delay;
    until.min(now + whole)
}
