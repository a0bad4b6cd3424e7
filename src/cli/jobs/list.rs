use clap::Args;

use super::Declared;
use crate::cli::answer::Answer;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::text::{self, Cell};
use crate::job::{Job, ScheduleText};

/// Lists the jobs that files declare
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    declared: Declared,
    #[command(flatten)]
    answer: Answer,
}

pub(super) fn perform(what: &Arguments, console: &mut Console) -> Result<Exit, Failure> {
    let config = what.declared.read(console)?;
    if what.answer.json {
        console.json(&config.jobs.values().collect::<Vec<_>>())?;
        return Ok(Exit::GOOD);
    }
    let rows = config.jobs.values().map(|job| row(job)).collect();
    console.print(&text::headed(["JOB", "RUNS", "STARTS", "POLICY", "ABOUT"], rows, console.width))?;
    console.say("see one: steadfast jobs show JOB");
    Ok(Exit::GOOD)
}

fn row(job: &Job) -> Vec<Cell> {
    vec![
        Cell::styled(&job.name, text::HEADING),
        Cell::new(job.definition.matrix.len().max(1)),
        Cell::new(starts(job)),
        Cell::new(job.definition.policy.name()),
        Cell::new(job.about.as_deref().unwrap_or_default()),
    ]
}

/// What makes a job begin, in a few words.
pub(super) fn starts(job: &Job) -> String {
    match (&job.schedule, &job.after) {
        (Some(schedule), _) => schedule_in_words(schedule),
        (None, Some(after)) => format!("after {}", after.jobs.join(", ")),
        (None, None) => "by hand".to_owned(),
    }
}

fn schedule_in_words(schedule: &ScheduleText) -> String {
    match (&schedule.cron, schedule.every, &schedule.at) {
        (Some(cron), ..) => cron.clone(),
        (None, Some(every), _) => format!("every {}", steadfast_retry::Pretty(every)),
        (None, None, Some(at)) => format!("at {at}"),
        (None, None, None) => String::new(),
    }
}
