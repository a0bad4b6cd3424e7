//! The simulator: the dispatcher under a simulated clock, store and hands, killed between any two effects.
//!
//! One test plays many seeds. `STEADFAST_SIM_SEEDS` says how many, `STEADFAST_SEED` plays one alone and prints what
//! happened; `cargo xtask sim SEED` does that.
#![allow(clippy::disallowed_methods, reason = "the door of this binary: it reads which seeds to play")]
#![allow(clippy::print_stdout, reason = "it shows what happened in a seed")]

mod agenda;
mod audit;
mod chance;
mod chaos;
mod client;
mod daemon;
mod fault;
mod hands;
mod log;
mod play;
mod profile;
mod reach;
mod replay;
mod world;

use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::env;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once};

use reach::Reach;

/// How many seeds the suite plays: as many as a minute holds.
const SEEDS: u64 = if cfg!(debug_assertions) { 500 } else { 20_000 };

/// So many failing seeds show what is wrong; the rest is not played.
const ENOUGH: u64 = 20;

/// How many of the last lines are shown when a seed fails among many.
const LAST_LINES: usize = 80;

#[test]
fn whatever_breaks_nothing_is_lost_and_nothing_runs_twice() {
    if let Some(seed) = number("STEADFAST_SEED") {
        return one(seed);
    }
    many(number("STEADFAST_SIM_SEEDS").unwrap_or(SEEDS));
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Plays one seed and prints what happened.
fn one(seed: u64) {
    let failed = failure(seed);
    for line in log::take() {
        println!("{line}");
    }
    if let Some(why) = failed {
        panic!("seed {seed}: {why}");
    }
}

/// Plays a seed with a log; returns why it fails, if it does.
fn failure(seed: u64) -> Option<String> {
    log::keep(true);
    let why = catch_unwind(|| play::play(seed, None)).err()?;
    Some(text_of(&*why))
}

fn text_of(why: &(dyn Any + Send)) -> String {
    let text = why.downcast_ref::<String>().cloned();
    text.or_else(|| why.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// How many of the seeds failed, and the first of each kind: its message, and how often it came.
type Failures = BTreeMap<String, (u64, u64)>;

/// Plays seeds 1, 2, 3 … on every core; shows the ways in which they fail, and the first failing one in full.
fn many(seeds: u64) {
    let (next, failed) = (AtomicU64::new(1), AtomicU64::new(0));
    let failures = Mutex::new(Failures::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let tried = std::thread::scope(|scope| {
        let play_some = || {
            let mut tried = Reach::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed > seeds || failed.load(Ordering::Relaxed) >= ENOUGH {
                    return tried;
                }
                match quietly(|| catch_unwind(|| play::play(seed, None))) {
                    Ok(of_seed) => tried.add(of_seed),
                    Err(why) => {
                        failed.fetch_add(1, Ordering::Relaxed);
                        note_failure(&failures, seed, &text_of(&*why));
                    }
                }
            }
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(play_some)).collect();
        let mut all = Reach::default();
        for thread in threads {
            all.add(thread.join().expect("a failed seed is caught"));
        }
        all
    });
    show(&failures.into_inner().expect("nobody panics while noting"));
    println!("{seeds} seeds: {tried}");
    if seeds >= 500 {
        tried.is_whole(seeds);
    }
}

/// Does what may panic often, without a message for each.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    thread_local!(static QUIET: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                loud(info);
            }
        }));
    });
    QUIET.set(true);
    let done = work();
    QUIET.set(false);
    done
}

fn note_failure(failures: &Mutex<Failures>, seed: u64, why: &str) {
    // Numbers differ from seed to seed; what is left is the kind.
    let kind: String = why.chars().filter(|letter| !letter.is_ascii_digit()).take(70).collect();
    let mut failures = failures.lock().expect("nobody panics while noting");
    let (first, times) = failures.entry(kind).or_insert((seed, 0));
    (*first, *times) = (seed.min(*first), *times + 1);
}

/// Shows what failed, if anything did: the kinds, then the first seed with its last lines.
fn show(failures: &Failures) {
    let Some(first) = failures.values().map(|(seed, _)| *seed).min() else { return };
    let why = failure(first).unwrap_or_else(|| "it does not fail when it is played again".to_owned());
    let lines = log::take();
    for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
        println!("{line}");
    }
    for (kind, (seed, times)) in failures {
        println!("{times} seeds, the first is {seed}: {kind}");
    }
    panic!("seed {first}: {why}\nhelp: play it again with `cargo xtask sim {first}`");
}
