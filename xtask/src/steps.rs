//! Named, timed steps that stop at the first failure, and the table at the end.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::Trouble;
use crate::invocation::Invocation;

/// What became of one step.
enum Ending {
    Passed,
    Failed,
    /// Something was not checked, and this says what.
    Skipped(String),
}

/// The steps so far.
///
/// After a failure the rest is passed over without a word: the first failure is the one to look at.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration, Ending)>,
    repeat: Option<String>,
}

impl Steps {
    /// Runs one command as a step.
    pub(crate) fn run(&mut self, name: &str, invocation: &Invocation) {
        self.check(name, &invocation.to_string(), || invocation.run().map(|()| None));
    }

    /// Runs a check as a step; `repeat` is the line that repeats it, and `Some` names what could not be checked.
    pub(crate) fn check(&mut self, name: &str, repeat: &str, check: impl FnOnce() -> Result<Option<String>, Trouble>) {
        if self.repeat.is_some() {
            return;
        }
        println!("\n==> {name}\n    {repeat}");
        let began = Instant::now();
        let ending = match check() {
            Ok(None) => Ending::Passed,
            Ok(Some(unchecked)) => {
                println!("SKIP {unchecked}");
                Ending::Skipped(unchecked)
            }
            Err(trouble) => {
                eprintln!("error: {trouble}");
                self.repeat = Some(repeat.to_owned());
                Ending::Failed
            }
        };
        self.done.push((name.to_owned(), began.elapsed(), ending));
    }

    /// Prints the table, and how to repeat what failed. The last line is `N passed, N failed`.
    pub(crate) fn finish(self) -> ExitCode {
        println!("\n{}", self.table());
        if self.repeat.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn table(&self) -> String {
        let width = self.done.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0);
        let mut table = String::new();
        for (name, took, ending) in &self.done {
            let word = match ending {
                Ending::Passed => "ok",
                Ending::Failed => "FAILED",
                Ending::Skipped(unchecked) => &format!("SKIP {unchecked}"),
            };
            _ = writeln!(table, "{name:width$}  {:>7.1}s  {word}", took.as_secs_f64());
        }
        if let Some(repeat) = &self.repeat {
            _ = writeln!(table, "help: repeat the failed step with: {repeat}");
        }
        let passed = self.done.iter().filter(|(.., ending)| matches!(ending, Ending::Passed)).count();
        let failed = self.done.iter().filter(|(.., ending)| matches!(ending, Ending::Failed)).count();
        _ = write!(table, "{passed} passed, {failed} failed");
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_ends_it_and_says_how_to_repeat_it() {
        let mut steps = Steps::default();
        steps.run("one", &Invocation::new("true"));
        steps.check("two", "look", || Ok(Some("the sky".to_owned())));
        steps.run("three", &Invocation::new("false"));
        steps.check("four", "never", || panic!("a step after a failure must not run"));
        let table = steps.table();
        assert!(table.ends_with("\nhelp: repeat the failed step with: false\n1 passed, 1 failed"), "{table}");
        assert!(table.contains("SKIP the sky") && table.contains("FAILED") && !table.contains("four"), "{table}");
        assert_eq!(steps.finish(), ExitCode::FAILURE);
    }

    #[test]
    fn without_a_failure_all_is_well() {
        let mut steps = Steps::default();
        steps.run("one", &Invocation::new("true"));
        assert!(steps.table().ends_with("1 passed, 0 failed"));
        assert_eq!(steps.finish(), ExitCode::SUCCESS);
    }
}
