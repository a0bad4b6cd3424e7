//! What the hands have in flight: shims, starts, and what the dead have left.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

use super::hands::{POOL_AGE, POOL_LAUNCHES, POOL_LIVING, Site};
use super::nursery;
use super::report::Report;
use crate::ids::{ShimId, Token};
use crate::launch::{Output, ShimKind, Start, Watch};
use crate::shim::claim::{self, Holder};
use crate::shim::journal::Remains;
use crate::shim::wire::{self, Order, Record};
use crate::sys::process::Identity;
use crate::sys::time::{Boottime, Wall};

/// The shim of what no shim has said.
pub(super) const NOBODY: ShimId = ShimId(0);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) site: Site,
    pub(super) claims: PathBuf,
    pub(super) reports: UnboundedSender<Report>,
    pub(super) can_punch: bool,
    /// Where the connections turn, whoever calls.
    pub(super) runtime: Handle,
    /// How many pools there may be at once.
    pub(super) most_pools: usize,
    pub(super) state: Mutex<State>,
    /// Rung whenever a shim is gone.
    pub(super) gone: Notify,
}

/// What is in flight.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) shims: HashMap<ShimId, Held>,
    /// The pools that take launches.
    pub(super) pools: Vec<ShimId>,
    /// Starts that have not ended, by token.
    pub(super) starts: HashMap<Token, Known>,
    pub(super) dead: HashMap<ShimId, Dead>,
    /// Shims of an earlier daemon that lived when this one came, and how far their journals were read.
    pub(super) elders: HashMap<ShimId, u64>,
    /// Starts with a claim that does not say whose; one of the elders may hold them.
    pub(super) unnamed: Vec<Start>,
    /// Starts that were voided, for an elder might still come second.
    pub(super) voids: Vec<Start>,
}

/// A shim that lives.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) orders: UnboundedSender<Vec<u8>>,
    pub(super) kind: ShimKind,
    pub(super) who: Option<Identity>,
    pub(super) launched: u32,
    pub(super) since: Boottime,
    pub(super) is_closed: bool,
    /// How far its journal has been heard.
    pub(super) heard: u64,
    /// How far it has been acknowledged.
    pub(super) acknowledged: u64,
    /// How often it has hung up since it last said something.
    pub(super) hung_up: u32,
}

/// A start that has not ended.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) start: Start,
    pub(super) shim: ShimId,
    pub(super) watch: Watch,
    pub(super) output: Output,
    pub(super) who: Option<Identity>,
    pub(super) began: Option<Wall>,
    pub(super) up: Option<Boottime>,
    pub(super) cgroup: Option<PathBuf>,
    /// How often somebody was to watch it, or the witnesses were heard, without success.
    pub(super) tries: u32,
}

/// What a pool has to do: less is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Load {
    /// Programs that it was given and has not said to have started.
    pub(super) waiting: usize,
    /// Programs that it holds, these included.
    pub(super) held: usize,
}

impl State {
    pub(super) fn load(&self, pool: ShimId) -> Load {
        let of_pool = self.starts.values().filter(|known| known.shim == pool);
        of_pool.fold(Load { waiting: 0, held: 0 }, |load, known| Load {
            waiting: load.waiting + usize::from(known.who.is_none()),
            held: load.held + 1,
        })
    }

    /// Closes the pools that have held enough, are old or full, and forgets those that are closed.
    pub(super) fn close_worn_pools(&mut self) {
        let now = Boottime::now();
        for pool in std::mem::take(&mut self.pools) {
            let is_full = self.starts.len() >= POOL_LIVING && self.load(pool).held >= POOL_LIVING;
            let Some(held) = self.shims.get_mut(&pool) else { continue };
            if is_full || held.launched >= POOL_LAUNCHES || now.since(held.since) >= POOL_AGE {
                held.close();
            }
            if !held.is_closed {
                self.pools.push(pool);
            }
        }
    }

    pub(super) fn close(&mut self, shim: ShimId) {
        if let Some(held) = self.shims.get_mut(&shim) {
            held.close();
        }
    }

    /// Says whether every shim that lives holds something.
    pub(super) fn is_at_rest(&self) -> bool {
        self.shims.keys().all(|shim| self.starts.values().any(|known| known.shim == *shim))
    }
}

impl Known {
    pub(super) fn new(start: Start, shim: ShimId, watch: Watch, output: Output) -> Self {
        Self { start, shim, watch, output, who: None, began: None, up: None, cgroup: None, tries: 0 }
    }

    /// Takes in what a record says of who runs. Returns whether it said that somebody holds this start.
    pub(super) fn learn(&mut self, record: &Record) -> bool {
        match record {
            Record::Started { who, at, up, cgroup, .. } => {
                (self.who, self.began, self.up) = (Some(*who), Some(*at), Some(*up));
                self.cgroup.clone_from(cgroup);
                self.tries = 0;
                true
            }
            Record::Adopted { leader, up, cgroup, .. } => {
                self.who = self.who.or(*leader);
                self.up = self.up.or(*up);
                self.cgroup = self.cgroup.take().or_else(|| cgroup.clone());
                self.tries = 0;
                true
            }
            Record::Opened { .. }
            | Record::Notified { .. }
            | Record::LeaderEnded { .. }
            | Record::Clinging { .. }
            | Record::Ended(_)
            | Record::Voided { .. } => false,
        }
    }
}

/// A shim that is dead and whose files are still needed.
#[derive(Debug, Default)]
pub(super) struct Dead {
    /// The end of the sound part of its journal.
    pub(super) end: u64,
    /// The end of its last record that must be acknowledged.
    pub(super) owed: u64,
    pub(super) acknowledged: u64,
    /// Starts whose end is not acknowledged.
    pub(super) open: HashSet<Start>,
}

impl Dead {
    pub(super) fn new(remains: &Remains, acknowledged: u64) -> Self {
        let ends = remains.records.iter().rev();
        let owed = ends.filter(|(_, record)| matches!(record, Record::Ended(_))).map(|(end, _)| *end).next();
        Self { end: remains.end, owed: owed.unwrap_or(0), acknowledged, open: HashSet::new() }
    }
}

impl Held {
    pub(super) fn order(&self, order: &Order) {
        let mut frame = Vec::new();
        if wire::put_order(&mut frame, order).is_ok() {
            let _ = self.orders.send(frame);
        }
    }

    pub(super) fn close(&mut self) {
        if !self.is_closed {
            self.is_closed = true;
            self.order(&Order::Close);
        }
    }
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A panic in another thread leaves the books as they were; refusing to read them would end every run.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn report(&self, report: Report) {
        // Nobody listens any more only when the daemon ends.
        let _ = self.reports.send(report);
    }

    pub(super) fn home(&self, shim: ShimId) -> PathBuf {
        self.site.folder.join(shim.to_string())
    }

    pub(super) fn claim(&self, start: &Start) -> PathBuf {
        claim::path(&self.claims, start)
    }

    /// Returns how far a shim's journal was committed when this daemon came.
    pub(super) fn committed(&self, shim: ShimId) -> u64 {
        self.site.marks.get(&shim).copied().unwrap_or(0)
    }

    /// Removes the claims of voided starts once nobody lives who could come second.
    pub(super) fn forget_voids(&self, state: &mut State) {
        if state.elders.is_empty() {
            state.voids.drain(..).for_each(|start| self.forget_claim(&start));
        }
    }

    /// Removes a claim that nobody needs any more.
    pub(super) fn forget_claim(&self, start: &Start) {
        if let Err(error) = claim::remove(&self.claims, start) {
            tracing::warn!(target: "steadfast::daemon", %start, %error, "a claim that nobody needs cannot be removed");
        }
    }

    /// Says of a start that was given to no shim that it never happens.
    pub(super) fn give_up(&self, start: &Start, why: String) {
        self.report(Report::NeverStarted { start: *start, why });
    }

    /// Removes the files of dead shims of which everything is acknowledged.
    pub(super) fn bury(&self, state: &mut State) {
        let is_over = |dead: &Dead| dead.acknowledged >= dead.owed && dead.open.is_empty();
        let over: Vec<ShimId> = state.dead.iter().filter(|(_, dead)| is_over(dead)).map(|(shim, _)| *shim).collect();
        if over.is_empty() {
            return;
        }
        self.forget_claims_of(state, &over);
        for shim in &over {
            nursery::bury(&self.home(*shim));
            state.dead.remove(shim);
        }
    }

    /// Removes the claims that dead shims did not live to remove, but for those of programs that somebody else watches.
    fn forget_claims_of(&self, state: &State, shims: &[ShimId]) {
        let Ok(entries) = std::fs::read_dir(&self.claims) else { return };
        let starts = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<Start>().ok());
        for start in starts.filter(|start| !state.starts.contains_key(&start.token)) {
            let holder = claim::holder(&self.claim(&start));
            if holder.is_ok_and(|holder| matches!(holder, Holder::Shim(shim) if shims.contains(&shim))) {
                self.forget_claim(&start);
            }
        }
    }
}

/// Says whether a folder's name is a shim's.
pub(super) fn shim_of(path: &Path) -> Option<ShimId> {
    path.file_name()?.to_str().filter(|name| name.len() == 16)?.parse().ok()
}
