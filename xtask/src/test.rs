//! `cargo xtask test [--quick]`: everything that must hold before a change is handed in.

use crate::Trouble;
use crate::arguments::Arguments;
use crate::invocation::Invocation;
use crate::steps::Steps;
use crate::tools::{DENY, NEXTEST};
use crate::{deny, examples, library, sim};

/// Whether `steadfast demo` exists. The step shows itself as skipped until then.
const DEMO_EXISTS: bool = true;

/// Whether the simulator holds a test. The step shows itself as skipped until then.
const SIMULATOR_EXISTS: bool = true;

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
    steps.run("tests", &NEXTEST.invoke("run --locked --workspace -E")?.argument("not binary(sim)"));
    if !quick {
        thorough(&mut steps)?;
    }
    Ok(steps)
}

/// Adds the steps that `--quick` leaves out.
fn thorough(steps: &mut Steps) -> Result<(), Trouble> {
    steps.run("documentation tests", &Invocation::new("cargo test --locked --workspace --doc"));
    let doc = Invocation::new("cargo doc --locked --workspace --no-deps").variable("RUSTDOCFLAGS", "-D warnings");
    steps.run("documentation", &doc);
    examples::run_all(steps)?;
    let demo = Invocation::new("cargo run --locked --release -- demo");
    once_it_exists(steps, DEMO_EXISTS, "demo", &demo);
    once_it_exists(steps, SIMULATOR_EXISTS, "simulator", &sim::suite()?);
    deny::run_all(steps)
}

/// Adds a step for something that is still to be built.
fn once_it_exists(steps: &mut Steps, exists: bool, name: &str, invocation: &Invocation) {
    if exists {
        steps.run(name, invocation);
    } else {
        steps.check(name, &invocation.to_string(), || Ok(Some(format!("the {name}, which does not exist yet"))));
    }
}
