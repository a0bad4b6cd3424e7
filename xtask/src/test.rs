//! `cargo xtask test [--quick]`: everything that must hold before a change is handed in.

use crate::Trouble;
use crate::arguments::Arguments;
use crate::invocation::Invocation;
use crate::steps::Steps;
use crate::tools::{DENY, NEXTEST};
use crate::{deny, examples, library, root, sim};

/// Runs the steps, the cheap and telling ones first.
///
/// `--quick` leaves out what a change rarely breaks: features alone, documentation, examples, demo, simulator and the
/// tree of dependencies.
pub(crate) fn main(mut arguments: Arguments) -> Result<Steps, Trouble> {
    let quick = arguments.flag("--quick");
    arguments.finish()?;

    let mut steps = Steps::default();
    steps.check("tools", "cargo xtask test", || {
        NEXTEST.ready()?;
        if !quick {
            DENY.ready()?;
        }
        Ok(None)
    });
    steps.run("format", &Invocation::new("cargo fmt --all --check"));
    steps.run("clippy", &Invocation::new("cargo clippy --locked --workspace --all-targets -- -D warnings"));
    if !quick {
        library::each_feature_alone(&mut steps)?;
    }
    steps.run("tidy", &Invocation::new("cargo test --quiet --locked --test it tidy::"));
    let tests = NEXTEST.invoke("run --locked --workspace -E")?.argument("not binary(sim)");
    steps.check("tests", &tests.to_string(), || {
        tests.run()?;
        skips()
    });
    if !quick {
        thorough(&mut steps)?;
    }
    Ok(steps)
}

/// Returns what tests that passed could not do on this machine, from the report of the last run.
fn skips() -> Result<Option<String>, Trouble> {
    let report = root().join("target/nextest/default/junit.xml");
    let text = std::fs::read_to_string(&report).map_err(|error| format!("{}: {error}", report.display()))?;
    let skips = skips_in(&text);
    Ok((!skips.is_empty()).then(|| format!("{} tests in part: {}", skips.len(), reasons(&skips).join("; "))))
}

/// Finds the lines in which tests say that they passed something over, one for each test.
fn skips_in(report: &str) -> Vec<&str> {
    report.split("SKIPPED: ").skip(1).map(|rest| rest.split(['\n', '<']).next().unwrap_or_default().trim()).collect()
}

/// Names each reason once.
fn reasons<'a>(skips: &[&'a str]) -> Vec<&'a str> {
    let mut reasons = skips.to_vec();
    reasons.sort_unstable();
    reasons.dedup();
    reasons
}

/// Adds the steps that `--quick` leaves out.
fn thorough(steps: &mut Steps) -> Result<(), Trouble> {
    steps.run("documentation tests", &Invocation::new("cargo test --locked --workspace --doc"));
    let doc = Invocation::new("cargo doc --locked --workspace --no-deps").variable("RUSTDOCFLAGS", "-D warnings");
    steps.run("documentation", &doc);
    examples::run_all(steps)?;
    steps.run("demo", &Invocation::new("cargo run --locked --release -- demo"));
    steps.run("simulator", &sim::suite()?);
    deny::run_all(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_skipped_is_counted_by_test_and_named_by_reason() {
        let report = "<system-err>SKIPPED: no sky\nmore</system-err><x>SKIPPED: no sea</x><x>\nSKIPPED: no sky\n</x>";
        let skips = skips_in(report);
        assert_eq!((skips.len(), reasons(&skips)), (3, vec!["no sea", "no sky"]));
        assert!(skips_in("<system-out>nothing SKIPPED</system-out>").is_empty());
    }
}
