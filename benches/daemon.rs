//! What a daemon costs whoever waits for it: a start, a due time, a restart, a long queue, and rest.
//!
//! `cargo xtask bench daemon`. Nothing is asserted: a bench tells, a test judges. The times of commands are their own stamps, taken
//! at their first instruction.
#![allow(clippy::disallowed_methods, reason = "a bench reads clocks and starts programs")]
#![allow(clippy::print_stdout, reason = "a bench talks to whoever runs it")]

#[path = "support/house.rs"]
#[allow(dead_code, reason = "each bench uses its part of the house")]
mod house;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use steadfast::api::RunsQuery;

use house::{Daemon, fdatasync, median, median_of, millis, quantile, since_epoch, stamping, stamps, timed};

const QUEUED: u32 = 100_000;
const SCHEDULES: u32 = 1_000;
/// Over how long the due times are spread.
const SPREAD: Duration = Duration::from_secs(60);

fn main() {
    if house::stamp_if_asked() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    println!("fdatasync of 4 KiB, p50: {:.2} ms", millis(fdatasync(folder.path())));
    starting(&folder.path().join("starting"));
    queueing(&folder.path().join("queueing"));
    dying(&folder.path().join("dying"));
    falling_due(&folder.path().join("due"));
    resting(&folder.path().join("resting"));
}

/// From a `start` on the command line to its answer, and to the command's first instruction.
fn starting(folder: &Path) {
    let file = folder.join("stamps");
    let daemon = Daemon::begin(folder, &format!("[job.t.command]\n{}", stamping(&file, "")));
    let mut answers = Vec::new();
    let mut first = Vec::new();
    for round in 1..=100 {
        let began = since_epoch();
        daemon.program(&["start", "t"]);
        answers.push(since_epoch() - began);
        let stamp = loop {
            match stamps(&file).get(round - 1) {
                Some((stamp, _)) => break *stamp,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        first.push(stamp - began);
    }
    println!("\none `start` by the program, durable, 100 times");
    println!("  to its answer               p50 {:.2} ms", millis(median(&mut answers)));
    println!("  to the first instruction    p50 {:.2} ms", millis(median(&mut first)));
}

/// The same and more behind a long queue.
fn queueing(folder: &Path) {
    let jobs = "[group.shut]\nslots = 1\n[job.t.command]\nrun = [\"true\"]\n\
                [job.wall]\ngroup = \"shut\"\n[job.wall.command]\nrun = [\"sleep\", \"600\"]\n";
    let daemon = Daemon::begin(folder, jobs);
    let start = || timed(|| daemon.program(&["start", "t"]));
    let alone = median_of(40, start);
    std::thread::sleep(Duration::from_secs(3));
    let before = daemon.pss_kib();
    let submitted = timed(|| daemon.open("wall", QUEUED));
    std::thread::sleep(Duration::from_secs(5));
    let grown = daemon.pss_kib() as f64 - before as f64;
    let crowded = median_of(40, start);
    let page =
        median_of(20, || timed(|| drop(daemon.client().runs(&RunsQuery { limit: Some(50), ..RunsQuery::default() }))));
    println!("\n{QUEUED} queued runs");
    println!("  submitted at once           {:.0} runs/s", f64::from(QUEUED) / submitted.as_secs_f64());
    println!("  memory, more than before    {:.1} MiB", grown / 1024.0);
    let ratio = crowded.as_secs_f64() / alone.as_secs_f64();
    println!("  one `start`, durable        p50 {:.2} ms, {ratio:.2} x that with none queued", millis(crowded));
    println!("  a page of `ps` from the API p50 {:.2} ms", millis(page));
    println!(
        "  `ps` by the program         p50 {:.2} ms",
        millis(median_of(20, || timed(|| daemon.program(&["ps", "--json"]))))
    );
}

/// From `kill -9` to the first instruction of a new start, with a long queue.
fn dying(folder: &Path) {
    let file = folder.join("stamps");
    let mut daemon = Daemon::begin(folder, &format!("[job.t.command]\n{}", stamping(&file, "")));
    daemon.client().drain(true).expect("the daemon answers");
    daemon.open("t", QUEUED);
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            let _ = std::fs::remove_file(&file);
            let killed = since_epoch();
            daemon.kill_and_begin();
            let first = loop {
                match stamps(&file).iter().map(|(stamp, _)| *stamp).find(|stamp| *stamp > killed) {
                    Some(stamp) => break stamp - killed,
                    None => std::thread::sleep(Duration::from_millis(1)),
                }
            };
            daemon.client().drain(true).expect("the daemon answers");
            std::thread::sleep(Duration::from_secs(2));
            first
        })
        .collect();
    println!("\n`kill -9` to the first instruction of a new start, {QUEUED} queued, 5 times");
    println!("  p50 {:.0} ms, slowest {:.0} ms", millis(median(&mut times)), millis(times[times.len() - 1]));
}

/// From a due time to the command's first instruction.
fn falling_due(folder: &Path) {
    let file = folder.join("stamps");
    let first = since_epoch() + Duration::from_secs(5);
    let mut text = String::new();
    for number in 0..SCHEDULES {
        let due = Duration::from_millis((first + SPREAD * number / SCHEDULES).as_millis() as u64);
        let at = jiff::Timestamp::from_nanosecond(due.as_nanos().cast_signed()).expect("a time of today");
        writeln!(text, "[job.d{number}]\nschedule = {{ at = \"{at}\" }}\n[job.d{number}.command]").expect("text");
        text += &stamping(&file, &format!(", \"{}\"", due.as_nanos()));
    }
    let daemon = Daemon::begin(folder, &text);
    while stamps(&file).len() < SCHEDULES as usize && since_epoch() < first + SPREAD + Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(200));
    }
    let late = |(stamp, due): (Duration, String)| {
        stamp.saturating_sub(Duration::from_nanos(due.trim().parse().expect("the due time")))
    };
    let mut times: Vec<Duration> = stamps(&file).into_iter().map(late).collect();
    println!("\na due time to the first instruction, {} of {SCHEDULES} due times over 60 s", times.len());
    let (p50, p99) = (quantile(&mut times, 50), quantile(&mut times, 99));
    println!("  p50 {:.2} ms, p99 {:.2} ms, latest {:.2} ms", millis(p50), millis(p99), millis(times[times.len() - 1]));
    drop(daemon);
}

/// What is used while nothing is due.
fn resting(folder: &Path) {
    let mut text = String::from("[job.t.command]\nrun = [\"true\"]\n");
    for number in 0..SCHEDULES {
        let at = format!("{} {} * * *", number % 60, number / 60);
        writeln!(text, "[job.d{number}]\nschedule = {{ cron = \"{at}\", jitter = \"1m\" }}").expect("text");
        writeln!(text, "[job.d{number}.command]\nrun = [\"true\"]").expect("text");
    }
    // None is due while it is looked at.
    let text = text.replace("* * *\"", "1 1 *\"");
    let daemon = Daemon::begin(folder, &text);
    daemon.run_all("t", 20);
    std::thread::sleep(Duration::from_secs(5));
    let seconds = std::env::var("STEADFAST_BENCH_REST").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let before = daemon.work();
    std::thread::sleep(Duration::from_secs(seconds));
    let after = daemon.work();
    let (ran, woken) = after.since(&before);
    let share = ran.as_secs_f64() / seconds as f64;
    println!("\nat rest, {SCHEDULES} schedules, none due, for {seconds} s, daemon and shim");
    println!("  processor                   {:.4} %", share * 100.0);
    println!("  wake-ups                    {woken}");
    println!("  memory (PSS)                {:.1} MiB", daemon.pss_kib() as f64 / 1024.0);
}
