//! What the demo's jobs left behind in its folder: the weights of both trainings, and what the finalizer of `report` wrote.

use std::fmt;
use std::path::Path;

use crate::demo::train::Weights as Trained;

/// What the finalizer of `report` writes.
const REPORT: &str = "job report ended: succeeded";

/// What lies in the demo's folder.
pub(super) struct Weights {
    /// Of the training that crashed.
    disturbed: Option<Trained>,
    /// Of the one that was left alone.
    undisturbed: Option<Trained>,
    /// What the finalizer wrote.
    report: Option<String>,
}

impl Weights {
    /// Reads what there is.
    pub(super) fn read(folder: &Path) -> Self {
        Self {
            disturbed: Trained::read(&folder.join("training.ckpt")),
            undisturbed: Trained::read(&folder.join("undisturbed.ckpt")),
            report: std::fs::read_to_string(folder.join("report.txt")).ok(),
        }
    }

    /// Says what is not as it was meant to be.
    pub(super) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        match (&self.disturbed, &self.undisturbed) {
            (Some(one), Some(other)) if one == other && one.is_done() => {}
            (Some(one), Some(other)) if !(one.is_done() && other.is_done()) => {
                wrong.push(format!("the trainings have not come to their end: {one}, and {other}"));
            }
            (Some(one), Some(other)) => {
                wrong.push(format!("the weights differ: {one} of `training`, {other} of `undisturbed`"));
            }
            (None, _) => wrong.push("`training` left no whole weights".to_owned()),
            (Some(_), None) => wrong.push("`undisturbed` left no whole weights".to_owned()),
        }
        // A finalizer runs at least once.
        let is_written = |report: &String| !report.is_empty() && report.lines().all(|line| line == REPORT);
        if !self.report.as_ref().is_some_and(is_written) {
            wrong.push(format!("the finalizer of `report` was to write `{REPORT}`"));
        }
        wrong
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (job, trained) in [("training", &self.disturbed), ("undisturbed", &self.undisturbed)] {
            match trained {
                Some(trained) => writeln!(f, "weights of {job:<12} {trained}")?,
                None => writeln!(f, "weights of {job:<12} none that are whole")?,
            }
        }
        match &self.report {
            Some(report) => report.lines().try_for_each(|line| writeln!(f, "written by a finalizer  {line}")),
            None => writeln!(f, "written by a finalizer  nothing"),
        }
    }
}
