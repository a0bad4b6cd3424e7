//! `steadfast doctor`: whether this machine is fit, and what to do where it is not.

mod machine;
mod service;
mod state;

use clap::Args;
use serde::Serialize;

use super::answer::Answer;
use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::surroundings::Surroundings;
use super::text::{self, Cell};
use crate::state::StateDir;

/// Says whether this machine is fit: clock, state folder, store, processes, service manager
#[derive(Args, Debug)]
#[command(after_help = "The exit code is 1 if something fails; warnings alone give 0.")]
pub(super) struct Arguments {
    #[command(flatten)]
    answer: Answer,
}

/// What was looked at, and how it is.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    about: &'static str,
    grade: Grade,
    sentence: String,
    /// What to do about it; nothing where it is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Grade {
    Ok,
    Warn,
    Fail,
}

impl Finding {
    fn ok(about: &'static str, sentence: impl std::fmt::Display) -> Self {
        Self { about, grade: Grade::Ok, sentence: sentence.to_string(), remedy: None }
    }

    fn warn(about: &'static str, sentence: impl std::fmt::Display, remedy: impl std::fmt::Display) -> Self {
        Self { about, grade: Grade::Warn, sentence: sentence.to_string(), remedy: Some(remedy.to_string()) }
    }

    fn fail(about: &'static str, sentence: impl std::fmt::Display, remedy: impl std::fmt::Display) -> Self {
        Self { about, grade: Grade::Fail, sentence: sentence.to_string(), remedy: Some(remedy.to_string()) }
    }
}

pub(super) fn perform(
    what: &Arguments,
    console: &mut Console,
    surroundings: &Surroundings,
    state: &StateDir,
) -> Result<Exit, Failure> {
    let findings: Vec<Finding> = [machine::look(), state::look(state), service::look(surroundings)].concat();
    if what.answer.json {
        console.json(&serde_json::json!({ "findings": findings }))?;
    } else {
        console.print(&page(&findings, console.width))?;
    }
    let is_unfit = findings.iter().any(|finding| finding.grade == Grade::Fail);
    Ok(if is_unfit { Exit::FAILED } else { Exit::GOOD })
}

fn page(findings: &[Finding], width: usize) -> String {
    let mut out = String::new();
    for finding in findings {
        let (word, style) = match finding.grade {
            Grade::Ok => ("ok", text::GOOD),
            Grade::Warn => ("warn", text::DOUBTFUL),
            Grade::Fail => ("fail", text::BAD),
        };
        let about = format!("{:<12}", finding.about);
        let row = vec![Cell::styled(format_args!("{word:<4}"), style), Cell::new(about), Cell::new(&finding.sentence)];
        out.push_str(&text::prose(&[row], width));
        if let Some(remedy) = &finding.remedy {
            let hint = text::HINT;
            let remedy = text::wrap(remedy, width.saturating_sub(6), 20);
            out.push_str(&format!("{:20}{hint}help:{hint:#} {}\n", "", remedy.trim_start()));
        }
    }
    out
}
