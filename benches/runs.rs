//! What a run costs: ours against a bare loop and against peers, as ratios in one run.
//!
//! `cargo xtask bench runs`. Rounds alternate and medians are shown, because a machine's speed drifts; the disk's speed is printed
//! beside, because every transition here is durable. Nothing is asserted: a bench tells, a test judges.
#![allow(clippy::disallowed_methods, reason = "a bench reads clocks and starts programs")]
#![allow(clippy::print_stdout, reason = "a bench talks to whoever runs it")]

#[path = "support/house.rs"]
#[allow(dead_code, reason = "each bench uses its part of the house")]
mod house;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use house::{Daemon, SLOTS, fdatasync, median, millis, timed};

const RUNS: u32 = 2_000;
const ROUNDS: usize = 7;

fn main() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    println!("fdatasync of 4 KiB, p50: {:.2} ms", millis(fdatasync(folder.path())));
    throughput(folder.path());
}

/// A name, and what takes the time of one round.
type Contestant<'a> = (&'a str, Box<dyn FnMut() -> Duration + 'a>);

/// From starts to ends of many `true`, against the loops and peers.
fn throughput(folder: &Path) {
    let daemon = Daemon::begin(&folder.join("throughput"), "[job.t.command]\nrun = [\"true\"]\n");
    let journal = folder.join("loop.db");
    let mut contestants: Vec<Contestant<'_>> = vec![
        ("bare posix_spawn loop", Box::new(|| timed(spawn_loop))),
        ("the same with a journal", Box::new(|| timed(|| journal_loop(&journal)))),
        ("steadfast", Box::new(|| daemon.run_all("t", RUNS))),
    ];
    contestants.extend(
        peers(folder)
            .into_iter()
            .map(|(name, line)| -> Contestant<'_> { (name, Box::new(move || timed(|| shell(&line)))) }),
    );
    let mut rounds: Vec<Vec<Duration>> = vec![Vec::new(); contestants.len()];
    for _ in 0..ROUNDS {
        for (times, (_, contestant)) in rounds.iter_mut().zip(&mut contestants) {
            times.push(contestant());
        }
    }
    println!("\n{RUNS} runs of `true`, {SLOTS} at a time, median of {ROUNDS} alternating rounds");
    let bare = median(&mut rounds[0].clone());
    for ((name, _), times) in contestants.iter().zip(&mut rounds) {
        let time = median(times);
        let rate = f64::from(RUNS) / time.as_secs_f64();
        println!("  {name:<28} {rate:>7.0} runs/s  {:.2} x bare", bare.as_secs_f64() / time.as_secs_f64());
    }
}

/// The peers that are installed here, and the line with which each does the same.
fn peers(folder: &Path) -> Vec<(&'static str, String)> {
    let own = folder.display();
    let all = [
        ("xargs, recording nothing", "xargs", format!("seq {RUNS} | xargs -P{SLOTS} -n1 true")),
        (
            "GNU parallel, a log of jobs",
            "parallel",
            format!("rm -f {own}/joblog; seq {RUNS} | parallel -j{SLOTS} --joblog {own}/joblog true"),
        ),
        (
            "task-spooler, in memory",
            "tsp",
            format!(
                "export TS_SOCKET={own}/tsp TS_MAXFINISHED=10; tsp -S {SLOTS}; i=0; \
                 while [ $i -lt {RUNS} ]; do tsp -n true >/dev/null; i=$((i+1)); done; tsp -w; tsp -K"
            ),
        ),
        ("huey on SQLite, synced", "huey_consumer", format!("python3 {own}/peer.py {own}/huey.db {RUNS} {SLOTS}")),
    ];
    std::fs::write(folder.join("peer.py"), HUEY).expect("a script");
    let installed = all
        .into_iter()
        .filter(|(_, program, _)| shell_says(&format!("command -v {program} || command -v {program}.py")).is_some());
    installed.map(|(name, _, line)| (name, line)).collect()
}

/// So many tasks that each start `true`, under so many workers, every statement synced to the disk as ours are.
const HUEY: &str = "\
import subprocess, sys, time
from huey import SqliteHuey
path, runs, slots = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
huey = SqliteHuey(filename=path, fsync=True, results=True)
@huey.task()
def one(): return subprocess.call(['true'])
consumer = huey.create_consumer(workers=slots, periodic=False, initial_delay=0.001, max_delay=0.005)
consumer.start()
results = [one() for _ in range(runs)]
for result in results: result.get(blocking=True, backoff=1.0, max_delay=0.005)
consumer.stop(graceful=False)
";

/// Spawns and waits, as many at a time as there are slots.
fn spawn_loop() {
    std::thread::scope(|scope| {
        for _ in 0..SLOTS {
            scope.spawn(|| (0..RUNS / SLOTS).for_each(|_| run_true()));
        }
    });
}

fn run_true() {
    let status = Command::new("/bin/true").stdin(Stdio::null()).stdout(Stdio::null()).status();
    assert!(status.expect("`true` begins").success());
}

/// The same, with a durable line in a journal before and after each, grouped by one writer.
fn journal_loop(path: &Path) {
    let (lines, waiting) = mpsc::channel::<mpsc::SyncSender<()>>();
    let mut store = rusqlite::Connection::open(path).expect("a database");
    store.pragma_update(None, "journal_mode", "WAL").expect("WAL");
    store.pragma_update(None, "synchronous", "FULL").expect("FULL");
    store.execute("CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, body TEXT)", ()).expect("a table");
    let writer = std::thread::spawn(move || {
        while let Ok(first) = waiting.recv() {
            let group: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
            let rows = store.transaction().expect("a transaction");
            for _ in &group {
                let insert = "INSERT INTO journal (body) VALUES ('a line of some length, as journals have')";
                rows.prepare_cached(insert).and_then(|mut insert| insert.execute(())).expect("a line");
            }
            rows.commit().expect("a commit");
            group.iter().for_each(|done| done.send(()).expect("somebody waits"));
        }
    });
    std::thread::scope(|scope| {
        for _ in 0..SLOTS {
            let lines = lines.clone();
            scope.spawn(move || {
                let write = || {
                    let (done, durable) = mpsc::sync_channel(1);
                    lines.send(done).expect("the writer lives");
                    durable.recv().expect("the line is durable");
                };
                for _ in 0..RUNS / SLOTS {
                    write();
                    run_true();
                    write();
                }
            });
        }
    });
    drop(lines);
    writer.join().expect("the writer ends well");
}

fn shell(line: &str) {
    assert!(Command::new("/bin/sh").args(["-c", line]).status().expect("a shell").success(), "{line}");
}

fn shell_says(line: &str) -> Option<String> {
    let said = Command::new("/bin/sh").args(["-c", line]).stderr(Stdio::null()).output().ok()?;
    said.status.success().then(|| String::from_utf8_lossy(&said.stdout).into_owned())
}
