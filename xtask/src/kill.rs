//! `cargo xtask kill [COUNT]`: kill the daemon COUNT times at any instant, and check what it left behind.
//!
//! It runs the tests of the `it` binary whose name holds `kill_campaign`, with `STEADFAST_KILLS=COUNT`. It is an error
//! if there is no such test. N kills without a failure say, with 95 % confidence, that fewer than 3 in N fail.

use crate::Trouble;
use crate::arguments::{Arguments, parse};
use crate::tools::NEXTEST;

const DEFAULT_COUNT: u64 = 10_000;

pub(crate) fn main(mut arguments: Arguments) -> Result<(), Trouble> {
    let count = arguments.name().map(|word| parse(&word, "COUNT")).transpose()?.unwrap_or(DEFAULT_COUNT);
    arguments.finish()?;
    let run = NEXTEST.invoke("run --locked --release --profile campaign --no-capture --no-tests=fail --test it -E")?;
    run.argument("test(kill_campaign)").variable("STEADFAST_KILLS", count).run()
}
