//! The table of everything that can be asked, and who answers it.

mod daemon;
mod events;
mod jobs;
mod logs;
mod plain;
mod runs;
mod terminal;
mod waiting;
mod why;

use std::sync::Arc;

use axum::Router;
use axum::http::Method;

use super::desk::Desk;
use super::problem::{Code, Problem};
use super::route::{Route, route};

/// Returns the table. The router and the document are made of it, and of nothing else.
pub(super) fn table() -> Vec<Route> {
    let (get, post, put) = (|| Method::GET, || Method::POST, || Method::PUT);
    vec![
        route(post(), "/v1/runs", "start", "Opens one run or many: all of them or none", runs::start),
        route(get(), "/v1/runs", "runs", "Lists runs, a page at a time", runs::page),
        route(get(), "/v1/runs/{run}", "run", "Shows everything about a run", runs::show),
        route(get(), "/v1/runs/{run}/attempts/{attempt}", "attempt", "Shows one attempt", runs::attempt),
        route(get(), "/v1/runs/{run}/log", "log", "Reads a log, and follows it", logs::read),
        route(get(), "/v1/runs/{run}/events", "run_events", "Reads what the journal says of a run", events::of_run),
        route(get(), "/v1/runs/{run}/trace", "trace", "Draws the timeline of a run", events::trace),
        route(get(), "/v1/runs/{run}/why", "why", "Tells what a run waits for", why::of_run),
        route(get(), "/v1/runs/{run}/wait", "wait", "Answers when a run is over, or the time is up", waiting::wait),
        route(post(), "/v1/runs/{run}/cancel", "cancel", "Ends a run that nobody wants any more", runs::cancel),
        route(post(), "/v1/runs/{run}/hold", "hold", "Lets no attempt of a run begin", runs::hold),
        route(post(), "/v1/runs/{run}/release", "release", "Lets a held or quarantined run go on", runs::release),
        route(post(), "/v1/runs/{run}/retry", "retry", "Opens a new run in place of one that is over", runs::retry),
        route(post(), "/v1/terminal", "open_terminal", "Gives a command on a terminal its number", terminal::open),
        route(post(), "/v1/terminal/{run}", "write_terminal", "Writes down a command on a terminal", terminal::write),
        route(get(), "/v1/jobs", "jobs", "Lists the jobs that are loaded or have a past", jobs::list),
        route(get(), "/v1/jobs/{job}", "job", "Shows everything about a job", jobs::show),
        route(post(), "/v1/jobs/{job}/hold", "hold_job", "Lets nothing of a job begin", jobs::hold),
        route(post(), "/v1/jobs/{job}/release", "release_job", "Lets a held job go on", jobs::release),
        route(get(), "/v1/events", "events", "Reads the journal, and follows it", events::all),
        route(get(), "/v1/status", "status", "Tells how the daemon is", daemon::status),
        route(post(), "/v1/daemon/reload", "reload", "Reads the files of jobs again", daemon::reload),
        route(post(), "/v1/daemon/drain", "drain", "Lets no new attempt begin", daemon::drain),
        route(post(), "/v1/daemon/undrain", "undrain", "Lets attempts begin again", daemon::undrain),
        route(post(), "/v1/daemon/stop", "stop", "Stops the daemon", daemon::stop),
        route(get(), "/v1/daemon/log-filter", "log_filter", "Tells what the trace shows", daemon::filter),
        route(put(), "/v1/daemon/log-filter", "set_log_filter", "Changes what the trace shows", daemon::set_filter),
        route(get(), "/v1/openapi.json", "openapi", "Describes all of this as OpenAPI 3.1", plain::openapi),
        route(get(), "/metrics", "metrics", "Tells figures in the OpenMetrics text", plain::metrics),
        route(get(), "/healthz", "healthz", "Says that the daemon answers, and nothing else", plain::healthz),
    ]
}

/// Makes the router of the table.
pub(super) fn router(desk: Arc<Desk>) -> Router {
    let begun = Router::new();
    let all = table().into_iter().fold(begun, |router, route| router.route(route.path, route.handler));
    all.method_not_allowed_fallback(async || Problem::new(Code::WrongMethod, "this place does not know this method"))
        .fallback(async || Problem::not_found("there is no such place\nhelp: /v1/openapi.json lists what there is"))
        .with_state(desk)
}
