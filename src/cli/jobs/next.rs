use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use serde_json::json;

use super::{Declared, named};
use crate::cli::answer::Answer;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::text::{self, Cell};
use crate::clock::Clock;
use crate::job::Job;
use crate::schedule::Upcoming;

/// Shows when jobs are due, with a word where a clock is set forward or back
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast jobs next --file jobs/
  steadfast jobs next daily-papers -n 20 --from 2026-03-28T00:00:00Z")]
pub(super) struct Arguments {
    /// The jobs; all that have a schedule without any
    #[arg(value_name = "JOB")]
    jobs: Vec<String>,
    /// How many due times of each
    #[arg(long, short = 'n', value_name = "NUMBER", default_value = "5", value_parser = clap::value_parser!(u16).range(1..=1000))]
    number: u16,
    /// From when on, with an offset from UTC; now without it
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    #[command(flatten)]
    declared: Declared,
    #[command(flatten)]
    answer: Answer,
}

pub(super) fn perform(what: &Arguments, console: &mut Console) -> Result<Exit, Failure> {
    let config = what.declared.read(console)?;
    let jobs: Vec<&Job> = if what.jobs.is_empty() {
        config.jobs.values().map(|job| &**job).filter(|job| job.schedule.is_some()).collect()
    } else {
        what.jobs.iter().map(|name| named(&config, name)).collect::<Result<_, _>>()?
    };
    if let Some(job) = jobs.iter().find(|job| job.schedule.is_none()) {
        let message = format!("the job `{}` has no schedule", job.name);
        return Err(Failure::new(Exit::CONFLICT, message).help(format_args!("it starts {}", super::list::starts(job))));
    }
    let from = what.from.unwrap_or_else(Clock::wall);
    let mut all: Vec<(&Job, Upcoming)> = Vec::new();
    for job in jobs {
        let schedule = job.schedule.as_ref().map(|text| text.declared().schedule(&TimeZoneDatabase::bundled()));
        let Some(Ok(schedule)) = schedule else { continue };
        let dues = schedule.preview(usize::from(what.number), schedule.begin(from));
        all.extend(dues.into_iter().map(|due| (job, due)));
    }
    all.sort_by_key(|(_, upcoming)| upcoming.due);
    if what.answer.json {
        let rows: Vec<_> = all.iter().map(|(job, upcoming)| value(job, upcoming)).collect();
        console.json(&rows)?;
        return Ok(Exit::GOOD);
    }
    if all.is_empty() {
        console.say("no job of these files has a schedule that is still due");
        return Ok(Exit::GOOD);
    }
    let rows = all.iter().map(|(job, upcoming)| row(job, upcoming, from)).collect();
    console.print(&text::headed(["DUE", "ZONE", "IN", "JOB", ""], rows, console.width))?;
    Ok(Exit::GOOD)
}

fn row(job: &Job, upcoming: &Upcoming, from: Timestamp) -> Vec<Cell> {
    let left = upcoming.due.duration_since(from);
    let left = steadfast_retry::Pretty(left.try_into().unwrap_or_default()).rounded().to_string();
    let note = upcoming.note.map_or_else(String::new, |note| note.to_string());
    vec![
        Cell::new(upcoming.local.strftime("%a %Y-%m-%d %H:%M:%S")),
        Cell::new(upcoming.local.strftime("%Z")),
        Cell::new(left),
        Cell::styled(&job.name, text::HEADING),
        Cell::styled(note, text::DOUBTFUL),
    ]
}

fn value(job: &Job, upcoming: &Upcoming) -> serde_json::Value {
    let note = upcoming.note.map(|note| note.to_string());
    json!({ "job": job.name, "due": upcoming.due.to_string(), "local": upcoming.local.to_string(), "note": note })
}
