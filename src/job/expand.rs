//! The replacement of `{name}` by a value.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use steadfast_retry::AttemptNo;

use super::{Action, Definition, Point, Program};
use crate::ids::RunId;

/// What the runner itself knows of an attempt, for `{job}`, `{run}`, `{attempt}`, `{point}` and `{gpu.count}`.
#[derive(Clone, Copy, Debug)]
pub struct Builtins<'a> {
    /// The job's name.
    pub job: &'a str,
    /// The run.
    pub run: RunId,
    /// The attempt.
    pub attempt: AttemptNo,
    /// How many GPUs it holds.
    pub gpus: u32,
}

/// A command with its values in place, ready to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expanded {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// What is added to the environment: the job's own, and `STEADFAST_PARAM_…` for each matrix value and parameter.
    pub env: BTreeMap<String, String>,
    /// The folder to run in.
    pub workdir: PathBuf,
}

/// The values that `{name}` is replaced by.
///
/// Only known names are replaced; `{{` and `}}` are literal braces; any other `{word}` stays as it is, so that shell and
/// awk snippets, JSON and format strings pass unharmed.
///
/// ```
/// use steadfast::job::Values;
///
/// let values = Values::default().with("lr", "1e-3");
/// assert_eq!(values.replace("--lr={lr} {{lr}} {other} {"), "--lr=1e-3 {lr} {other} {");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// The names that the runner itself knows in every attempt.
    pub const BUILTINS: [&'static str; 4] = ["attempt", "gpu.count", "job", "run"];

    /// The names that finalizers know besides.
    pub const OF_FINALIZERS: [&'static str; 2] = ["class", "ending"];

    /// Adds a value, or replaces one.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// Replaces the known names in a text.
    #[must_use]
    pub fn replace(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let (piece, length) = self.piece(rest);
            out.push_str(piece);
            rest = &rest[length..];
        }
        out.push_str(rest);
        out
    }

    /// What stands for the beginning of a text that starts with a brace, and how many bytes of it that replaces.
    fn piece<'a>(&'a self, text: &'a str) -> (&'a str, usize) {
        if text.starts_with("{{") || text.starts_with("}}") {
            return (&text[..1], 2);
        }
        let name = text.strip_prefix('{').and_then(|inner| inner.split_once('}')).map(|(name, _)| name);
        match name.and_then(|name| Some((self.0.get(name)?, name.len() + 2))) {
            Some((value, length)) => (value, length),
            None => (&text[..1], 1),
        }
    }
}

impl Definition {
    /// Gathers the values of one attempt: the point's, the parameters' (given, or the default, or empty), the runner's.
    ///
    /// # Errors
    ///
    /// Returns [`Missing`] if a required parameter is not given, or one is given that the job does not declare.
    pub fn values(
        &self,
        point: Option<&Point>,
        parameters: &BTreeMap<String, String>,
        builtins: &Builtins<'_>,
    ) -> Result<Values, Missing> {
        let mut values = self.own_values(point, parameters)?;
        values.insert("job".into(), builtins.job.into());
        values.insert("run".into(), builtins.run.to_string());
        values.insert("attempt".into(), builtins.attempt.to_string());
        values.insert("gpu.count".into(), builtins.gpus.to_string());
        Ok(Values(values))
    }

    /// Checks the parameters of a start.
    ///
    /// # Errors
    ///
    /// As [`Definition::values`].
    pub fn check_parameters(&self, given: &BTreeMap<String, String>) -> Result<(), Missing> {
        self.own_values(None, given).map(|_| ())
    }

    fn own_values(
        &self,
        point: Option<&Point>,
        given: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Missing> {
        if let Some(unknown) = given.keys().find(|name| !self.parameters.contains_key(*name)) {
            return Err(Missing::Unknown(unknown.clone()));
        }
        let mut values = BTreeMap::new();
        for (name, parameter) in &self.parameters {
            match given.get(name).or(parameter.default.as_ref()) {
                Some(value) => {
                    values.insert(name.clone(), value.clone());
                }
                None if parameter.required => return Err(Missing::Required(name.clone())),
                None => {
                    values.insert(name.clone(), String::new());
                }
            }
        }
        values.extend(point.into_iter().flat_map(|point| point.values.iter().cloned()));
        Ok(values)
    }

    /// Puts the values of one attempt into the command, its environment and its folder.
    ///
    /// # Errors
    ///
    /// As [`Definition::values`].
    pub fn expand(
        &self,
        point: Option<&Point>,
        parameters: &BTreeMap<String, String>,
        builtins: &Builtins<'_>,
    ) -> Result<Expanded, Missing> {
        let values = self.values(point, parameters, builtins)?;
        let Action::Command(command) = &self.action;
        let argv = match &command.program {
            Program::Argv(argv) => argv.iter().map(|argument| values.replace(argument)).collect(),
            Program::Shell(text) => vec!["/bin/sh".into(), "-c".into(), text.clone()],
        };
        let own = self.own_values(point, parameters)?;
        let mut env: BTreeMap<String, String> = own.into_iter().map(|(name, value)| (variable(&name), value)).collect();
        env.extend(self.env.iter().map(|(name, value)| (name.clone(), values.replace(value))));
        // A folder that is no UTF-8 has no `{name}` in it that could be replaced.
        let workdir = self.workdir.to_str().map_or_else(|| self.workdir.clone(), |path| values.replace(path).into());
        Ok(Expanded { argv, env, workdir })
    }
}

/// The environment variable that a value arrives in: `lr` as `STEADFAST_PARAM_LR`.
pub(super) fn variable(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("STEADFAST_PARAM_{}", name.chars().map(letter).collect::<String>())
}

/// A start whose parameters do not fit the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A required one is not given.
    Required(String),
    /// One is given that the job does not declare.
    Unknown(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required(name) => {
                write!(f, "the parameter `{name}` is required\nhelp: give it with `-p {name}=VALUE`")
            }
            Self::Unknown(name) => {
                write!(f, "the job has no parameter `{name}`\nhelp: declare it under `parameters` of the job")
            }
        }
    }
}

impl std::error::Error for Missing {}

#[cfg(test)]
mod tests;
