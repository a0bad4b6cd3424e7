//! Routes about jobs: what the files, the loop and the store know of each, put side by side.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZoneDatabase;

use crate::api::desk::Desk;
use crate::api::problem::Problem;
use crate::api::route::{Asked, Json, Nothing};
use crate::api::shapes::{JobDetail, JobPage, JobRow, OfJob};
use crate::clock::Clock;
use crate::daemon::Target;
use crate::dispatch::Agenda;
use crate::job::{Config, Job, Mode};
use crate::store::view::{JobSummary, Time};

/// How many due times are foretold.
const UPCOMING: usize = 5;

pub(super) async fn list(asked: Asked<Nothing, Nothing, Nothing>) -> Result<Json<JobPage>, Problem> {
    let (_, jobs) = all(&asked.desk).await?;
    Ok(Json(JobPage { jobs: jobs.into_values().collect() }))
}

/// Puts together what the files, the loop and the store know of each job.
pub(super) async fn all(desk: &Arc<Desk>) -> Result<(Arc<Config>, BTreeMap<String, JobRow>), Problem> {
    let status = desk.door.status().await.ok_or_else(Problem::stopping)?;
    let agendas: BTreeMap<String, Agenda> =
        desk.door.agendas().await.ok_or_else(Problem::stopping)?.into_iter().collect();
    let past = desk.ask(|view| view.jobs()).await?;
    let mut past: BTreeMap<String, JobSummary> = past.into_iter().map(|past| (past.job.clone(), past)).collect();
    let names = status.config.jobs.keys().chain(agendas.keys()).chain(past.keys()).cloned();
    let names: std::collections::BTreeSet<String> = names.collect();
    let row = |name: String| {
        let row = row(&name, status.config.jobs.get(&name).map(|job| &**job), agendas.get(&name), past.remove(&name));
        (name, row)
    };
    let rows = names.into_iter().map(row).collect();
    Ok((status.config, rows))
}

fn row(name: &str, job: Option<&Job>, agenda: Option<&Agenda>, past: Option<JobSummary>) -> JobRow {
    let agenda = agenda.cloned().unwrap_or_default();
    JobRow {
        job: name.to_owned(),
        loaded: job.is_some(),
        about: job.and_then(|job| job.about.clone()),
        held: agenda.held,
        policy: job.map(|job| job.definition.policy.name().to_owned()),
        group: job.and_then(|job| job.group.clone()),
        points: job.map_or(0, |job| job.definition.matrix.len()),
        schedule: job.and_then(|job| job.schedule.clone()),
        due_at: agenda.due.map(|due| Time::of_nanos(due.as_nanosecond())),
        after: job.and_then(|job| job.after.clone()),
        waits_for: agenda.waits_for,
        waiting: agenda.waiting,
        under_way: agenda.under_way,
        past,
    }
}

pub(super) async fn show(asked: Asked<OfJob, Nothing, Nothing>) -> Result<Json<JobDetail>, Problem> {
    let name = asked.places.job;
    let (config, mut jobs) = all(&asked.desk).await?;
    let Some(row) = jobs.remove(&name) else { return Err(no_job(&name)) };
    let job = config.jobs.get(&name);
    Ok(Json(JobDetail {
        sentence: sentence(&row),
        upcoming: job.map(|job| upcoming(job)).unwrap_or_default(),
        parameters: job.map(|job| job.definition.parameters.clone()).unwrap_or_default(),
        definition: job.and_then(|job| serde_json::to_value(&job.definition).ok()),
        digest: job.map(|job| job.digest.to_string()),
        declared_at: job.map(|job| job.origin.to_string()),
        job: row,
    }))
}

fn no_job(name: &str) -> Problem {
    Problem::not_found(format_args!("there is no job `{name}`\nhelp: `steadfast jobs` lists jobs"))
}

/// Says what lets a job begin next.
fn sentence(row: &JobRow) -> String {
    if !row.loaded {
        return "no file declares it any more, so nothing of it begins".to_owned();
    }
    if row.held {
        return "it is held: nothing of it begins until it is released".to_owned();
    }
    match (&row.due_at, &row.after) {
        (Some(due), _) => format!("its schedule starts it next at {due}"),
        (None, Some(after)) => {
            let what = match after.mode {
                Mode::AllSucceeded => "each of these has a new success",
                Mode::AnySucceeded => "one of these has a new success",
                Mode::Ended => "each of these has ended anew",
            };
            let waits_for = if row.waits_for.is_empty() { &after.jobs } else { &row.waits_for };
            format!("it begins when {what}: {}", waits_for.join(", "))
        }
        (None, None) if row.schedule.is_some() => "its schedule has no due time left".to_owned(),
        (None, None) => "it begins when somebody starts it".to_owned(),
    }
}

fn upcoming(job: &Job) -> Vec<Time> {
    let declared = job.schedule.as_ref().map(|text| text.declared().schedule(&TimeZoneDatabase::bundled()));
    let Some(Ok(schedule)) = declared else { return Vec::new() };
    let due = std::iter::successors(schedule.next_after(Clock::wall()), |due| schedule.next_after(*due));
    due.take(UPCOMING).map(|due| Time::of_nanos(due.as_nanosecond())).collect()
}

pub(super) async fn hold(asked: Asked<OfJob, Nothing, Nothing>) -> Result<Nothing, Problem> {
    asked.desk.door.hold(Target::Job(asked.places.job), true, asked.caller.to_string()).await?;
    Ok(Nothing {})
}

pub(super) async fn release(asked: Asked<OfJob, Nothing, Nothing>) -> Result<Nothing, Problem> {
    asked.desk.door.hold(Target::Job(asked.places.job), false, asked.caller.to_string()).await?;
    Ok(Nothing {})
}
