//! `steadfast jobs next`: when jobs are due. The due times are the schedule's own; only what the daemon last did is asked of it.

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use serde_json::json;

use super::{Declared, Told, named};
use crate::api::JobRow;
use crate::cli::answer::Answer;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::text::{self, Cell};
use crate::clock::Clock;
use crate::job::{Job, ScheduleText};
use crate::schedule::Upcoming;
use crate::state::StateDir;
use crate::store::view::Time;

/// Shows when jobs are due, with a word where a clock is set forward or back
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast jobs next
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

/// A job with its schedule, and when the daemon will start it next.
struct Planned {
    job: String,
    schedule: Option<ScheduleText>,
    starts: String,
    due: Option<Timestamp>,
}

impl Planned {
    fn of(job: &Job) -> Self {
        Self { job: job.name.clone(), schedule: job.schedule.clone(), starts: super::list::starts(job), due: None }
    }

    fn loaded(row: JobRow) -> Self {
        let starts = super::list::starts_in_words(row.schedule.as_ref(), row.after.as_ref());
        Self { job: row.job, schedule: row.schedule, starts, due: row.due_at.map(|due| due.timestamp()) }
    }

    /// Returns the due times from a moment on. What is due every so often counts from the last time, which the daemon knows.
    fn upcoming(&self, number: usize, from: Option<Timestamp>) -> Vec<Upcoming> {
        let declared = self.schedule.as_ref().map(|text| text.declared().schedule(&TimeZoneDatabase::bundled()));
        let Some(Ok(schedule)) = declared else { return Vec::new() };
        let every = self.schedule.as_ref().and_then(|text| text.every);
        match (from, self.due, every) {
            (None, Some(due), Some(_)) => {
                let local = due.to_zoned_datetime(jiff::tz::TimeZone::UTC);
                let first = Upcoming { due, local, note: None };
                std::iter::once(first).chain(schedule.preview(number - 1, due)).collect()
            }
            (from, ..) => schedule.preview(number, schedule.begin(from.unwrap_or_else(Clock::wall))),
        }
    }
}

/// Finds the jobs that were named, or all that have a schedule.
fn planned(what: &Arguments, state: Option<&StateDir>, console: &mut Console) -> Result<Vec<Planned>, Failure> {
    match what.declared.ask(state, console)? {
        Told::Files(config) if what.jobs.is_empty() => Ok(config.jobs.values().map(|job| Planned::of(job)).collect()),
        Told::Files(config) => what.jobs.iter().map(|name| named(&config, name).map(Planned::of)).collect(),
        Told::Daemon(mut client) if what.jobs.is_empty() => {
            Ok(client.jobs()?.jobs.into_iter().map(Planned::loaded).collect())
        }
        Told::Daemon(mut client) => {
            let one = |name: &String| {
                let detail = client.job(name).map_err(|problem| super::show::unknown(&mut client, name, problem))?;
                Ok(Planned::loaded(detail.job))
            };
            what.jobs.iter().map(one).collect()
        }
    }
}

pub(super) fn perform(what: &Arguments, console: &mut Console, state: Option<&StateDir>) -> Result<Exit, Failure> {
    let mut jobs = planned(what, state, console)?;
    if what.jobs.is_empty() {
        jobs.retain(|job| job.schedule.is_some());
    }
    if let Some(job) = jobs.iter().find(|job| job.schedule.is_none()) {
        let message = format!("the job `{}` has no schedule", job.job);
        return Err(Failure::new(Exit::CONFLICT, message).help(format_args!("it starts {}", job.starts)));
    }
    let from = what.from.unwrap_or_else(Clock::wall);
    let mut all: Vec<(&str, Upcoming)> = Vec::new();
    for job in &jobs {
        let dues = job.upcoming(usize::from(what.number), what.from);
        all.extend(dues.into_iter().map(|due| (job.job.as_str(), due)));
    }
    all.sort_by_key(|(_, upcoming)| upcoming.due);
    if what.answer.json {
        let rows: Vec<_> = all.iter().map(|(job, upcoming)| value(job, upcoming)).collect();
        console.json(&json!({ "upcoming": rows }))?;
        return Ok(Exit::GOOD);
    }
    if all.is_empty() {
        console.say("no job has a schedule that is still due");
        return Ok(Exit::GOOD);
    }
    let rows = all.iter().map(|(job, upcoming)| row(job, upcoming, from)).collect();
    console.print(&text::headed(["DUE", "ZONE", "IN", "JOB", ""], rows, console.width))?;
    Ok(Exit::GOOD)
}

fn row(job: &str, upcoming: &Upcoming, from: Timestamp) -> Vec<Cell> {
    let left = upcoming.due.duration_since(from);
    let left = steadfast_retry::Pretty(left.try_into().unwrap_or_default()).rounded().to_string();
    let note = upcoming.note.map_or_else(String::new, |note| note.to_string());
    vec![
        Cell::new(upcoming.local.strftime("%a %Y-%m-%d %H:%M:%S")),
        Cell::new(upcoming.local.strftime("%Z")),
        Cell::new(left),
        Cell::styled(job, text::HEADING),
        Cell::styled(note, text::DOUBTFUL),
    ]
}

fn value(job: &str, upcoming: &Upcoming) -> serde_json::Value {
    let due = Time::of_nanos(upcoming.due.as_nanosecond());
    let mut value = json!({ "job": job, "due_at": due, "local": upcoming.local.to_string() });
    if let Some(note) = upcoming.note {
        value["note"] = note.to_string().into();
    }
    value
}
