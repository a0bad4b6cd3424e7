#![deny(unused_must_use)]
use steadfast_retry::{GaveUp, Policy};

fn main() -> Result<(), GaveUp<&'static str>> {
    let policy = Policy::DEFAULT;
    let mut run = policy.start();
    run.failed("no")?;
    Ok(run.succeed(()))
}
