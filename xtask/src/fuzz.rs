//! `cargo xtask fuzz [TARGET] [--seconds N] [--seed N]`: mutated input for everything that reads what others wrote.
//!
//! The targets are a table in `tests/it/fuzz.rs`, where the suite tries each a fixed number of times; here they run by
//! the clock. A finding prints the seed and is written under `target/fuzz`.

use crate::Trouble;
use crate::arguments::Arguments;
use crate::invocation::Invocation;

const DEFAULT_SECONDS: u64 = 60;

pub(crate) fn main(mut arguments: Arguments) -> Result<(), Trouble> {
    let seconds = arguments.value("--seconds")?.unwrap_or(DEFAULT_SECONDS);
    let seed = arguments.value("--seed")?;
    let target = arguments.name();
    arguments.finish()?;
    campaign(target.as_deref(), seconds, seed).run()
}

fn campaign(target: Option<&str>, seconds: u64, seed: Option<u64>) -> Invocation {
    let mut run = Invocation::new("cargo test --quiet --locked --release --test it")
        .argument("fuzz::every_target_survives")
        .variable("STEADFAST_FUZZ_SECONDS", seconds);
    if let Some(target) = target {
        run = run.variable("STEADFAST_FUZZ_TARGET", target);
    }
    if let Some(seed) = seed {
        run = run.variable("STEADFAST_SEED", seed);
    }
    run.argument("--").argument("--nocapture")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_time_and_seed_reach_the_test() {
        let line = campaign(Some("class"), 5, Some(7)).to_string();
        let variables = "STEADFAST_FUZZ_SECONDS=5 STEADFAST_FUZZ_TARGET=class STEADFAST_SEED=7 cargo test";
        assert!(line.starts_with(variables), "{line}");
    }
}
