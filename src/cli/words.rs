//! The words for what runs and attempts are like, the same in every command.

use std::collections::BTreeMap;

use anstyle::Style;
use steadfast_retry::Ending;

use super::text;
use crate::store::{How, State};

/// A job with the values by which the runs of its matrix are told apart.
pub(super) fn job_and_point(job: &str, matrix: &BTreeMap<String, String>) -> String {
    if matrix.is_empty() { job.to_owned() } else { format!("{job} {}", point(matrix)) }
}

/// The values of a point, as `lr=1e-3 seed=2`.
pub(super) fn point(matrix: &BTreeMap<String, String>) -> String {
    let values: Vec<String> = matrix.iter().map(|(name, value)| format!("{name}={value}")).collect();
    values.join(" ")
}

/// Where a run stands, in one word: its ending once it is over.
pub(super) fn standing(state: State, ending: Option<Ending>, held: bool) -> &'static str {
    match (state, ending) {
        (State::Closed, Some(ending)) => ending.as_str(),
        (State::Queued | State::Waiting, _) if held => "held",
        (state, _) => state.as_str(),
    }
}

pub(super) fn style(state: State, ending: Option<Ending>, is_trouble: bool) -> Style {
    match (state, ending) {
        (_, Some(Ending::Succeeded)) => text::GOOD,
        (_, Some(ending)) if ending.is_failure() => text::BAD,
        (State::Closed, _) => text::FAINT,
        (State::Running | State::Finishing, _) => text::GOOD,
        (State::Queued | State::Waiting, _) if is_trouble => text::BAD,
        (State::Queued | State::Waiting, _) => text::DOUBTFUL,
    }
}

pub(super) fn outcome_style(outcome: Option<How>) -> Style {
    match outcome {
        Some(How::Succeeded) | None => text::GOOD,
        Some(How::Failed) => text::BAD,
        Some(How::Interrupted | How::Cancelled | How::Void) => text::DOUBTFUL,
    }
}
