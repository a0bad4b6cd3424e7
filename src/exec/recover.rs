//! What became of the starts whose shim or whose daemon died.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;

use super::exit::REBOOTED;
use super::hands::{Dead, Hands, Held, Known, NOBODY, State, shim_of};
use super::report::{Expected, Fate, Report};
use super::{Exit, Status, Witness, connection, nursery, witness};
use crate::ids::ShimId;
use crate::journal::Mark;
use crate::launch::{ShimKind, Start};
use crate::shim::claim::{self, Holder};
use crate::shim::journal::{self, Remains};
use crate::shim::wire::Record;
use crate::sys::process::{BootId, Identity};
use crate::sys::time::{Boottime, Wall};
use crate::sys::{files, proc, socket};

/// What the folder of one shim says.
struct Found {
    shim: ShimId,
    is_alive: bool,
    remains: Remains,
    boot: Option<BootId>,
}

/// Reads the folder, says what became of each expected start, and connects to the shims that live.
pub(super) fn recover(hands: &Hands, expected: Vec<Expected>) -> io::Result<Vec<(Start, Fate)>> {
    let found = find(hands)?;
    send_backlog(hands, &found, &expected);
    let mut state = hands.0.state();
    connect(hands, &mut state, &found)?;
    let wanted: HashSet<Start> = expected.iter().map(|expected| expected.start.clone()).collect();
    let mut lost = Vec::new();
    let mut fates = Vec::with_capacity(expected.len());
    for expected in expected {
        let start = expected.start.clone();
        match known_fate(hands, &mut state, &found, expected)? {
            Ok(fate) => fates.push((start, fate)),
            Err(known) => lost.push(known),
        }
    }
    for known in lost {
        let is_of_this_boot = found
            .iter()
            .find(|found| found.shim == known.shim)
            .is_none_or(|found| found.boot.as_ref().is_none_or(|boot| *boot == hands.0.site.boot));
        fates.push((known.start.clone(), resolve(hands, &mut state, &known, is_of_this_boot)));
    }
    forget_claims(hands, &state, &found, &wanted);
    hands.0.bury(&mut state);
    Ok(fates)
}

fn find(hands: &Hands) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&hands.0.site.folder)?.flatten() {
        let home = entry.path();
        let Some(shim) = shim_of(&home) else { continue };
        // First the lock, then the journal: a shim that dies in between has written everything it will.
        let is_alive = files::is_locked(&home.join("lock"))?;
        let remains = journal::remains(&home.join("journal"))?;
        let boot = remains.records.iter().find_map(|(_, record)| match record {
            Record::Opened { boot, .. } => Some(boot.clone()),
            _ => None,
        });
        found.push(Found { shim, is_alive, remains, boot });
    }
    Ok(found)
}

/// Sends what was not committed, but for the ends of expected starts, which are their fates.
fn send_backlog(hands: &Hands, found: &[Found], expected: &[Expected]) {
    let expected: HashSet<&Start> = expected.iter().map(|expected| &expected.start).collect();
    for found in found {
        let committed = hands.0.site.marks.get(&found.shim).copied().unwrap_or(0);
        for (end, record) in found.remains.records.iter().filter(|(end, _)| *end > committed) {
            let is_fate = match record {
                Record::Ended(exit) => expected.contains(&exit.start),
                Record::Voided { .. } => true,
                _ => false,
            };
            if !is_fate
                && let Some(report) = connection::report(record.clone(), Mark { shim: found.shim, offset: *end })
            {
                hands.0.report(report);
            }
        }
    }
}

/// Connects to the shims that live, and closes them: the next program starts under a shim of this version.
fn connect(hands: &Hands, state: &mut State, found: &[Found]) -> io::Result<()> {
    for found in found {
        let committed = hands.0.site.marks.get(&found.shim).copied().unwrap_or(0);
        if !found.is_alive {
            let dead = Dead { end: found.remains.end, acknowledged: committed, open: HashSet::new() };
            state.dead.insert(found.shim, dead);
            continue;
        }
        // One that is starting up has no socket yet: it will find its first connection closed, and end by itself.
        let Ok(stream) = socket::connect(&hands.0.home(found.shim).join("socket")) else {
            continue;
        };
        let orders = connection::begin(hands, found.shim, stream, found.remains.end, None)?;
        let mut held = Held {
            orders,
            kind: ShimKind::Pool,
            who: None,
            launched: 0,
            since: Boottime::now(),
            is_closed: false,
            heard: found.remains.end,
        };
        if committed > 0 {
            held.order(&crate::shim::wire::Order::Acknowledge { upto: committed });
        }
        held.close();
        state.shims.insert(found.shim, held);
    }
    Ok(())
}

/// Says what became of a start as far as claims and journals tell; `Err` is for those whose shim is gone.
fn known_fate(
    hands: &Hands,
    state: &mut State,
    found: &[Found],
    expected: Expected,
) -> io::Result<Result<Fate, Known>> {
    let start = &expected.start;
    let mut known = Known::new(start.clone(), NOBODY, expected.watch, expected.output);
    for found in found {
        for (end, record) in found.remains.records.iter().filter(|(_, record)| record.start() == Some(start)) {
            match record {
                Record::Ended(exit) => {
                    let mark = Mark { shim: found.shim, offset: *end };
                    return Ok(Ok(Fate::Ended { exit: exit.clone(), mark }));
                }
                Record::Started { who, at, up, cgroup, .. } => {
                    (known.who, known.began, known.up) = (Some(*who), Some(*at), Some(*up));
                    known.cgroup.clone_from(cgroup);
                    if known.shim == NOBODY || found.is_alive {
                        known.shim = found.shim;
                    }
                }
                Record::Adopted { leader, up, cgroup, .. } => {
                    known.who = known.who.or(*leader);
                    known.up = known.up.or(*up);
                    known.cgroup = known.cgroup.take().or(cgroup.clone());
                    if known.shim == NOBODY || found.is_alive {
                        known.shim = found.shim;
                    }
                }
                _ => {}
            }
        }
    }
    match claim::void(&hands.0.claims, start)? {
        Holder::Void => return Ok(Ok(Fate::NeverStarted)),
        Holder::Shim(shim) if known.who.is_none() => known.shim = shim,
        Holder::Shim(_) | Holder::Unnamed => {}
    }
    if found.iter().any(|found| found.is_alive && found.shim == known.shim) && state.shims.contains_key(&known.shim) {
        let who = known.who;
        state.starts.insert(known.start.token, known);
        return Ok(Ok(Fate::Running { who }));
    }
    Ok(Err(known))
}

/// Hears the witnesses about a start whose shim is dead and who has a claim but no end.
fn resolve(hands: &Hands, state: &mut State, known: &Known, is_of_this_boot: bool) -> Fate {
    let claim = hands.0.claim(&known.start);
    if !is_of_this_boot {
        return interrupted(state, known, REBOOTED);
    }
    let session = known.who.map(|who| who.pid);
    let testimony = witness::hear(&known.start, session, &claim, known.cgroup.as_deref());
    if testimony.is_dead() {
        return interrupted(state, known, "its shim died, and nothing of it was left");
    }
    if testimony.living.is_empty() {
        wait_for_lock(hands, known);
        return Fate::Unclear { testimony };
    }
    // Without a record of the first process, it is the one that leads a session of its own.
    let leads =
        |who: &Identity| proc::stat(who.pid).is_some_and(|stat| stat.session == stat.pid && stat.ticks == who.ticks);
    let leader = match known.who {
        Some(who) => Some(who).filter(|who| who.is_alive()),
        None => testimony.living.iter().map(|survivor| survivor.who).find(leads),
    };
    let adopter = match hands.new_shim(state, ShimKind::Own) {
        Ok(adopter) => adopter,
        Err(_) => {
            wait_for_lock(hands, known);
            return Fate::Unclear { testimony };
        }
    };
    hands.adopt(state, known, leader, adopter);
    Fate::Running { who: leader }
}

fn interrupted(state: &mut State, known: &Known, why: &str) -> Fate {
    let status = Status::Interrupted { why: why.to_owned() };
    let mut exit = Exit::bare(known.start.clone(), status, Wall::now());
    exit.began = known.began;
    exit.witness = Witness::None;
    state.starts.remove(&known.start.token);
    let dead = state.dead.entry(known.shim).or_default();
    dead.open.insert(known.start.clone());
    Fate::Ended { exit: Box::new(exit), mark: Mark { shim: known.shim, offset: dead.end } }
}

/// Waits, in a thread of its own, until nobody holds the claim's lock, and hears the witnesses again.
fn wait_for_lock(hands: &Hands, known: &Known) {
    let (hands, known) = (hands.clone(), known.clone());
    std::thread::spawn(move || {
        if let Ok(file) = File::open(hands.0.claim(&known.start)) {
            let _ = rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive);
        }
        let mut state = hands.0.state();
        let fate = resolve(&hands, &mut state, &known, true);
        drop(state);
        tell(&hands, &known.start, fate);
    });
}

fn tell(hands: &Hands, start: &Start, fate: Fate) {
    let start = start.clone();
    match fate {
        Fate::Running { who: _ } => {}
        Fate::Ended { exit, mark } => hands.0.report(Report::Ended { exit, mark }),
        Fate::NeverStarted => {
            hands.0.report(Report::NeverStarted { start, why: "its shim died before it could claim it".to_owned() });
        }
        Fate::Unclear { testimony } => hands.0.report(Report::Unclear { start, testimony }),
    }
}

/// Sees to what a shim held whose connection has ended.
pub(super) fn lost(hands: &Hands, shim: ShimId) {
    let home = hands.0.home(shim);
    let Some(heard) = hands.0.state().shims.get(&shim).map(|held| held.heard) else {
        return;
    };
    if files::is_locked(&home.join("lock")).unwrap_or(false)
        && let Ok(stream) = socket::connect(&home.join("socket"))
    {
        // It lives and has only hung up: a frame was damaged, or it could not read its journal.
        let mut state = hands.0.state();
        if let Ok(orders) = connection::begin(hands, shim, stream, heard, None)
            && let Some(held) = state.shims.get_mut(&shim)
        {
            held.orders = orders;
            return;
        }
    }
    let remains = journal::remains(&home.join("journal")).unwrap_or_default();
    let end = remains.end;
    for (end, record) in remains.records.into_iter().filter(|(end, _)| *end > heard) {
        hands.0.hear(shim, end, Some(record));
    }
    let mut state = hands.0.state();
    state.shims.remove(&shim);
    if state.pool == Some(shim) {
        state.pool = None;
    }
    let orphaned: Vec<Known> = state.starts.values().filter(|known| known.shim == shim).cloned().collect();
    if home.exists() {
        let dead = state.dead.entry(shim).or_default();
        dead.end = end;
    }
    let mut fates = Vec::new();
    for known in &orphaned {
        let fate = match claim::void(&hands.0.claims, &known.start) {
            Ok(Holder::Void) => {
                state.starts.remove(&known.start.token);
                Fate::NeverStarted
            }
            Ok(Holder::Shim(_) | Holder::Unnamed) | Err(_) => resolve(hands, &mut state, known, true),
        };
        fates.push((known.start.clone(), fate));
    }
    hands.0.bury(&mut state);
    drop(state);
    if !orphaned.is_empty() {
        let complaints = nursery::complaints(&home);
        hands.0.report(Report::ShimLost { shim, starts: orphaned.len(), complaints });
    }
    for (start, fate) in fates {
        tell(hands, &start, fate);
    }
}

/// Removes claims that nobody can ask about any more: void ones once no shim lives that could come second, others
/// when neither the store nor a shim knows them.
fn forget_claims(hands: &Hands, state: &State, found: &[Found], wanted: &HashSet<Start>) {
    let lives: HashMap<ShimId, bool> = found.iter().map(|found| (found.shim, found.is_alive)).collect();
    let nobody_lives = !lives.values().any(|is_alive| *is_alive);
    let Ok(entries) = std::fs::read_dir(&hands.0.claims) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let Some(start) = entry.file_name().to_str().and_then(|name| name.parse::<Start>().ok()) else {
            continue;
        };
        if wanted.contains(&start) || state.starts.contains_key(&start.token) {
            continue;
        }
        let is_useless = match claim::holder(&path) {
            Ok(Holder::Void | Holder::Unnamed) => nobody_lives,
            // Its end is committed: the store does not expect it. A shim that lives removes its claims itself.
            Ok(Holder::Shim(shim)) => !lives.get(&shim).copied().unwrap_or(false),
            Err(_) => false,
        };
        if is_useless {
            let _ = std::fs::remove_file(path);
        }
    }
}
