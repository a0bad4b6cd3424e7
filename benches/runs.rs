//! What a run costs: ours against a bare loop and against peers, as ratios in one run.
//!
//! `cargo xtask bench runs`. Rounds alternate and medians are shown, because a machine's speed drifts; the disk's speed is printed
//! beside, because every transition here is durable. Nothing is asserted: a bench tells, a test judges.
#![allow(clippy::disallowed_methods, reason = "a bench reads clocks and starts programs")]
#![allow(clippy::print_stdout, reason = "a bench talks to whoever runs it")]

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use steadfast::api::{Client, Start};
use steadfast::state::StateDir;

const RUNS: u32 = 2_000;
const SLOTS: u32 = 4;
const ROUNDS: usize = 7;
const QUEUED: u32 = 100_000;

fn main() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    println!("fdatasync of 4 KiB, p50: {:.2} ms", millis(fdatasync(folder.path())));
    throughput(folder.path());
    waiting(folder.path());
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
    for (name, program, flags) in
        [("xargs, recording nothing", "xargs", "-P4 -n1"), ("GNU parallel", "parallel", "-j4 --joblog /dev/null")]
    {
        if let Some(path) = found(program) {
            let line = format!("seq {RUNS} | {path} {flags} true");
            contestants.push((name, Box::new(move || timed(|| shell(&line)))));
        }
    }
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
        println!("  {name:<26} {rate:>7.0} runs/s  {:.2} x bare", bare.as_secs_f64() / time.as_secs_f64());
    }
}

/// One start with nothing before it, and with very much.
fn waiting(folder: &Path) {
    let jobs = "[group.shut]\nslots = 1\n[job.t.command]\nrun = [\"true\"]\n\
                [job.wall]\ngroup = \"shut\"\n[job.wall.command]\nrun = [\"sleep\", \"600\"]\n";
    let daemon = Daemon::begin(&folder.join("waiting"), jobs);
    println!("\none `start` by the program, durable");
    let alone = median_of(40, || timed(|| daemon.program(&["start", "t"])));
    println!("  nothing queued        p50 {:.2} ms", millis(alone));
    let before = daemon.pss_kib();
    let submitted = timed(|| daemon.open("wall", QUEUED));
    println!("  bulk submit           {:.0} runs/s", f64::from(QUEUED) / submitted.as_secs_f64());
    std::thread::sleep(Duration::from_secs(3));
    let grown = daemon.pss_kib() as f64 - before as f64;
    println!("  memory for {QUEUED}    {:.1} MiB", grown / 1024.0);
    let crowded = median_of(40, || timed(|| daemon.program(&["start", "t"])));
    println!(
        "  {QUEUED} queued         p50 {:.2} ms  {:.2} x alone",
        millis(crowded),
        crowded.as_secs_f64() / alone.as_secs_f64()
    );
    println!(
        "  a page of `ps`        p50 {:.2} ms",
        millis(median_of(20, || timed(|| daemon.program(&["ps", "--json"]))))
    );
}

/// A daemon of the program under test.
struct Daemon {
    state: StateDir,
    child: Child,
}

impl Daemon {
    fn begin(folder: &Path, text: &str) -> Self {
        let jobs = folder.join("jobs.toml");
        std::fs::create_dir_all(folder).expect("a folder");
        std::fs::write(&jobs, text).expect("a file of jobs");
        let state = StateDir::at(folder.join("state"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.args(["serve", "--slots", &SLOTS.to_string(), "--log", "error", "--no-trace-files", "--state"]);
        command.arg(state.root()).arg(jobs).stdin(Stdio::null()).stdout(Stdio::null());
        let daemon = Self { state, child: command.spawn().expect("the daemon begins") };
        while Client::connect(&daemon.state).is_err() {
            std::thread::sleep(Duration::from_millis(2));
        }
        daemon
    }

    fn client(&self) -> Client {
        Client::connect(&self.state).expect("the daemon answers")
    }

    fn open(&self, job: &str, count: u32) {
        let start = Start { job: job.into(), count: Some(count), ..Start::default() };
        self.client().start(&[start]).expect("a bulk start");
    }

    /// Opens so many runs and waits until all of them have ended.
    fn run_all(&self, job: &str, runs: u32) -> Duration {
        let mut client = self.client();
        let mut succeeded = || client.status().expect("the daemon answers").counts.succeeded;
        let before = succeeded();
        timed(|| {
            self.open(job, runs);
            while succeeded() < before + u64::from(runs) {
                std::thread::sleep(Duration::from_millis(5));
            }
        })
    }

    fn program(&self, words: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.args(words).arg("--state").arg(self.state.root()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().expect("the program begins").success(), "{words:?}");
    }

    /// Proportional memory of the daemon.
    fn pss_kib(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Ok(mut client) = Client::connect(&self.state) {
            let _ = client.stop(true);
        }
        let _ = self.child.wait();
    }
}

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

fn fdatasync(folder: &Path) -> Duration {
    let file = File::create(folder.join("sync")).expect("a file");
    let mut at = 0;
    median_of(200, || {
        file.write_all_at(&[7; 4096], at).expect("a write");
        at += 4096;
        timed(|| file.sync_data().expect("a sync"))
    })
}

fn shell(line: &str) {
    assert!(Command::new("/bin/sh").args(["-c", line]).status().expect("a shell").success(), "{line}");
}

fn found(program: &str) -> Option<String> {
    let folders = ["/usr/bin", "/usr/local/bin", "/bin"];
    folders.iter().map(|folder| format!("{folder}/{program}")).find(|path| Path::new(path).exists())
}

fn timed(what: impl FnOnce()) -> Duration {
    let began = Instant::now();
    what();
    began.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn median_of(times: usize, mut what: impl FnMut() -> Duration) -> Duration {
    let mut all: Vec<Duration> = (0..times).map(|_| what()).collect();
    median(&mut all)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
