//! steadfast-retry beside its peers: `cargo xtask bench retry`.
//!
//! Every contestant does the same work with the means that its own pages show first. Figures are the median of alternating rounds, as
//! ratios to a loop by hand in the same run; allocations are counted for one call.

mod asynchronous;
mod blocking;
mod work;

use std::hint::black_box;
use std::time::Instant;

/// How often each contestant is measured, in turns.
const ROUNDS: usize = 15;

/// One contestant in one discipline: does the work so many times.
struct Contestant {
    name: &'static str,
    run: fn(u32),
}

/// A discipline: the same work for all; the first one is the measure.
struct Discipline {
    title: &'static str,
    contestants: &'static [Contestant],
    /// How many calls make one round.
    calls: u32,
}

fn main() {
    let wanted = std::env::args().nth(1);
    for discipline in blocking::DISCIPLINES.iter().chain(asynchronous::DISCIPLINES) {
        if wanted.as_ref().is_none_or(|wanted| discipline.title.contains(wanted.as_str())) {
            measure(discipline);
        }
    }
    asynchronous::sizes();
    blocking::giving_up();
}

fn measure(discipline: &Discipline) {
    println!("\n{}", discipline.title);
    let mut rounds: Vec<Vec<f64>> = vec![Vec::new(); discipline.contestants.len()];
    for _ in 0..ROUNDS {
        for (times, contestant) in rounds.iter_mut().zip(discipline.contestants) {
            let began = Instant::now();
            black_box(contestant.run)(black_box(discipline.calls));
            times.push(began.elapsed().as_secs_f64() * 1e9 / f64::from(discipline.calls));
        }
    }
    let medians: Vec<f64> = rounds.iter_mut().map(|times| median(times)).collect();
    for (contestant, median) in discipline.contestants.iter().zip(&medians) {
        let one = || (contestant.run)(1);
        one();
        let (none, with) = (count(|| (contestant.run)(0)), count(one));
        let ratio = median / medians[0];
        println!("  {:<16} {median:>9.1} ns  {ratio:>7.2}x  {} allocations", contestant.name, with - none);
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Counts allocations.
fn count(what: impl FnOnce()) -> u64 {
    allocation_counter::measure(what).count_total
}
