//! `cargo xtask sim [SEED]`: the simulator, in release because seeds are many.
//!
//! The simulator reads `STEADFAST_SIM_SEEDS` (how many) and `STEADFAST_SEED` (this one only).

use crate::Trouble;
use crate::arguments::{Arguments, parse};
use crate::invocation::Invocation;
use crate::tools::NEXTEST;

/// How many seeds a developer's hunt tries. The suite's own number is the test's default.
const HUNT_SEEDS: &str = "100000";

pub(crate) fn main(mut arguments: Arguments) -> Result<(), Trouble> {
    let seed = arguments.name().map(|word| parse::<u64>(&word, "SEED")).transpose()?;
    arguments.finish()?;
    let seeds = std::env::var("STEADFAST_SIM_SEEDS").unwrap_or_else(|_| HUNT_SEEDS.to_owned());
    bounded(suite()?.argument("--profile=campaign").argument("--no-capture"), seed, &seeds).run()
}

/// Returns the simulator as the suite runs it; it is an error if it holds no test.
pub(crate) fn suite() -> Result<Invocation, Trouble> {
    NEXTEST.invoke("run --locked --release --no-tests=fail --test sim")
}

fn bounded(run: Invocation, seed: Option<u64>, seeds: &str) -> Invocation {
    match seed {
        Some(seed) => run.variable("STEADFAST_SEED", seed),
        None => run.variable("STEADFAST_SIM_SEEDS", seeds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_played_alone_and_without_one_there_are_many() {
        let line = |seed| bounded(Invocation::new("sim"), seed, "9").to_string();
        assert_eq!(line(Some(42)), "STEADFAST_SEED=42 sim");
        assert_eq!(line(None), "STEADFAST_SIM_SEEDS=9 sim");
    }
}
