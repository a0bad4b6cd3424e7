//! Jobs as the daemon knows them: loaded, held, under way, and how the newest run ended.

use steadfast_retry::Pretty;

use super::list;
use crate::api::{JobDetail, JobRow};
use crate::cli::local::Local;
use crate::cli::text::{self, Cell};
use crate::cli::words;
use crate::job::Definition;
use crate::store::view::{JobSummary, Time};

/// Says whether a row is of a job, and not of commands on terminals.
pub(super) fn is_job(row: &JobRow) -> bool {
    !row.job.starts_with('@')
}

/// The table of all jobs.
pub(super) fn table(rows: &[JobRow], now: Time, width: usize) -> String {
    let rows = rows.iter().map(|row| cells(row, now)).collect();
    text::headed(["JOB", "STARTS", "NEXT", "NEWEST", "POLICY", "ABOUT"], rows, width)
}

fn cells(row: &JobRow, now: Time) -> Vec<Cell> {
    let next = match next(row, now) {
        _ if row.held => Cell::styled("held", text::DOUBTFUL),
        next => Cell::new(next),
    };
    vec![
        Cell::styled(&row.job, text::HEADING),
        Cell::new(starts(row)),
        next,
        row.past.as_ref().map_or_else(|| Cell::new(""), newest),
        Cell::new(row.policy.as_deref().unwrap_or_default()),
        Cell::new(row.about.as_deref().unwrap_or_default()),
    ]
}

fn starts(row: &JobRow) -> String {
    match row.loaded {
        true => list::starts_in_words(row.schedule.as_ref(), row.after.as_ref()),
        false => "no longer declared".to_owned(),
    }
}

fn next(row: &JobRow, now: Time) -> String {
    match (row.under_way.len() as u64, row.waiting, row.due_at) {
        (0, 0, None) => String::new(),
        (0, 0, Some(due)) => format!("in {}", Pretty(due.since(now)).rounded()),
        (0, waiting, _) => format!("{waiting} queued"),
        (under_way, ..) => format!("{under_way} under way"),
    }
}

fn newest(past: &JobSummary) -> Cell {
    let (Some(run), Some(state)) = (past.newest, past.newest_state) else { return Cell::new("") };
    let standing = words::standing(state, past.newest_ending, false);
    Cell::styled(format_args!("{run} {standing}"), words::style(state, past.newest_ending, false))
}

/// The page of one job.
pub(super) fn page(detail: &JobDetail, now: Time, width: usize) -> String {
    let (bold, row) = (text::HEADING, &detail.job);
    let local = Local::here();
    let about = row.about.as_ref().map_or_else(String::new, |about| format!(": {about}"));
    let mut facts: Vec<(&str, String)> = Vec::new();
    let definition = detail.definition.clone().and_then(|value| serde_json::from_value::<Definition>(value).ok());
    if let Some(definition) = &definition {
        facts.push(("command", super::show::command(definition)));
        facts.push(("folder", definition.workdir.display().to_string()));
    }
    facts.push(("starts", starts(row)));
    facts.push(("now", local.sentence(&detail.sentence, false)));
    facts.extend(
        row.due_at.map(|due| ("next", format!("{}, in {}", local.full(due), Pretty(due.since(now)).rounded()))),
    );
    if !row.under_way.is_empty() || row.waiting > 0 {
        let runs: Vec<String> = row.under_way.iter().map(ToString::to_string).collect();
        let runs = if runs.is_empty() { runs } else { vec![format!("running or waiting: {}", runs.join(", "))] };
        let queued = format!("{} queued", row.waiting);
        facts.push(("under way", [vec![queued], runs].concat().join("; ")));
    }
    if let Some(past) = &row.past {
        let counts = &past.counts;
        facts.push(("past", format!("{} succeeded, {} failed", counts.succeeded, counts.failed())));
        facts.extend(past.newest.map(|run| ("newest", format!("run {run}; see: steadfast why {run}"))));
    }
    facts.extend(definition.map(|definition| ("policy", definition.policy.to_string())));
    facts.extend(row.group.as_ref().map(|group| ("group", group.clone())));
    if row.points > 0 {
        facts.push(("runs", format!("{}, one for each point of the matrix", row.points)));
    }
    let parameters: Vec<&str> = detail.parameters.keys().map(String::as_str).collect();
    if !parameters.is_empty() {
        facts.push(("parameters", parameters.join(", ")));
    }
    facts.extend(detail.declared_at.as_ref().map(|place| ("declared", place.clone())));
    let cells =
        |(key, value): (&str, String)| vec![Cell::styled(format_args!("  {key}"), text::FAINT), Cell::new(value)];
    let rows: Vec<Vec<Cell>> = facts.into_iter().map(cells).collect();
    format!("{bold}{}{bold:#}{about}\n{}", row.job, text::prose(&rows, width))
}
