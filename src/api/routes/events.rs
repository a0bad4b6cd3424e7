//! Routes that read the journal: pages of lines, lines as they come, and the timeline of a run. Lines come from the
//! store; the feed only says when to look.

use std::sync::Arc;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use schemars::SchemaGenerator;
use steadfast_retry::Moment;

use crate::api::desk::Desk;
use crate::api::problem::{Code, Problem};
use crate::api::route::{Answer, Asked, Content, Nothing};
use crate::api::shapes::{EventsQuery, OfRun, TraceForm, TraceQuery};
use crate::api::stream::{PageOrLines, Pen, Stop, flow, write_on};
use crate::ids::RunId;
use crate::journal::{Entry, Happened};
use crate::store::StoreError;
use crate::store::view::{EventPage, EventView, Events, View};
use crate::trace::{News, Tree, tree};

use super::runs::no_run;

type Told = PageOrLines<EventPage, EventView>;

/// How many lines are read at a time while somebody follows.
const AT_A_TIME: usize = 500;

/// The most entries of one run that its timeline is drawn of.
const MOST_ENTRIES: usize = 50_000;

pub(super) async fn all(asked: Asked<Nothing, EventsQuery, Nothing>) -> Result<Told, Problem> {
    tell(asked.desk, None, asked.query).await
}

pub(super) async fn of_run(asked: Asked<OfRun, EventsQuery, Nothing>) -> Result<Told, Problem> {
    let run = asked.places.run;
    asked.desk.ask(move |view| view.row(run)).await?.ok_or_else(|| no_run(run))?;
    tell(asked.desk, Some(run), asked.query).await
}

async fn tell(desk: Arc<Desk>, run: Option<RunId>, query: EventsQuery) -> Result<Told, Problem> {
    let EventsQuery { after, limit, follow } = query;
    if !follow {
        let wanted = Events { after: after.unwrap_or(0), limit: limit.unwrap_or(1000), run };
        return Ok(PageOrLines::Page(desk.ask(move |view| view.events(&wanted)).await?));
    }
    let after = match after {
        Some(after) => after,
        None => desk.ask(|view| view.newest_event()).await?,
    };
    let (pen, flow) = flow();
    write_on(follow_from(desk, run, after, pen));
    Ok(PageOrLines::lines(flow))
}

/// Writes what the journal has behind a place, and then whatever is added.
///
/// The lines come from the store; the feed is only the bell. So a reader that falls behind misses nothing, and a reader that
/// comes again with the last number it saw goes on behind it.
async fn follow_from(desk: Arc<Desk>, run: Option<RunId>, mut after: u64, pen: Pen) -> Result<(), Stop> {
    let mut news = desk.feed.subscribe();
    let mut closing = false;
    loop {
        loop {
            let wanted = Events { after, limit: AT_A_TIME, run };
            let page = desk.ask(move |view| view.events(&wanted)).await?;
            pen.lines(&page.events).await?;
            after = page.next;
            if !page.more {
                break;
            }
        }
        if closing {
            return Ok(());
        }
        tokio::select! {
            more = heard(&mut news, run, after) => closing = !more,
            () = pen.gone() => return Ok(()),
            // What was written last is still told.
            () = desk.closed() => closing = true,
        }
    }
}

/// Returns when there is something to read; says whether there may be more after it.
pub(super) async fn heard(news: &mut crate::trace::Reader, run: Option<RunId>, after: u64) -> bool {
    loop {
        match news.next().await {
            Some(News::Entry(seq, entry)) => {
                if seq > after && run.is_none_or(|run| entry.run() == Some(run)) {
                    return true;
                }
            }
            Some(News::Missed { .. }) => return true,
            None => return false,
        }
    }
}

/// A timeline, in the form that is wanted.
pub(super) enum Timeline {
    Tree(Box<Tree>),
    Text(String),
}

impl Answer for Timeline {
    fn contents(_: &mut SchemaGenerator) -> Vec<Content> {
        let tree = schemars::json_schema!({
            "type": "object",
            "description": "The timeline as a tree: run, job, trace, and root with kind, name, span, began_at, ended_at, outcome, note, attributes and children."
        });
        let text = schemars::json_schema!({ "type": "string" });
        vec![Content { media: "application/json", schema: tree }, Content { media: "text/plain", schema: text }]
    }

    fn respond(self) -> Response {
        match self {
            Self::Tree(tree) => axum::Json(tree).into_response(),
            Self::Text(text) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        }
    }
}

pub(super) async fn trace(asked: Asked<OfRun, TraceQuery, Nothing>) -> Result<Timeline, Problem> {
    let OfRun { run } = asked.places;
    let TraceQuery { form, columns, colour, zone } = asked.query;
    let zone = match zone {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(&name).map_err(|error| Problem::usage(format_args!("zone `{name}`: {error}")))?,
    };
    let entries = asked.desk.ask(move |view| entries_of(view, run)).await?;
    let tree = tree(&entries).ok_or_else(|| no_run(run))?;
    match form.unwrap_or_default() {
        TraceForm::Json => Ok(Timeline::Tree(Box::new(tree))),
        TraceForm::Text => Ok(Timeline::Text(tree.text(colour, columns, &zone))),
    }
}

/// Reads a run's entries, oldest first.
fn entries_of(view: &View, run: RunId) -> Result<Vec<Entry>, StoreError> {
    let (mut entries, mut after) = (Vec::new(), 0);
    while entries.len() < MOST_ENTRIES {
        let page = view.events(&Events { after, limit: 1000, run: Some(run) })?;
        for event in page.events {
            let at = u64::try_from(event.at.timestamp().as_nanosecond()).unwrap_or_default();
            let happened: Happened = serde_json::from_value(event.entry)
                .map_err(|error| StoreError::Corrupt(format!("entry {} of the journal: {error}", event.seq)))?;
            entries.push(Entry::of_run(Moment::from_nanos(at), run, happened));
        }
        after = page.next;
        if !page.more {
            break;
        }
    }
    Ok(entries)
}

/// The daemon has nobody who counts.
pub(super) fn no_figures() -> Problem {
    Problem::new(Code::NotFound, "this daemon counts no figures")
}
