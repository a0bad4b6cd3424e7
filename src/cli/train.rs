use std::path::PathBuf;

use clap::Args;

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::surroundings::Surroundings;
use crate::demo::train::train;

/// Trains the demo's small model
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The checkpoint that is gone on from and written
    checkpoint: PathBuf,
    /// The step at which it crashes
    #[arg(long)]
    crash_at: Option<u64>,
}

pub(super) fn perform(what: &Arguments, console: &mut Console, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let notify = surroundings.variable("STEADFAST_NOTIFY").map(PathBuf::from);
    let told = train(&what.checkpoint, what.crash_at, notify.as_deref());
    console.print(&told.map_err(|error| Failure::new(Exit::FAILED, error))?)?;
    Ok(Exit::GOOD)
}
