//! One command to run: a value that can be run, and printed as the line that repeats it.

use std::fmt;
use std::process::{Command, Stdio};

use crate::{Trouble, root};

/// A program, its arguments and what it finds in its environment besides ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    program: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Invocation {
    /// Makes one from a line whose words hold no blanks.
    pub(crate) fn new(line: &str) -> Self {
        let mut words = line.split_whitespace().map(String::from);
        let program = words.next().expect("an invocation names a program");
        Self { program, arguments: words.collect(), environment: Vec::new() }
    }

    /// Adds one argument, which may hold blanks.
    pub(crate) fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds one variable.
    pub(crate) fn variable(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.environment.push((name.to_owned(), format!("{value}")));
        self
    }

    /// Runs it in the root of the repository, its output going to ours.
    pub(crate) fn run(&self) -> Result<(), Trouble> {
        let status = self.command().status().map_err(|error| format!("cannot run `{}`: {error}", self.program))?;
        if status.success() { Ok(()) } else { Err(format!("`{self}` ended with {status}")) }
    }

    /// Runs it and returns what it wrote: both streams in the error, so that nothing is hidden.
    pub(crate) fn capture(&self) -> Result<String, Trouble> {
        let output = self
            .command()
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot run `{}`: {error}", self.program))?;
        let written = String::from_utf8_lossy(&output.stdout);
        if output.status.success() {
            return Ok(written.into_owned());
        }
        Err(format!("`{self}` ended with {}\n{written}{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(root());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(&quoted(&self.program))?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {}", quoted(argument)))
    }
}

/// Quotes a word for a shell where it needs it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=./:,+@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_prints_as_the_line_that_repeats_it() {
        let doc = Invocation::new("cargo doc --no-deps").variable("RUSTDOCFLAGS", "-D warnings").argument("it's");
        assert_eq!(doc.to_string(), r"RUSTDOCFLAGS='-D warnings' cargo doc --no-deps 'it'\''s'");
    }

    #[test]
    fn a_failure_names_the_command_and_a_missing_program_too() {
        assert!(Invocation::new("false").run().unwrap_err().starts_with("`false` ended with exit status: 1"));
        assert!(Invocation::new("no-such-program-here").run().unwrap_err().contains("`no-such-program-here`"));
        let noisy = Invocation::new("sh -c").argument("echo out; echo err >&2; exit 3");
        let trouble = noisy.capture().unwrap_err();
        assert!(trouble.contains("out\n") && trouble.contains("err\n"), "{trouble}");
    }
}
