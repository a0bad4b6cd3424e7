//! The daemon's side: starts shims, gives them orders, and hears them.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

use super::books::{Held, Known, NOBODY, Shared, State};
use super::report::{Fate, Report};
use super::{Exit, Status};
use super::{connection, nursery, recover};
use crate::failpoint;
use crate::ids::ShimId;
use crate::journal::Mark;
use crate::launch::Expected;
use crate::launch::{Launch, OutputMode, Rung, ShimKind, Start};
use crate::shim::claim::{self};
use crate::shim::wire::{self, Adopt, Order};
use crate::sys::files;
use crate::sys::process::{BootId, Identity};
use crate::sys::time::{Boottime, Wall};

/// The programs after which a pool is closed: what leaks in a process may leak only so much.
pub(super) const POOL_LAUNCHES: u32 = 10_000;
/// The age at which a pool is closed.
pub(super) const POOL_AGE: Duration = Duration::from_secs(3600);
/// The programs that a pool holds at once; each costs it a few descriptors of the usual 1,024.
pub(super) const POOL_LIVING: usize = 128;
/// How many pools there are at once. A pool is one thread and waits while the kernel starts a program, so one alone cannot keep
/// several processors busy with short commands.
const POOLS: usize = 4;
/// How many programs must wait in every pool for another to be made.
const POOL_WAITING: usize = 2;
/// After how long without a launch a pool that is not the only one is closed.
const POOL_SPARE: Duration = Duration::from_secs(2);

/// How long a daemon that ends waits for its shims that have nothing to hold.
const FAREWELL: Duration = Duration::from_millis(500);

/// Where the hands work and what they know from the store.
#[derive(Clone, Debug)]
pub struct Site {
    /// The folder where shims and claims live. Absolute, on a disk of this machine.
    pub folder: PathBuf,
    /// The program that a shim is: this very one, see [`super::own_program`].
    pub program: PathBuf,
    /// The variables that a shim itself gets; programs get what is in their launches.
    pub environment: Vec<(String, String)>,
    /// This boot.
    pub boot: BootId,
    /// How far each shim's journal is committed.
    pub marks: HashMap<ShimId, u64>,
}

/// The hands. Clones share everything; the last one that is dropped ends the connections and no shim.
#[derive(Clone, Debug)]
pub struct Hands(pub(super) Arc<Shared>);

/// A shim, as `doctor` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShimView {
    /// Its name.
    pub shim: ShimId,
    /// Whether it is a pool or holds one start.
    pub kind: ShimKind,
    /// Its process, if we have started it.
    pub who: Option<Identity>,
    /// Whether it takes new starts.
    pub is_open: bool,
    /// What it holds or is about to.
    pub starts: Vec<Start>,
    /// The bytes of its journal that have been heard.
    pub journal_bytes: u64,
    /// What it wrote to its stderr.
    pub complaints: String,
}

impl Hands {
    /// Opens the folder, finds the shims that live, reads the journals of all, and says what became of every start
    /// that the store expects. Reports of what happened meanwhile are sent before it returns.
    ///
    /// Blocks for a few milliseconds (longer where a shim has died, since then every process is looked at), and must
    /// be called inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// The folder cannot be made or read.
    pub fn open(
        site: Site,
        expected: Vec<Expected>,
        reports: UnboundedSender<Report>,
    ) -> io::Result<(Self, Vec<(Start, Fate)>)> {
        let claims = site.folder.join("claims");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&claims)?;
        claim::forget_draft(&claims);
        let can_punch = files::can_punch(&site.folder);
        let shared = Shared {
            site,
            claims,
            reports,
            can_punch,
            runtime: Handle::current(),
            most_pools: std::thread::available_parallelism().map_or(1, |processors| processors.get().min(POOLS)),
            state: Mutex::default(),
            gone: Notify::new(),
        };
        let hands = Self(Arc::new(shared));
        let fates = recover::recover(&hands, expected)?;
        Ok((hands, fates))
    }

    /// Gives a program to a shim. Never blocks for longer than a spawn takes; whatever goes wrong is a report.
    pub fn launch(&self, mut launch: Launch) {
        failpoint!("hands::launch::before");
        if launch.output.mode == OutputMode::File && !self.0.can_punch {
            launch.output.mode = OutputMode::Pipe;
        }
        let (start, kind) = (launch.start, launch.shim);
        let (watch, output) = (launch.watch.clone(), launch.output.clone());
        let mut order = Vec::new();
        if let Err(error) = wire::put_order(&mut order, &Order::Launch(Box::new(launch))) {
            let errno = error.raw_os_error().unwrap_or(libc::E2BIG);
            let what = "the arguments and the environment are longer than the kernel takes".to_owned();
            let exit = Box::new(Exit::bare(start, Status::NotStarted { errno, what }, Wall::now()));
            let mark = Mark { shim: NOBODY, offset: 0 };
            return self.0.report(Report::Ended { exit, mark });
        }
        let mut state = self.0.state();
        let shim = match self.shim_for(&mut state, kind) {
            Ok(shim) => shim,
            Err(error) => {
                drop(state);
                let why = format!("no shim could be started: {error}");
                return self.0.give_up(&start, why);
            }
        };
        state.starts.insert(start.token, Known::new(start, shim, watch, output));
        let Some(held) = state.shims.get_mut(&shim) else { return };
        held.launched += 1;
        // A shim that has died meanwhile is found out by its connection, which then sees to its starts.
        let _ = held.orders.send(order);
        if kind == ShimKind::Own {
            held.close();
        }
        drop(state);
        failpoint!("hands::launch::after");
    }

    /// Finds the shim for a start, or makes one.
    fn shim_for(&self, state: &mut State, kind: ShimKind) -> io::Result<ShimId> {
        if kind == ShimKind::Own {
            return self.new_shim(state, kind);
        }
        state.close_worn_pools();
        let load = |pool: &ShimId| state.load(*pool);
        match state.pools.iter().map(|pool| (load(pool), *pool)).min_by_key(|(load, _)| *load) {
            Some((load, pool)) if load.waiting < POOL_WAITING || state.pools.len() >= self.0.most_pools => Ok(pool),
            Some(_) | None => {
                let pool = self.new_shim(state, kind)?;
                state.pools.push(pool);
                if state.pools.len() > 1 {
                    self.0.runtime.spawn(close_when_spare(Arc::downgrade(&self.0), pool));
                }
                Ok(pool)
            }
        }
    }

    pub(super) fn new_shim(&self, state: &mut State, kind: ShimKind) -> io::Result<ShimId> {
        let shim = ShimId(crate::clock::random_bits());
        let born = nursery::start(&self.0.site, shim)?;
        let who = Some(born.who);
        let orders = connection::begin(self, shim, born.stream, 0, born.handle)?;
        let since = Boottime::now();
        let held =
            Held { orders, kind, who, launched: 0, since, is_closed: false, heard: 0, acknowledged: 0, hung_up: 0 };
        state.shims.insert(shim, held);
        Ok(shim)
    }

    /// Ends a program, beginning at a step of its ladder. Does nothing if it has ended.
    pub fn stop(&self, start: &Start, from: Rung) {
        let state = self.0.state();
        if let Some(held) = state.starts.get(&start.token).and_then(|known| state.shims.get(&known.shim)) {
            held.order(&Order::Stop { start: *start, from });
        }
    }

    /// Ends every program that is held.
    pub fn stop_all(&self, from: Rung) {
        let state = self.0.state();
        for known in state.starts.values() {
            if let Some(held) = state.shims.get(&known.shim) {
                held.order(&Order::Stop { start: known.start, from });
            }
        }
    }

    /// Says that the end of a start is durable, with everything before it in the same journal.
    pub fn acknowledge(&self, start: &Start, mark: Mark) {
        failpoint!("hands::acknowledge::before");
        let mut state = self.0.state();
        if let Some(held) = state.shims.get_mut(&mark.shim) {
            held.acknowledged = held.acknowledged.max(mark.offset);
            held.order(&Order::Acknowledge { upto: mark.offset });
        } else if let Some(dead) = state.dead.get_mut(&mark.shim) {
            dead.acknowledged = dead.acknowledged.max(mark.offset);
            self.0.forget_claim(start);
        }
        for dead in state.dead.values_mut() {
            dead.open.remove(start);
        }
        self.0.bury(&mut state);
        failpoint!("hands::acknowledge::after");
    }

    /// Returns every shim that lives.
    #[must_use]
    pub fn shims(&self) -> Vec<ShimView> {
        let state = self.0.state();
        let starts = |shim| state.starts.values().filter(|known| known.shim == shim).map(|known| known.start).collect();
        let views = state.shims.iter().map(|(shim, held)| ShimView {
            shim: *shim,
            kind: held.kind,
            who: held.who,
            is_open: !held.is_closed,
            starts: starts(*shim),
            journal_bytes: held.heard,
            complaints: nursery::complaints(&self.0.home(*shim)),
        });
        let mut views: Vec<_> = views.collect();
        views.sort_by_key(|view| view.shim);
        views
    }

    /// Closes the pools: running programs go on, and the next launch makes a new one.
    pub fn close_pool(&self) {
        let mut state = self.0.state();
        for pool in std::mem::take(&mut state.pools) {
            state.close(pool);
        }
    }

    /// Closes the pools and waits, for a moment at the most, until the shims have ended that hold nothing. Those that hold
    /// something live on.
    pub async fn leave(&self) {
        self.close_pool();
        let rest = async {
            loop {
                let gone = self.0.gone.notified();
                if self.0.state().is_at_rest() {
                    return;
                }
                gone.await;
            }
        };
        let _ = tokio::time::timeout(FAREWELL, rest).await;
    }

    /// Gives a program whose shim died to another one.
    pub(super) fn adopt(
        &self,
        state: &mut State,
        known: &Known,
        leader: Option<Identity>,
        others: Vec<Identity>,
        shim: ShimId,
    ) {
        failpoint!("hands::adopt::before");
        let adopt = Adopt {
            start: known.start,
            leader,
            others,
            session: known.who.or(leader),
            began: known.began,
            up: known.up,
            cgroup: known.cgroup.clone(),
            output: known.output.clone(),
            watch: known.watch.clone(),
        };
        if let Some(held) = state.shims.get_mut(&shim) {
            held.order(&Order::Adopt(Box::new(adopt)));
            held.close();
        }
        state.starts.insert(known.start.token, Known { shim, who: leader.or(known.who), ..known.clone() });
        failpoint!("hands::adopt::after");
    }
}

/// Closes a pool that is not the only one when nothing was launched into it for a while.
async fn close_when_spare(shared: Weak<Shared>, pool: ShimId) {
    let mut launched = 0;
    loop {
        let _ = tokio::time::timeout(POOL_SPARE, std::future::pending::<()>()).await;
        let Some(shared) = shared.upgrade() else { return };
        let mut state = shared.state();
        let now = state.shims.get(&pool).map_or(launched, |held| held.launched);
        if std::mem::replace(&mut launched, now) == now {
            state.pools.retain(|other| *other != pool);
            return state.close(pool);
        }
    }
}
