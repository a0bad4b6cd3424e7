//! `cargo xtask cron-walk`: years of due times in many zones against a second, naive calendar.
//!
//! It runs the tests whose name holds `cron_walk`, with `STEADFAST_CRON_WALK=long` asking for the whole walk. It is an
//! error if there is no such test.

use crate::Trouble;
use crate::arguments::Arguments;
use crate::tools::NEXTEST;

pub(crate) fn main(arguments: Arguments) -> Result<(), Trouble> {
    arguments.finish()?;
    let run = NEXTEST.invoke("run --locked --release --profile campaign --no-capture --no-tests=fail -E")?;
    run.argument("test(cron_walk)").variable("STEADFAST_CRON_WALK", "long").run()
}
