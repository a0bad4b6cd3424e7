//! Routes about the daemon itself: its state, its files, its filters, and how it is stopped.

use std::sync::Arc;

use crate::api::desk::Desk;
use crate::api::problem::{Code, Problem};
use crate::api::route::{Asked, Json, Nothing};
use crate::api::shapes::{
    ConfigView, FilterView, FilterWanted, ReloadView, SlotsView, StatusView, StopQuery, WriterView,
};
use crate::daemon::Status;
use crate::store::view::Time;
use crate::trace::{Filter, TraceHandle, Writer};

pub(super) async fn status(asked: Asked<Nothing, Nothing, Nothing>) -> Result<Json<StatusView>, Problem> {
    let desk = asked.desk;
    let Status { census, degraded, damage, draining, config, refused } =
        desk.door.status().await.ok_or_else(Problem::stopping)?;
    let counts = desk.ask(|view| view.counts()).await?;
    Ok(Json(StatusView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        state: desk.state.root().display().to_string(),
        began_at: desk.began_at,
        now: Time::of(desk.clock.moment()),
        slots: slots(census.running, census.slots),
        counts,
        due_at: census.next.map(Time::of),
        degraded,
        damage,
        draining,
        config: ConfigView {
            jobs: config.jobs.len() as u64,
            files: config.files.iter().map(|file| file.path.clone()).collect(),
            refused,
        },
        trace: writers(desk.trace.as_ref()),
        followers: desk.feed.readers(),
    }))
}

/// Shows slots; so many that they cannot be meant are no limit.
pub(super) fn slots(taken: usize, of: usize) -> SlotsView {
    SlotsView { taken: taken as u64, of: (of < usize::MAX / 2).then_some(of as u64) }
}

fn writers(trace: Option<&TraceHandle>) -> Vec<WriterView> {
    let Some(trace) = trace else { return Vec::new() };
    let drops = trace.drops().into_iter();
    drops
        .map(|(writer, drops)| WriterView {
            writer: writer.as_str().to_owned(),
            filter: trace.filter(writer).unwrap_or_default(),
            dropped_lines: drops.lines,
            trouble: drops.trouble,
        })
        .collect()
}

pub(super) async fn reload(asked: Asked<Nothing, Nothing, Nothing>) -> Result<Json<ReloadView>, Problem> {
    let reloaded = asked.desk.door.reload().await;
    // What is wrong with files has many lines and remedies, and is shown as it is.
    let wrong = |message| Problem { code: Code::Configuration, message, help: None };
    reloaded.map(|difference| Json(ReloadView { difference })).map_err(wrong)
}

pub(super) async fn drain(asked: Asked<Nothing, Nothing, Nothing>) -> Result<Nothing, Problem> {
    asked.desk.door.drain(true).await?;
    Ok(Nothing {})
}

pub(super) async fn undrain(asked: Asked<Nothing, Nothing, Nothing>) -> Result<Nothing, Problem> {
    asked.desk.door.drain(false).await?;
    Ok(Nothing {})
}

pub(super) async fn stop(asked: Asked<Nothing, StopQuery, Nothing>) -> Result<Nothing, Problem> {
    asked.desk.door.stop(asked.query.jobs).await?;
    Ok(Nothing {})
}

pub(super) async fn filter(asked: Asked<Nothing, Nothing, Nothing>) -> Result<Json<FilterView>, Problem> {
    Ok(Json(FilterView { writers: writers(asked.desk.trace.as_ref()) }))
}

pub(super) async fn set_filter(
    asked: Asked<Nothing, Nothing, Json<FilterWanted>>,
) -> Result<Json<FilterView>, Problem> {
    let Json(FilterWanted { writer, filter }) = asked.body;
    let filter = Filter::new(&filter).map_err(Problem::usage)?;
    let wanted: Vec<Writer> = match &writer {
        None => Writer::ALL.to_vec(),
        Some(word) => Writer::ALL.into_iter().filter(|writer| writer.as_str() == word).collect(),
    };
    if wanted.is_empty() {
        return Err(Problem::usage("there is no such writer\nhelp: there are `console` and `files`"));
    }
    let desk: Arc<Desk> = asked.desk;
    let set = desk.trace.as_ref().map_or(0, |trace| {
        // Every writer that there is, not only the first.
        wanted.iter().filter(|writer| trace.set_filter(**writer, &filter)).count()
    });
    if set == 0 {
        return Err(Problem::not_found("this daemon has no such writer of its trace"));
    }
    Ok(Json(FilterView { writers: writers(desk.trace.as_ref()) }))
}
