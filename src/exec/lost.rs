//! What becomes of a shim's starts when the shim is gone.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::books::{Dead, Known, NOBODY, State};
use super::exit::REBOOTED;
use super::hands::Hands;
use super::report::{Fate, Report};
use super::{Exit, Status, Witness, connection, log, nursery, witness};
use crate::ids::ShimId;
use crate::journal::Mark;
use crate::launch::{ShimKind, Start};
use crate::shim::claim::{self, Holder};
use crate::shim::journal;
use crate::sys::process::Identity;
use crate::sys::time::Wall;
use crate::sys::{files, proc, socket};

/// Sees to what a shim held whose connection has ended, or whose lock was found free.
pub(super) fn lost(hands: &Hands, shim: ShimId) {
    let home = hands.0.home(shim);
    let Some(heard) = heard_of(hands, shim) else { return };
    // Whoever cannot see the lock does not know that the shim is dead.
    if files::is_locked(&home.join("lock")).unwrap_or(true) {
        return hung_up(hands, shim);
    }
    let remains = journal::remains(&home.join("journal")).unwrap_or_default();
    let dead = Dead::new(&remains, hands.0.committed(shim));
    for (end, record) in remains.records.into_iter().filter(|(end, _)| *end > heard) {
        hands.0.hear(shim, end, Some(record));
    }
    let mut state = hands.0.state();
    let acknowledged = state.shims.remove(&shim).map_or(0, |held| held.acknowledged);
    state.elders.remove(&shim);
    state.pools.retain(|pool| *pool != shim);
    if home.exists() {
        state.dead.insert(shim, Dead { acknowledged: acknowledged.max(dead.acknowledged), ..dead });
    }
    let unnamed = if state.elders.is_empty() { std::mem::take(&mut state.unnamed) } else { Vec::new() };
    let is_orphaned = |known: &&Known| known.shim == shim || (known.shim == NOBODY && unnamed.contains(&known.start));
    let orphaned: Vec<Known> = state.starts.values().filter(is_orphaned).cloned().collect();
    let fates: Vec<_> = orphaned.iter().map(|known| (known.start, fate(hands, &mut state, known))).collect();
    let complaints = nursery::complaints(&home);
    hands.0.forget_voids(&mut state);
    hands.0.bury(&mut state);
    drop(state);
    hands.0.gone.notify_one();
    if !orphaned.is_empty() {
        hands.0.report(Report::ShimLost { shim, starts: orphaned.len(), complaints });
    }
    for (start, fate) in fates {
        tell(hands, start, fate);
    }
}

/// Returns how far a shim's journal was heard; `None` for one that is gone.
fn heard_of(hands: &Hands, shim: ShimId) -> Option<u64> {
    let state = hands.0.state();
    state.shims.get(&shim).map(|held| held.heard).or_else(|| state.elders.get(&shim).copied())
}

/// Goes on with a shim that lives and has only hung up: a frame was damaged, or it could not read its journal. One that does so
/// again and again is left alone for a while.
fn hung_up(hands: &Hands, shim: ShimId) {
    let tries = hands.0.state().shims.get_mut(&shim).map_or(0, |held| {
        held.hung_up += 1;
        held.hung_up - 1
    });
    match tries {
        0 => reconnect(hands, shim),
        _ => later(hands, tries, move |hands| reconnect(hands, shim)),
    }
}

fn reconnect(hands: &Hands, shim: ShimId) {
    let Some(heard) = heard_of(hands, shim) else { return };
    let stream = socket::connect(&hands.0.home(shim).join("socket"));
    let mut state = hands.0.state();
    match stream.and_then(|stream| connection::begin(hands, shim, stream, heard, None)) {
        Ok(orders) => {
            if let Some(held) = state.shims.get_mut(&shim) {
                held.orders = orders;
            }
        }
        Err(_) => wait_for_shim(hands, shim),
    }
}

fn fate(hands: &Hands, state: &mut State, known: &Known) -> Fate {
    match claim::void(&hands.0.claims, &known.start) {
        Ok(Holder::Void) => {
            // The only shim that had the order is dead, so the word has done its work.
            hands.0.forget_claim(&known.start);
            state.starts.remove(&known.start.token);
            Fate::NeverStarted
        }
        // On a full disk the word cannot be said; but who is dead and has not claimed needs none.
        Err(_) if matches!(hands.0.claim(&known.start).try_exists(), Ok(false)) => {
            state.starts.remove(&known.start.token);
            Fate::NeverStarted
        }
        Ok(Holder::Shim(_) | Holder::Unnamed) | Err(_) => resolve(hands, state, known, true),
    }
}

/// Hears the witnesses about a start whose shim is dead and that has a claim but no end.
///
/// What lives is given to another shim. Where that dies before it has said that it watches, as on a full disk, the next one comes
/// after a pause that grows: else shims would be born and die as long as the program lives.
pub(super) fn resolve(hands: &Hands, state: &mut State, known: &Known, is_of_this_boot: bool) -> Fate {
    if is_of_this_boot { hear(hands, state, known, false) } else { interrupted(state, known, REBOOTED) }
}

fn hear(hands: &Hands, state: &mut State, known: &Known, is_rested: bool) -> Fate {
    let testimony = witness::hear(&known.start, known.who, &hands.0.claim(&known.start), known.cgroup.as_deref());
    if testimony.is_dead() {
        return interrupted(state, known, "its shim died, and nothing of it was left");
    }
    // Without a record of the first process, it is the one that leads a session of its own.
    let leads = |who: &Identity| proc::stat(who.pid).is_some_and(|stat| stat.session == who.pid);
    let leader = match known.who {
        Some(who) => Some(who).filter(|who| who.is_alive()),
        None => testimony.living.iter().map(|survivor| survivor.who).find(leads),
    };
    let may_adopt = is_rested || known.tries == 0;
    let known = &Known { tries: known.tries + 1, ..known.clone() };
    if !testimony.living.is_empty()
        && may_adopt
        && let Ok(adopter) = hands.new_shim(state, ShimKind::Own)
    {
        let others = testimony.living.iter().map(|survivor| survivor.who).filter(|who| Some(*who) != leader);
        hands.adopt(state, known, leader, others.collect(), adopter);
        return Fate::Running { who: leader };
    }
    state.starts.insert(known.start.token, known.clone());
    let start = known.start;
    let again = move |hands: &Hands| {
        let mut state = hands.0.state();
        let Some(known) = state.starts.get(&start.token).cloned() else { return };
        let fate = hear(hands, &mut state, &known, true);
        drop(state);
        tell(hands, start, fate);
    };
    if testimony.living.is_empty() && testimony.locked {
        wait_for_lock(hands, hands.0.claim(&start), again);
        return Fate::Unclear { testimony };
    }
    later(hands, known.tries, again);
    if testimony.living.is_empty() { Fate::Unclear { testimony } } else { Fate::Running { who: leader } }
}

fn interrupted(state: &mut State, known: &Known, why: &str) -> Fate {
    let status = Status::Interrupted { why: why.to_owned() };
    let mut exit = Exit::bare(known.start, status, Wall::now());
    (exit.began, exit.witness) = (known.began, Witness::None);
    exit.output = log::summary(&known.output.base);
    state.starts.remove(&known.start.token);
    let dead = state.dead.entry(known.shim).or_default();
    dead.open.insert(known.start);
    Fate::Ended { exit: Box::new(exit), mark: Mark { shim: known.shim, offset: dead.end } }
}

/// Reads a shim's journal to its end once the shim has ended.
pub(super) fn wait_for_shim(hands: &Hands, shim: ShimId) {
    let lock = hands.0.home(shim).join("lock");
    wait_for_lock(hands, lock, move |hands| lost(hands, shim));
}

/// Does something after a pause that grows with the tries before: a tenth of a second first, ten in the end.
fn later(hands: &Hands, tries: u32, then: impl FnOnce(&Hands) + Send + 'static) {
    let pause = Duration::from_millis((100_u64 << tries.saturating_sub(1).min(7)).min(10_000));
    let shared = Arc::downgrade(&hands.0);
    hands.0.runtime.spawn(async move {
        // Nobody rings when a disk has room again, or a shim can read its journal.
        let _ = tokio::time::timeout(pause, std::future::pending::<()>()).await;
        let _ = tokio::task::spawn_blocking(move || shared.upgrade().map(|shared| then(&Hands(shared)))).await;
    });
}

/// Waits, in a thread of its own, until nobody holds a lock. One that is not there is held by nobody.
fn wait_for_lock(hands: &Hands, path: PathBuf, then: impl FnOnce(&Hands) + Send + 'static) {
    // A weak share: hands that are dropped meanwhile have nothing to be told.
    let shared = Arc::downgrade(&hands.0);
    let wait = move || {
        while !has_waited(&path) && shared.strong_count() > 0 {
            pause();
        }
        if let Some(shared) = shared.upgrade() {
            then(&Hands(shared));
        }
    };
    // Without a thread nothing waits; the next daemon, or this one when it opens its hands again, asks once more.
    if let Err(error) = std::thread::Builder::new().name("lock-waiter".to_owned()).spawn(wait) {
        tracing::error!(target: "steadfast::daemon", %error, "nobody waits for the end of a shim or its program");
    }
}

/// Waits for a lock; says whether it is known to be free, or cannot be waited for.
fn has_waited(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => {
            while flock(&file, FlockOperation::LockExclusive) == Err(Errno::INTR) {}
            true
        }
        // Too many open files, for one: it may be held all the same.
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// How long lies between two looks at a lock that cannot be waited for.
const PAUSE: Duration = Duration::from_millis(500);

#[expect(clippy::disallowed_methods, reason = "the lock cannot be opened, so only the clock is left")]
fn pause() {
    std::thread::sleep(PAUSE);
}

fn tell(hands: &Hands, start: Start, fate: Fate) {
    match fate {
        Fate::Running { who: _ } => {}
        Fate::Ended { exit, mark } => hands.0.report(Report::Ended { exit, mark }),
        Fate::NeverStarted => {
            hands.0.report(Report::NeverStarted { start, why: "its shim died before it could claim it".to_owned() });
        }
        Fate::Unclear { testimony } => hands.0.report(Report::Unclear { start, testimony }),
    }
}
