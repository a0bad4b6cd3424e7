//! What became of the starts of a daemon that died, asked once by the one that comes after.

use std::collections::{HashMap, HashSet};
use std::io;

use super::books::{Dead, Held, Known, NOBODY, State, shim_of};
use super::hands::Hands;
use super::lost;
use super::report::Fate;
use super::{connection, report};
use crate::ids::ShimId;
use crate::journal::Mark;
use crate::launch::Expected;
use crate::launch::{ShimKind, Start};
use crate::shim::claim::{self, Holder};
use crate::shim::journal::{self, Remains};
use crate::shim::wire::{Order, Record};
use crate::sys::process::BootId;
use crate::sys::time::Boottime;
use crate::sys::{files, socket};

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
    for found in &found {
        receive(hands, &mut state, found);
    }
    let wanted: HashSet<Start> = expected.iter().map(|expected| expected.start).collect();
    let mut fates = Vec::with_capacity(expected.len());
    for expected in expected {
        let start = expected.start;
        let fate = match known_fate(hands, &mut state, &found, expected)? {
            Ok(fate) => fate,
            Err(known) => {
                let boot = found.iter().find(|found| found.shim == known.shim).and_then(|found| found.boot.as_ref());
                let is_of_this_boot = boot.is_none_or(|boot| *boot == hands.0.site.boot);
                lost::resolve(hands, &mut state, &known, is_of_this_boot)
            }
        };
        fates.push((start, fate));
    }
    // A mark settles everything before it in the same journal, so ends are told, and committed, in the order of the journal:
    // else a daemon that died between two of them would have settled one that it never wrote down.
    fates.sort_by_key(|(_, fate)| match fate {
        Fate::Ended { mark, .. } => Some(*mark),
        Fate::Running { .. } | Fate::NeverStarted | Fate::Unclear { .. } => None,
    });
    forget_claims(hands, &mut state, &found, &wanted);
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
        let committed = hands.0.committed(found.shim);
        for (end, record) in found.remains.records.iter().filter(|(end, _)| *end > committed) {
            let is_fate = match record {
                Record::Ended(exit) => expected.contains(&exit.start),
                Record::Voided { .. } => true,
                _ => false,
            };
            let mark = Mark { shim: found.shim, offset: *end };
            if !is_fate && let Some(report) = report::of_record(record.clone(), mark) {
                hands.0.report(report);
            }
        }
    }
}

/// Takes a shim of an earlier daemon into the books. One that lives is closed: the next program starts under a shim of
/// this version.
fn receive(hands: &Hands, state: &mut State, found: &Found) {
    let (shim, end, committed) = (found.shim, found.remains.end, hands.0.committed(found.shim));
    if !found.is_alive {
        state.dead.insert(shim, Dead::new(&found.remains, committed));
        return;
    }
    state.elders.insert(shim, end);
    let stream = socket::connect(&hands.0.home(shim).join("socket"));
    let Ok(orders) = stream.and_then(|stream| connection::begin(hands, shim, stream, end, None)) else {
        // It is starting up, or ending. It needs nobody to end; when it has, its journal is read.
        return lost::wait_for_shim(hands, shim);
    };
    let since = Boottime::now();
    let mut held = Held {
        orders,
        kind: ShimKind::Pool,
        who: None,
        launched: 0,
        since,
        is_closed: false,
        heard: end,
        acknowledged: committed,
        hung_up: 0,
    };
    if committed > 0 {
        held.order(&Order::Acknowledge { upto: committed });
    }
    held.close();
    state.shims.insert(shim, held);
}

/// Says what became of a start as far as claims and journals tell; `Err` is for those whose shim is gone.
fn known_fate(
    hands: &Hands,
    state: &mut State,
    found: &[Found],
    expected: Expected,
) -> io::Result<Result<Fate, Known>> {
    let start = expected.start;
    let mut known = Known::new(start, NOBODY, expected.watch, expected.output);
    for found in found {
        for (end, record) in found.remains.records.iter().filter(|(_, record)| record.start() == Some(&start)) {
            if let Record::Ended(exit) = record {
                let mark = Mark { shim: found.shim, offset: *end };
                return Ok(Ok(Fate::Ended { exit: exit.clone(), mark }));
            }
            if known.learn(record) && (known.shim == NOBODY || found.is_alive) {
                known.shim = found.shim;
            }
        }
    }
    match claim::void(&hands.0.claims, &start)? {
        Holder::Void => {
            state.voids.push(start);
            return Ok(Ok(Fate::NeverStarted));
        }
        Holder::Shim(shim) if known.shim == NOBODY => known.shim = shim,
        Holder::Unnamed if known.shim == NOBODY && found.iter().any(|found| found.is_alive) => {
            // Whoever holds it may live and not have been able to write; nobody else may touch it before all of them are gone.
            state.unnamed.push(start);
            state.starts.insert(start.token, known);
            return Ok(Ok(Fate::Running { who: None }));
        }
        Holder::Shim(_) | Holder::Unnamed => {}
    }
    if found.iter().any(|found| found.is_alive && found.shim == known.shim) {
        // Connected or not: when it ends, its journal is read to the end.
        let who = known.who;
        state.starts.insert(start.token, known);
        return Ok(Ok(Fate::Running { who }));
    }
    Ok(Err(known))
}

/// Removes claims that nobody can ask about any more: void ones once no shim lives that could come second, others
/// when neither the store nor a shim knows them.
fn forget_claims(hands: &Hands, state: &mut State, found: &[Found], wanted: &HashSet<Start>) {
    let lives: HashMap<ShimId, bool> = found.iter().map(|found| (found.shim, found.is_alive)).collect();
    let entries = match std::fs::read_dir(&hands.0.claims) {
        Ok(entries) => entries,
        Err(error) => {
            // They cost a name each, and the next daemon looks again.
            tracing::warn!(target: "steadfast::daemon", %error, "claims that nobody needs cannot be looked for");
            return;
        }
    };
    for entry in entries.flatten() {
        let Some(start) = entry.file_name().to_str().and_then(|name| name.parse::<Start>().ok()) else { continue };
        if wanted.contains(&start) || state.starts.contains_key(&start.token) {
            continue;
        }
        match claim::holder(&entry.path()) {
            Ok(Holder::Void | Holder::Unnamed) => state.voids.push(start),
            // Its end is committed: the store does not expect it. A shim that lives removes its claims itself.
            Ok(Holder::Shim(shim)) if !lives.get(&shim).copied().unwrap_or(false) => {
                hands.0.forget_claim(&start);
            }
            Ok(Holder::Shim(_)) => {}
            Err(error) => {
                tracing::warn!(target: "steadfast::daemon", %start, %error, "a claim cannot be read and is left where it is");
            }
        }
    }
    hands.0.forget_voids(state);
}
