//! Routes about runs: starting, listing, showing, and what somebody wants done with one.

use std::sync::Arc;

use steadfast_retry::Policy;

use crate::api::desk::Desk;
use crate::api::problem::{Code, Problem};
use crate::api::route::{Asked, Json, Nothing};
use crate::api::shapes::{OfAttempt, OfRun, RunsQuery, Start, Started, Starts};
use crate::daemon::Target;
use crate::dispatch::{Answer, Order};
use crate::ids::{RunId, SpanId, TraceId};
use crate::job::Definition;
use crate::store::view::{AttemptView, Page, RunPage, RunView};

/// The most runs that one request may open, the points of a matrix not counted.
const MOST_STARTS: usize = 100_000;

/// The most letters of a caller's key.
const MOST_KEY_BYTES: usize = 200;

pub(super) async fn start(asked: Asked<Nothing, Nothing, Starts>) -> Result<Json<Started>, Problem> {
    let Asked { desk, body: Starts(starts), caller, parent, .. } = asked;
    let by = caller.to_string();
    let parent = parent.as_deref().and_then(parse_parent);
    let runs = starts.iter().map(|start| start.count.unwrap_or(1) as usize).fold(0, usize::saturating_add);
    if runs > MOST_STARTS {
        let help = "help: send them in parts; a key for each makes it safe to send a part again";
        return Err(Problem::usage(format_args!("{runs} runs are more than the {MOST_STARTS} of one request\n{help}")));
    }
    let mut orders = Vec::with_capacity(runs);
    for start in starts {
        add_orders(&mut orders, start, &by, parent)?;
    }
    Ok(Json(Started { runs: desk.door.start(orders).await? }))
}

fn add_orders(
    orders: &mut Vec<Order>,
    start: Start,
    by: &str,
    parent: Option<(TraceId, SpanId)>,
) -> Result<(), Problem> {
    let Start { job, count, point, parameters, key, priority } = start;
    if let Some(key) = key.as_deref().filter(|key| key.is_empty() || key.len() > MOST_KEY_BYTES) {
        return Err(Problem::usage(format_args!("a key of {} bytes\nhelp: write 1 to {MOST_KEY_BYTES}", key.len())));
    }
    if let Some(priority) = priority.filter(|priority| !(-1000..=1000).contains(priority)) {
        return Err(Problem::usage(format_args!("priority {priority} is out of range\nhelp: write -1000 to 1000")));
    }
    let order = Order { job, point, parameters, key: None, priority, retry: None, by: by.to_owned(), parent };
    match (count, key) {
        (None, key) => orders.push(Order { key: key.map(|key| (key, None)), ..order }),
        (Some(count), None) => orders.extend(std::iter::repeat_n(order, count as usize)),
        (Some(count), Some(key)) => {
            let numbered = (1..=count).map(|number| Some((format!("{key}/{number}"), None)));
            orders.extend(numbered.map(|key| Order { key, ..order.clone() }));
        }
    }
    Ok(())
}

/// Reads a `traceparent` header; one that is none is passed over, as its standard wants.
fn parse_parent(text: &str) -> Option<(TraceId, SpanId)> {
    let mut parts = text.split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = version.len() == 2 && version != "ff" && trace.len() == 32 && span.len() == 16;
    let (trace, span): (TraceId, SpanId) = (trace.parse().ok()?, span.parse().ok()?);
    (whole && trace.0 != 0 && span.0 != 0).then_some((trace, span))
}

pub(super) async fn page(asked: Asked<Nothing, RunsQuery, Nothing>) -> Result<Json<RunPage>, Problem> {
    let RunsQuery { filter, order, after, limit } = asked.query;
    let filter = filter.unwrap_or_default().parse().map_err(Problem::usage)?;
    let after = after.map(|after| after.parse().map_err(Problem::usage)).transpose()?;
    let limit = limit.unwrap_or(100);
    let page = Page { order: order.unwrap_or_default(), after, limit, now: asked.desk.clock.moment() };
    Ok(Json(asked.desk.ask(move |view| view.runs(&filter, &page)).await?))
}

pub(super) async fn show(asked: Asked<OfRun, Nothing, Nothing>) -> Result<Json<RunView>, Problem> {
    Ok(Json(view_of(&asked.desk, asked.places.run).await?))
}

pub(super) async fn attempt(asked: Asked<OfAttempt, Nothing, Nothing>) -> Result<Json<AttemptView>, Problem> {
    let OfAttempt { run, attempt } = asked.places;
    let view = view_of(&asked.desk, run).await?;
    let found = view.attempts.into_iter().find(|view| view.number == attempt);
    found.map(Json).ok_or_else(|| Problem::not_found(format_args!("run {run} has no attempt {attempt}")))
}

/// Reads everything about a run.
pub(super) async fn view_of(desk: &Arc<Desk>, run: RunId) -> Result<RunView, Problem> {
    desk.ask(move |view| view.run(run, policy_of)).await?.ok_or_else(|| no_run(run))
}

/// Reads the policy out of a stored definition.
pub(super) fn policy_of(document: &str) -> Option<Policy> {
    serde_json::from_str::<Definition>(document).ok().map(|definition| Policy::clone(&definition.policy))
}

pub(super) fn no_run(run: RunId) -> Problem {
    Problem::not_found(format_args!("there is no run {run}\nhelp: `steadfast ps` lists runs"))
}

pub(super) async fn cancel(asked: Asked<OfRun, Nothing, Nothing>) -> Result<Nothing, Problem> {
    asked.desk.door.cancel(asked.places.run, asked.caller.to_string()).await?;
    Ok(Nothing {})
}

pub(super) async fn hold(asked: Asked<OfRun, Nothing, Nothing>) -> Result<Nothing, Problem> {
    asked.desk.door.hold(Target::Run(asked.places.run), true, asked.caller.to_string()).await?;
    Ok(Nothing {})
}

pub(super) async fn release(asked: Asked<OfRun, Nothing, Nothing>) -> Result<Json<Started>, Problem> {
    let answer = asked.desk.door.hold(Target::Run(asked.places.run), false, asked.caller.to_string()).await?;
    Ok(Json(match answer {
        Answer::Opened(runs) => Started { runs },
        Answer::Done => Started { runs: vec![asked.places.run] },
    }))
}

pub(super) async fn retry(asked: Asked<OfRun, Nothing, Nothing>) -> Result<Json<Started>, Problem> {
    let runs = asked.desk.door.retry(asked.places.run, asked.caller.to_string()).await?;
    if runs.is_empty() {
        return Err(Problem::new(Code::Internal, "the daemon opened nothing and did not say why"));
    }
    Ok(Json(Started { runs }))
}

#[cfg(test)]
mod tests {
    use super::parse_parent;

    #[test]
    fn a_parent_is_read_as_its_standard_says() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let (trace, span) = parse_parent(good).unwrap();
        assert_eq!(format!("{trace} {span}"), "0af7651916cd43dd8448eb211c80319c b7ad6b7169203331");
        for bad in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7-b7ad-01",
        ] {
            assert!(parse_parent(bad).is_none(), "{bad}");
        }
    }
}
