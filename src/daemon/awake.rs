//! Waking up: the state folder opened, what is durable folded, the loop begun.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::clock::{self, Clock};
use crate::dispatch::{self, Awakening, Birth, Dispatcher, Surroundings};
use crate::exec::{Site, own_program};
use crate::failpoint;
use crate::job::Config;
use crate::journal::{About, Happened, Opening};
use crate::observe::Observer;
use crate::state::StateDir;
use crate::store::{self, Backlog, Check, Recovered, Sqlite, Store, StoreError, Writer};
use crate::sys::process::BootId;
use crate::terminal;

use super::alarm::Alarm;
use super::door::{Door, Held};
use super::loading::{self, Files};
use super::lookup::{Lookup, TermsByDigest, terms_of};
use super::manager;
use super::perform::Show;
use super::terminal::Penned;
use super::turn::{Ears, Loop};
use super::{Served, Settings};

/// Why a daemon could not begin.
#[derive(Debug)]
pub enum ServeError {
    /// The files of jobs are wrong; everything that is wrong with them.
    Config(String),
    /// The store cannot be opened.
    Store(StoreError),
    /// The machine refuses something.
    Io(&'static str, std::io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(wrong) => f.write_str(wrong),
            Self::Store(error) => error.fmt(f),
            Self::Io(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for ServeError {}

impl From<StoreError> for ServeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What the process hears from outside.
pub(super) struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

/// A signal's meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Reload,
    Stop,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn next(&mut self) -> Word {
        tokio::select! {
            _ = self.hangup.recv() => Word::Reload,
            _ = self.terminate.recv() => Word::Stop,
            _ = self.interrupt.recv() => Word::Stop,
        }
    }
}

/// Runs a daemon to its end. `open` is called once with the way in, when everything is folded and before anything begins.
///
/// # Errors
///
/// Returns [`ServeError`] if it could not begin; nothing was started then.
pub async fn serve(
    settings: Settings,
    observers: Vec<Arc<dyn Observer>>,
    open: impl FnOnce(Door) -> std::io::Result<()>,
) -> Result<Served, ServeError> {
    let armed = failpoint::arm_from_environment().map_err(std::io::Error::other);
    armed.map_err(|error| ServeError::Io("the failpoints cannot be armed", error))?;
    let config = loading::read(&settings.paths, false).map_err(ServeError::Config)?;
    let (state, clock) = ground(&settings)?;
    let (store, recovered, awakening) = fold(&settings, &state, &clock)?;
    let damage = if store.owes_check() { check_beside(&state) } else { Arc::default() };
    let signals = Signals::listen().map_err(|error| ServeError::Io("signals cannot be heard", error))?;
    let alarm = Alarm::new().map_err(|error| ServeError::Io("no timer can be had", error))?;

    let (words, written) = mpsc::unbounded_channel();
    let writer = pen(store, words.clone())?;
    let (_, reports) = mpsc::unbounded_channel();
    let (door, asks, held) = Door::new();
    let site = site(&state, &recovered)?;
    let next_seq = recovered.newest_seq + 1;
    let show = Show::to(observers);
    remind(&show, &awakening, &recovered);
    let (dispatcher, effects) = Dispatcher::recover(clock.now(), awakening.clone(), recovered);
    let mut turning = Loop {
        files: Files::watch(&settings.paths, settings.watch),
        epoch: writer.epoch(),
        outgoing: Vec::new(),
        lookup: Lookup::new(Arc::clone(&writer)),
        settings,
        clock,
        dispatcher,
        writer,
        next_seq,
        hands: None,
        site,
        reports,
        alarm,
        show,
        answers: HashMap::new(),
        requests: 0,
        next: VecDeque::new(),
        watched: HashMap::new(),
        ends: HashMap::new(),
        degraded: None,
        words,
        terminals: HashSet::new(),
        ended: None,
        distrust: None,
        damage,
        wanted: Arc::default(),
        draining: false,
        stopping: None,
        awakening,
    };
    turning.perform(effects);
    open(door).map_err(|error| ServeError::Io("the socket cannot be opened", error))?;
    turning.begin(config);
    let ears = Ears { asks, written, signals };
    Ok(to_the_end(turning, ears, held).await?)
}

/// Makes the state folder, and opens its clock.
fn ground(settings: &Settings) -> Result<(StateDir, Clock), ServeError> {
    let state = StateDir::at(&settings.state);
    state.make().map_err(|error| ServeError::Io("the state folder cannot be made", error))?;
    failpoint!("daemon::clock::before");
    let clock = Clock::open(state.root());
    failpoint!("daemon::clock::after");
    Ok((state, clock.map_err(|error| ServeError::Io("the clock's offset cannot be kept", error))?))
}

/// Begins the writer's thread, and says whom it tells.
fn pen(store: Sqlite, words: mpsc::UnboundedSender<Penned>) -> Result<Arc<Writer<Sqlite>>, ServeError> {
    let tell = move |report| drop(words.send(Penned::Store(report)));
    let writer = Writer::start(store, Backlog::default(), tell);
    Ok(Arc::new(writer.map_err(|error| ServeError::Io("the writer's thread cannot begin", error))?))
}

/// Turns until there is nothing left to do, and takes leave of everybody.
async fn to_the_end(mut turning: Loop, mut ears: Ears, held: Held) -> Result<Served, StoreError> {
    let why = turning.turn(&mut ears).await;
    turning.leave().await;
    held.see_off(ears.asks).await;
    Ok(match why? {
        dispatch::Exit::Stopped => Served::Stopped,
        dispatch::Exit::Idle(tally) => Served::Idle(tally),
    })
}

/// Opens the store and reads from it what a dispatcher must know to begin.
fn fold(settings: &Settings, state: &StateDir, clock: &Clock) -> Result<(Sqlite, Recovered, Awakening), ServeError> {
    let birth = store::Birth { store: random_name(), at: clock.moment() };
    let mut store = Sqlite::open(state.root(), birth)?;
    let mut recovered = store.recover()?;
    forget_marks(&mut store, state, &mut recovered)?;
    terminal::settle(&mut store, state, &mut recovered, clock.moment())?;
    let name = store.recall("store")?.unwrap_or_default().chars().take(12).collect();
    let terms = terms(&mut store, &recovered)?;
    let awakening = Awakening {
        settings: dispatch_settings(settings, state, name),
        terms,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        boot: clock::boot_id(),
        birth: Birth::New,
    };
    Ok((store, recovered, awakening))
}

/// Says where shims are found and begun.
fn site(state: &StateDir, recovered: &Recovered) -> Result<Site, ServeError> {
    Ok(Site {
        folder: state.shims(),
        program: own_program(),
        environment: for_shims(),
        boot: BootId::current().map_err(|error| ServeError::Io("the boot id cannot be read", error))?,
        marks: recovered.marks.iter().copied().collect(),
    })
}

impl Loop {
    /// Takes the first configuration, and says that the daemon is there.
    fn begin(&mut self, config: Config) {
        self.show.loaded(true);
        self.show.recall_successes(self.settings.state.clone());
        self.load(Arc::new(config), Some("first".to_owned()));
        self.decide();
        manager::ready(&self.in_a_line());
    }

    /// Reads again what a dispatcher must know to go on.
    pub(super) fn awakening(&mut self, birth: Birth) -> Result<(Awakening, Recovered), StoreError> {
        let (state, now) = (StateDir::at(&self.settings.state), self.clock.moment());
        let (recovered, terms) = self.lookup.ask(move |store| {
            let mut recovered = store.recover()?;
            terminal::settle(store, &state, &mut recovered, now)?;
            let terms = terms(store, &recovered)?;
            Ok((recovered, terms))
        })?;
        self.site.marks = recovered.marks.iter().copied().collect();
        Ok((Awakening { terms, birth, ..self.awakening.clone() }, recovered))
    }
}

/// Looks through a large store after an unclean stop, on a thread of its own while work goes on. What it finds is said aloud.
fn check_beside(state: &StateDir) -> Arc<OnceLock<String>> {
    let damage = Arc::new(OnceLock::new());
    let (found, folder) = (Arc::clone(&damage), state.root().to_owned());
    let check = move || match Check::quickly(&folder) {
        Ok(()) => {
            tracing::info!(target: "steadfast::daemon", "the store was checked after the unclean stop, and is sound");
        }
        Err(error @ StoreError::Corrupt(_)) => {
            tracing::error!(target: "steadfast::daemon", "{error}");
            let _ = found.set(error.to_string());
        }
        Err(error) => {
            tracing::warn!(target: "steadfast::daemon", "the store could not be checked after the unclean stop: {error}");
        }
    };
    if let Err(error) = std::thread::Builder::new().name("store-check".to_owned()).spawn(check) {
        tracing::warn!(target: "steadfast::daemon", %error, "the store is not checked after the unclean stop");
    }
    damage
}

/// Forgets how far the journals of shims were read of which nothing is left. A disk that is full is no reason not to begin.
fn forget_marks(store: &mut Sqlite, state: &StateDir, recovered: &mut Recovered) -> Result<(), StoreError> {
    let homes = std::fs::read_dir(state.shims()).into_iter().flatten().flatten();
    let homes: HashSet<String> = homes.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let (kept, gone): (Vec<_>, Vec<_>) =
        recovered.marks.drain(..).partition(|(shim, _)| homes.contains(&shim.to_string()));
    recovered.marks = kept;
    let gone: Vec<_> = gone.into_iter().map(|(shim, _)| shim).collect();
    match store.forget_shims(&gone) {
        Err(error @ StoreError::Unsynced(_)) => Err(error),
        Err(error) => {
            tracing::debug!(target: "steadfast::daemon", %error, "marks of shims that are gone are kept for now");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Reminds the observers of what the store brought back.
pub(super) fn remind(show: &Show, awakening: &Awakening, recovered: &Recovered) {
    for ((digest, _), terms) in &awakening.terms {
        show.define(*digest, &terms.definition.policy);
    }
    for begun in &recovered.begun {
        if let Some(opening) = begun.entries.iter().find_map(opening_of) {
            show.recall(begun.run, opening, &begun.entries);
        }
    }
    for queued in &recovered.held {
        show.recall(queued.run, &queued.opening, &[]);
    }
}

fn opening_of(entry: &crate::journal::Entry) -> Option<&Opening> {
    match &entry.about {
        About::Run(_, Happened::Opened(opening)) => Some(opening),
        About::Run(..) | About::Job(..) | About::Daemon(_) => None,
    }
}

/// Reads the terms of every run that has begun or is held.
fn terms(store: &mut Sqlite, recovered: &Recovered) -> Result<TermsByDigest, StoreError> {
    let begun = recovered.begun.iter().flat_map(|begun| &begun.entries).filter_map(opening_of);
    let held = recovered.held.iter().map(|queued| &queued.opening);
    let keys: Vec<_> = begun.chain(held).map(|opening| (opening.definition, opening.classes)).collect();
    let mut terms = HashMap::new();
    for key in keys {
        if let Entry::Vacant(vacant) = terms.entry(key) {
            vacant.insert(terms_of(key, &store.document(key.0)?, &store.document(key.1)?)?);
        }
    }
    Ok(terms)
}

fn dispatch_settings(settings: &Settings, state: &StateDir, store: String) -> dispatch::Settings {
    let surroundings = Surroundings {
        environment: inherited(),
        logs: state.logs(),
        attempts: state.attempts(),
        store,
        log_reserve_bytes: LOG_RESERVE_BYTES,
        cgroup: crate::shim::delegated(),
    };
    let window = dispatch::WINDOW;
    dispatch::Settings { slots: settings.slots, until_idle: settings.until_idle, surroundings, window }
}

/// What logs leave free on their disk, for the journal and everybody else.
const LOG_RESERVE_BYTES: u64 = 256 * 1024 * 1024;

/// The variables that jobs inherit from the daemon. Others may hold secrets of whoever started it.
const INHERITED: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
];

#[expect(clippy::disallowed_methods, reason = "this is where the daemon's environment is read, once")]
fn inherited() -> BTreeMap<String, String> {
    let kept = |name: &str| {
        INHERITED.contains(&name) || name.starts_with("LC_") || name.to_ascii_lowercase().ends_with("_proxy")
    };
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| kept(name))
        .collect()
}

/// What shims get: the failpoints of a test, and nothing of whoever started the daemon.
#[expect(clippy::disallowed_methods, reason = "this is where the daemon's environment is read, once")]
fn for_shims() -> Vec<(String, String)> {
    let kept = |name: &str| Some((name.to_owned(), std::env::var(name).ok()?));
    [failpoint::VARIABLE, failpoint::HITS, "RUST_BACKTRACE"].into_iter().filter_map(kept).collect()
}

fn random_name() -> u128 {
    u128::from(clock::random_bits()) << 64 | u128::from(clock::random_bits())
}
