use clap::Args;

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use crate::job;

/// Writes the JSON schema of files of jobs, from which editors complete and check
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  steadfast schema > steadfast.schema.json
  and on the first line of a file of jobs: #:schema ./steadfast.schema.json")]
pub(super) struct Arguments {
    /// The same: the schema is JSON in any case
    #[arg(long, hide = true)]
    json: bool,
}

pub(super) fn perform(_: &Arguments, console: &mut Console) -> Result<Exit, Failure> {
    console.json(&job::schema())?;
    Ok(Exit::GOOD)
}
