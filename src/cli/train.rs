use std::path::{Path, PathBuf};

use clap::Args;

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::surroundings::Surroundings;
use crate::demo::train::{Weights, train};

/// Trains the demo's small model
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The checkpoint that is gone on from and written
    checkpoint: PathBuf,
    /// The step at which it crashes
    #[arg(long)]
    crash_at: Option<u64>,
    /// Train nothing, and say whether this other checkpoint holds the same weights
    #[arg(long, value_name = "CHECKPOINT")]
    against: Option<PathBuf>,
}

pub(super) fn perform(what: &Arguments, console: &mut Console, surroundings: &Surroundings) -> Result<Exit, Failure> {
    if let Some(other) = &what.against {
        return compare(&what.checkpoint, other, console);
    }
    let notify = surroundings.variable("STEADFAST_NOTIFY").map(PathBuf::from);
    let say = |line: &str| console.print(line).and_then(|()| console.flush());
    train(&what.checkpoint, what.crash_at, notify.as_deref(), say)
        .map_err(|error| Failure::new(Exit::FAILED, format_args!("the training cannot go on: {error}")))?;
    Ok(Exit::GOOD)
}

fn compare(one: &Path, other: &Path, console: &mut Console) -> Result<Exit, Failure> {
    let read = |path: &Path| {
        let whole = Weights::read(path).filter(Weights::is_done);
        whole.ok_or_else(|| Failure::new(Exit::FAILED, format_args!("`{}` holds no finished training", path.display())))
    };
    let (one, other) = (read(one)?, read(other)?);
    if one != other {
        return Err(Failure::new(Exit::FAILED, format_args!("the weights differ: {one}, and {other}")));
    }
    console.print(&format!("the same weights, to the bit\n{one}\n{other}"))?;
    Ok(Exit::GOOD)
}
