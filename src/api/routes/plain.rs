use std::collections::BTreeMap;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use schemars::SchemaGenerator;
use steadfast_retry::Moment;

use crate::api::openapi;
use crate::api::problem::Problem;
use crate::api::route::{Answer, Asked, Content, Nothing};
use crate::api::shapes::JobRow;
use crate::trace::{JobFigures, RunState, Snapshot};

use super::events::no_figures;
use super::jobs;

const OPENMETRICS: &str = "application/openmetrics-text";

/// The document of everything.
pub(super) struct Document(String);

impl Answer for Document {
    fn contents(_: &mut SchemaGenerator) -> Vec<Content> {
        vec![Content { media: "application/json", schema: schemars::json_schema!({ "type": "object" }) }]
    }

    fn respond(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

pub(super) async fn openapi(_: Asked<Nothing, Nothing, Nothing>) -> Result<Document, Problem> {
    Ok(Document(openapi::document().to_string()))
}

pub(super) async fn healthz(_: Asked<Nothing, Nothing, Nothing>) -> Result<Nothing, Problem> {
    Ok(Nothing {})
}

/// Figures in the OpenMetrics text.
pub(super) struct Figures(String);

impl Answer for Figures {
    fn contents(_: &mut SchemaGenerator) -> Vec<Content> {
        vec![Content { media: OPENMETRICS, schema: schemars::json_schema!({ "type": "string" }) }]
    }

    fn respond(self) -> Response {
        ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], self.0).into_response()
    }
}

pub(super) async fn metrics(asked: Asked<Nothing, Nothing, Nothing>) -> Result<Figures, Problem> {
    let desk = asked.desk;
    let metrics = desk.metrics.clone().ok_or_else(no_figures)?;
    let status = desk.door.status().await.ok_or_else(Problem::stopping)?;
    let (_, rows) = jobs::all(&desk).await?;
    let jobs: BTreeMap<String, JobFigures> = rows.into_iter().map(|(name, row)| (name, figures(&row))).collect();
    let slots = (status.census.running as u64, status.census.slots as u64);
    let snapshot = Snapshot { jobs, slots, degraded: status.degraded.is_some(), drops: Vec::new() };
    let snapshot = match &desk.trace {
        Some(trace) => snapshot.with_drops(trace),
        None => snapshot,
    };
    Ok(Figures(metrics.render(&snapshot)))
}

fn figures(row: &JobRow) -> JobFigures {
    let mut runs = BTreeMap::new();
    if let Some(past) = &row.past {
        let counts = &past.counts;
        runs.insert(if row.held { RunState::Held } else { RunState::Queued }, counts.queued);
        runs.insert(RunState::Running, counts.running);
        runs.insert(RunState::WaitingRetry, counts.waiting);
        runs.insert(RunState::Finalizing, counts.finishing);
    }
    let moment = |due: crate::store::view::Time| {
        Moment::from_nanos(u64::try_from(due.timestamp().as_nanosecond()).unwrap_or_default())
    };
    JobFigures { runs, oldest_waiting: None, next_due: row.due_at.map(moment) }
}
