use clap::Args;
use serde_json::json;
use steadfast_retry::Pretty;
use steadfast_retry::table::Resolved;

use super::Files;
use crate::cli::answer::Answer;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::text::{self, Cell};

/// Lists the policies: those that come with steadfast and those of the given files
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    answer: Answer,
}

pub(super) fn perform(what: &Arguments, console: &mut Console) -> Result<Exit, Failure> {
    let config = files::read(&what.files.paths, console)?;
    if what.answer.json {
        let policies: Vec<_> = config.policies.values().map(|resolved| &resolved.policy).collect();
        console.plain(&json!({ "policies": policies }))?;
        return Ok(Exit::GOOD);
    }
    let rows = config.policies.values().map(|resolved| row(resolved)).collect();
    let table = text::headed(["POLICY", "ATTEMPTS", "DEADLINE", "RULES", "FROM", "DELAY"], rows, console.width);
    console.print(&table)?;
    console.say("see one: steadfast policy show NAME");
    Ok(Exit::GOOD)
}

fn row(resolved: &Resolved) -> Vec<Cell> {
    let policy = &resolved.policy;
    let deadline = policy.limits().deadline.map_or("-".into(), |deadline| Pretty(deadline).to_string());
    let file = resolved.origins.values().map(|origin| &*origin.file).next().unwrap_or("-");
    vec![
        Cell::styled(policy.name(), text::HEADING),
        Cell::new(policy.limits().attempts),
        Cell::new(deadline),
        Cell::new(policy.catch().len()),
        Cell::new(if file.starts_with("steadfast:") { "shipped" } else { file }),
        Cell::new(policy.delay()),
    ]
}
