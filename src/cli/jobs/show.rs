use std::fmt::Write as _;

use clap::Args;

use super::{Declared, Told, list, named};
use crate::api::{Client, Code, JobDetail, Problem};
use crate::cli::answer::Answer;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::text::{self, Cell};
use crate::job::{Action, Definition, Job, Program};
use crate::state::StateDir;

/// Shows a job as it is understood: its command, its policy, when it starts
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The job
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    declared: Declared,
    #[command(flatten)]
    answer: Answer,
}

pub(super) fn perform(what: &Arguments, console: &mut Console, state: Option<&StateDir>) -> Result<Exit, Failure> {
    let config = match what.declared.ask(state, console)? {
        Told::Files(config) => config,
        Told::Daemon(mut client) => {
            let detail = client.job(&what.job).map_err(|problem| unknown(&mut client, &what.job, problem))?;
            if what.answer.json {
                console.json(&detail.plain())?;
            } else {
                console.print(&super::page(&detail, console.width))?;
            }
            return Ok(Exit::GOOD);
        }
    };
    let job = named(&config, &what.job)?;
    if what.answer.json {
        console.json(&JobDetail::declared(job).plain())?;
        return Ok(Exit::GOOD);
    }
    console.print(&page(job, console.width))?;
    Ok(Exit::GOOD)
}

/// Adds the name that was meant, where a job is unknown.
pub(super) fn unknown(client: &mut Client, job: &str, problem: Problem) -> Failure {
    let is_unknown = problem.code == Code::NotFound;
    let failure = Failure::from(problem);
    match client.jobs() {
        Ok(page) if is_unknown => failure.suggest(job, page.jobs.iter().map(|row| row.job.as_str())),
        Ok(_) | Err(_) => failure,
    }
}

/// What is run, in a line.
pub(super) fn command(definition: &Definition) -> String {
    let Action::Command(command) = &definition.action;
    match &command.program {
        Program::Argv(argv) => argv.join(" "),
        Program::Shell(line) => format!("sh -c {line}"),
    }
}

fn page(job: &Job, width: usize) -> String {
    let bold = text::HEADING;
    let mut out = format!("{bold}{}{bold:#}", job.name);
    if let Some(about) = &job.about {
        let _ = write!(out, ": {about}");
    }
    out.push('\n');
    let definition = &job.definition;
    let mut rows: Vec<(&str, String)> = vec![("command", command(definition))];
    rows.push(("folder", definition.workdir.display().to_string()));
    rows.push(("starts", list::starts(job)));
    rows.push(("policy", definition.policy.to_string()));
    rows.extend(job.group.as_ref().map(|group| ("group", group.clone())));
    if !definition.matrix.is_empty() {
        rows.push(("runs", format!("{}, one for each point of the matrix", definition.matrix.len())));
    }
    let parameters: Vec<String> = definition.parameters.keys().cloned().collect();
    if !parameters.is_empty() {
        rows.push(("parameters", parameters.join(", ")));
    }
    rows.push(("declared", job.origin.to_string()));
    let rows: Vec<Vec<Cell>> = rows
        .into_iter()
        .map(|(key, value)| vec![Cell::styled(format_args!("  {key}"), text::FAINT), Cell::new(value)])
        .collect();
    out.push_str(&text::prose(&rows, width));
    out
}
