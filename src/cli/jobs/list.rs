use clap::Args;

use super::{Declared, Told, loaded};
use crate::api::{JobPage, JobRow};
use crate::cli::answer::Answer;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::text::{self, Cell};
use crate::clock::Clock;
use crate::job::{After, Job, ScheduleText};
use crate::state::StateDir;
use crate::store::view::Time;

/// Lists jobs: what makes them begin, when they are due next, how the newest run stands
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    declared: Declared,
    #[command(flatten)]
    answer: Answer,
}

pub(super) fn perform(what: &Arguments, console: &mut Console, state: Option<&StateDir>) -> Result<Exit, Failure> {
    let config = match what.declared.ask(state, console)? {
        Told::Files(config) => config,
        Told::Daemon(mut client) => {
            let mut page = client.jobs()?;
            page.jobs.retain(loaded::is_job);
            if what.answer.json {
                console.json(&page)?;
                return Ok(Exit::GOOD);
            }
            console.print(&loaded::table(&page.jobs, Time::of(Clock::unkept().moment()), console.width))?;
            console.say("see one: steadfast jobs show JOB");
            return Ok(Exit::GOOD);
        }
    };
    if what.answer.json {
        console.json(&JobPage { jobs: config.jobs.values().map(|job| JobRow::declared(job)).collect() })?;
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
    starts_in_words(job.schedule.as_ref(), job.after.as_ref())
}

pub(super) fn starts_in_words(schedule: Option<&ScheduleText>, after: Option<&After>) -> String {
    match (schedule, after) {
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
