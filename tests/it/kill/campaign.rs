//! Killed at random moments.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use steadfast::sys::proc;

use super::check::{Allowed, METRONOME, NARROW, check, reader};
use super::client::Asker;
use super::place::{LONG, Place, eventually, lives, signal};

/// Chance for the tests: where a kill falls. Not the same twice, since what is met by chance is not met again anyway.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        Self(steadfast::clock::random_bits() | 1)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// How often to kill: `STEADFAST_KILLS`, or what the suite has time for.
fn kills(otherwise: u64) -> u64 {
    std::env::var("STEADFAST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// What an outsider has seen in the store: it was acknowledged and must be there for ever.
struct Glimpse {
    seq: i64,
    lines: i64,
    body: String,
}

/// Looks at the store as it is right now.
fn glimpse(rows: &Connection) -> Option<Glimpse> {
    let select = "SELECT seq, (SELECT count(*) FROM journal), body FROM journal ORDER BY seq DESC LIMIT 1";
    let seen = |row: &rusqlite::Row<'_>| Ok(Glimpse { seq: row.get(0)?, lines: row.get(1)?, body: row.get(2)? });
    rows.query_row(select, (), seen).ok()
}

fn is_kept(rows: &Connection, seen: &Glimpse) -> bool {
    let select = "SELECT body, (SELECT count(*) FROM journal WHERE seq <= ?1) FROM journal WHERE seq = ?1";
    let found = rows.query_row(select, [seen.seq], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
    found.is_ok_and(|found| found == (seen.body.clone(), seen.lines))
}

const GROUP: &str = "[group.narrow]\nslots = 1\n\n";

/// Says whether an attempt runs, as far as the store knows.
fn anything_runs(rows: &Connection) -> bool {
    let select = "SELECT EXISTS (SELECT 1 FROM attempts WHERE state = 'running')";
    rows.query_row(select, (), |row| row.get(0)).unwrap_or(false)
}

/// Jobs of every kind: quick and slow, of the pool and of shims of their own, tidy and with leftovers.
fn declare(place: &mut Place, kills: u64) {
    let share = (kills / 3).clamp(20, 5_000);
    place.declare_policy();
    place.declare_workers("quick", share, 5, "tidy", "");
    place.declare_workers("steady", share, 60, "tidy", "");
    place.declare_workers("slow", share / 4, 200, "tidy", "priority = 1");
    place.declare_workers("asked", 1, 5, "tidy", "priority = 2");
    place.declare_workers("litter", share / 4, 20, "litter", "");
    place.declare(GROUP);
    place.declare_workers(NARROW, share / 4, 10, "tidy", "group = \"narrow\"");
    let often = "overlap = \"allow\"\nschedule = { every = \"200ms\", missed = { all = 1000 } }";
    place.declare_workers(METRONOME.0, 1, 5, "tidy", often);
    place.declare_workers("alone", share / 2, 30, "tidy", "limits = { open-files = 64 }");
    place.declare_workers(
        "due",
        1,
        10,
        "tidy",
        "overlap = \"allow\"\nschedule = { every = \"150ms\", missed = \"skip\" }",
    );
}

fn verdict(place: Place, kills: u64, took: Duration, allowed: Allowed, mut wrong: Vec<String>) {
    let calm = place.calm();
    eventually("no shim is left", || place.shims().is_empty());
    place.calm();
    if !matches!(calm, Some(0 | 1)) {
        wrong.push(format!("the last daemon ended with {calm:?}"));
    }
    let (more, figures) = check(&place, allowed);
    wrong.extend(more);
    println!("{figures:?}");
    println!("{kills} kills in {:.1} s, {} violations", took.as_secs_f64(), wrong.len());
    if !wrong.is_empty() {
        wrong.truncate(40);
        let said = place.said();
        let folder = place.keep();
        panic!("{}\nkept: {}\nthe daemon's last words:\n{said}", wrong.join("\n"), folder.display());
    }
    println!("{kills} kills, 0 violations: with 95 % confidence fewer than 3/{kills} of kills go wrong");
}

#[test]
fn kill_campaign() {
    let kills = kills(1_000);
    let mut place = Place::new();
    declare(&mut place, kills);
    let (mut dice, mut wrong, mut seen) = (Dice::new(), Vec::new(), Vec::new());
    let asker = Asker::begin(&place, "asked");
    let begun = Instant::now();
    let (mut killed, mut busy) = (0, 0);
    let mut rows = None;
    while killed < kills {
        let daemon = place.start(&["--until-idle", "--slots", "3"]);
        let patience = if dice.below(4) == 0 { dice.below(60) } else { 40 + dice.below(80) };
        std::thread::sleep(Duration::from_millis(patience));
        if rows.is_none() && place.state().join("store.db").exists() {
            rows = Some(reader(&place));
        }
        seen.extend(rows.as_ref().and_then(glimpse));
        busy += u64::from(rows.as_ref().is_some_and(anything_runs));
        if daemon.kill() {
            killed += 1;
        } else {
            wrong.push(format!("the daemon ended by itself before kill {killed}"));
            break;
        }
    }
    let took = begun.elapsed();
    let acknowledged = asker.end();
    // Without its declaration, nothing holds a group to its slots.
    place.declare_nothing().declare(GROUP);
    if let Some(rows) = rows {
        wrong.extend(seen.iter().filter(|seen| !is_kept(&rows, seen)).map(|seen| format!("line {} is lost", seen.seq)));
    }
    println!(
        "{} starts were acknowledged, {} of them after a broken answer",
        acknowledged.starts.len(),
        acknowledged.again
    );
    wrong.extend(acknowledged.lost(&place));
    println!("{busy} of {killed} kills met a running attempt");
    if busy * 3 < killed {
        wrong.push(format!("only {busy} of {killed} kills met a running attempt"));
    }
    // The last daemon, which cleans up, has as many slots as there are processors.
    let slots = std::thread::available_parallelism().map_or(3, |many| many.get().max(3)) as i64;
    verdict(place, killed, took, Allowed { slots: Some(slots), ..Allowed::default() }, wrong);
}

#[test]
fn shim_kill_campaign() {
    let kills = kills(1_000) / 5;
    let mut place = Place::new();
    declare(&mut place, kills * 4);
    let mut dice = Dice::new();
    let daemon = place.start(&["--until-idle"]);
    let begun = Instant::now();
    let (mut killed, mut busy, mut rows) = (0, 0, None);
    while killed < kills && begun.elapsed() < LONG * 10 {
        std::thread::sleep(Duration::from_millis(dice.below(80)));
        let shims = place.shims();
        let families = proc::by_parent();
        let holds = |pid: &&i32| families.get(pid).into_iter().flatten().any(|child| lives(*child));
        let holding: Vec<&i32> = shims.iter().filter(holds).collect();
        // Mostly one that matters, and sometimes one that only waits.
        let chosen = match holding.len() as u64 {
            many if many > 0 && dice.below(4) > 0 => holding.get(dice.below(many) as usize).copied(),
            _ => shims.get(dice.below(shims.len().max(1) as u64) as usize),
        };
        if let Some(pid) = chosen {
            // A shim that watches what another left behind has no children, so the store is asked.
            let rows = rows.get_or_insert_with(|| reader(&place));
            busy += u64::from(anything_runs(rows));
            signal(*pid, "KILL");
            killed += 1;
        }
    }
    let took = begun.elapsed();
    assert!(daemon.kill(), "the daemon ended by itself: {}", place.said());
    place.declare_nothing();
    println!("{busy} of {killed} kills met a running attempt");
    let mut wrong = Vec::new();
    if killed < kills || busy * 3 < killed {
        wrong.push(format!("only {killed} of {kills} kills were made, and {busy} met a running attempt"));
    }
    verdict(place, killed, took, Allowed { lost: true, ..Allowed::default() }, wrong);
}
