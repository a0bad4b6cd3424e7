//! Routes about jobs: what the files, the loop and the store know of each, put side by side.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::desk::Desk;
use crate::api::problem::Problem;
use crate::api::route::{Asked, Json, Nothing};
use crate::api::shapes::{JobDetail, JobPage, JobRow, OfJob};
use crate::daemon::Target;
use crate::dispatch::Agenda;
use crate::job::{Config, Job};
use crate::store::view::{JobSummary, Time};

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
    let declared = job.map(JobRow::declared).unwrap_or_default();
    JobRow {
        job: name.to_owned(),
        held: agenda.held,
        due_at: agenda.due.map(|due| Time::of_nanos(due.as_nanosecond())),
        waits_for: agenda.waits_for,
        waiting: agenda.waiting,
        under_way: agenda.under_way,
        past,
        ..declared
    }
}

pub(super) async fn show(asked: Asked<OfJob, Nothing, Nothing>) -> Result<Json<JobDetail>, Problem> {
    let name = asked.places.job;
    let (config, mut jobs) = all(&asked.desk).await?;
    let Some(row) = jobs.remove(&name) else { return Err(no_job(&name)) };
    let declared = config.jobs.get(&name).map(|job| JobDetail::declared(job)).unwrap_or_default();
    Ok(Json(JobDetail { sentence: row.sentence(), job: row, ..declared }))
}

fn no_job(name: &str) -> Problem {
    Problem::not_found(format_args!("there is no job `{name}`\nhelp: `steadfast jobs` lists jobs"))
}

pub(super) async fn hold(asked: Asked<OfJob, Nothing, Nothing>) -> Result<Nothing, Problem> {
    asked.desk.door.hold(Target::Job(asked.places.job), true, asked.caller.to_string()).await?;
    Ok(Nothing {})
}

pub(super) async fn release(asked: Asked<OfJob, Nothing, Nothing>) -> Result<Nothing, Problem> {
    asked.desk.door.hold(Target::Job(asked.places.job), false, asked.caller.to_string()).await?;
    Ok(Nothing {})
}
