use std::sync::Arc;
use std::time::Duration;

use steadfast_retry::parse_duration;

use crate::api::desk::{Desk, is_over};
use crate::api::problem::Problem;
use crate::api::route::{Asked, Json, Nothing};
use crate::api::shapes::{OfRun, WaitQuery};
use crate::ids::RunId;
use crate::journal::{About, Entry, Happened};
use crate::store::view::RunRow;
use crate::trace::News;

use super::runs::no_run;

/// How long is waited where nothing is said, and at most.
const TIMEOUT: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3600);

/// Answers with the run's row when it is over; with the row as it is when the time is up or the daemon goes.
pub(super) async fn wait(asked: Asked<OfRun, WaitQuery, Nothing>) -> Result<Json<RunRow>, Problem> {
    let Asked { desk, places: OfRun { run }, query, .. } = asked;
    let timeout = query.timeout.map(|text| parse_duration(&text).map_err(Problem::usage)).transpose()?;
    let timeout = timeout.unwrap_or(TIMEOUT).min(LONGEST);
    let over = async {
        tokio::select! {
            over = until_over(&desk, run) => over,
            () = desk.closed() => row_of(&desk, run).await,
        }
    };
    match tokio::time::timeout(timeout, over).await {
        Ok(row) => row.map(Json),
        Err(_) => row_of(&desk, run).await.map(Json),
    }
}

async fn until_over(desk: &Arc<Desk>, run: RunId) -> Result<RunRow, Problem> {
    loop {
        // Whatever is written after this is heard, whatever was written before is in the store.
        let mut news = desk.feed.subscribe();
        let row = row_of(desk, run).await?;
        if is_over(row.state) {
            return Ok(row);
        }
        loop {
            match news.next().await {
                Some(News::Entry(_, entry)) if closes(&entry, run) => break,
                Some(News::Entry(..)) => {}
                Some(News::Missed { .. }) => break,
                None => return Ok(row),
            }
        }
    }
}

fn closes(entry: &Entry, run: RunId) -> bool {
    matches!(&entry.about, About::Run(of, Happened::Closed { .. }) if *of == run)
}

async fn row_of(desk: &Arc<Desk>, run: RunId) -> Result<RunRow, Problem> {
    desk.ask(move |view| view.row(run)).await?.ok_or_else(|| no_run(run))
}
