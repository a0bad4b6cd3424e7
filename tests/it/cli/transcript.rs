//! One command, and all that it says.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder of its own, and the commands that are called in it: 80 columns, no colours, no home.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file into the folder.
    pub(crate) fn with(self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("STEADFAST_STATE", self.path("state")).env("COLUMNS", "80").env("USER", "ann").env("TZ", "UTC");
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn say(&self, arguments: &[&str]) -> Said {
        self.said(self.command(arguments).output().unwrap())
    }

    /// Calls a command with something on its stdin.
    pub(crate) fn say_with(&self, arguments: &[&str], input: &str) -> Said {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        self.said(child.wait_with_output().unwrap())
    }

    fn said(&self, output: Output) -> Said {
        let text =
            |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace(self.folder.path().to_str().unwrap(), "/here");
        Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Writes down several commands one after another: what was typed, what stdout said, what stderr said, the exit code.
    pub(crate) fn transcript(&self, lines: &[&[&str]]) -> String {
        let told = lines.iter().map(|arguments| {
            let said = self.say(arguments);
            let typed: Vec<String> = arguments.iter().map(|word| quoted(word)).collect();
            let err: String = said.err.lines().map(|line| format!("! {line}").trim_end().to_owned() + "\n").collect();
            format!("$ steadfast {}\n{}{err}[{}]\n", typed.join(" "), ended(&said.out), said.code)
        });
        told.collect::<Vec<_>>().join("\n")
    }
}

pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_steadfast"))
}

fn quoted(word: &str) -> String {
    if word.contains([' ', '*', '{', '\'']) { format!("'{word}'") } else { word.to_owned() }
}

fn ended(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// Times, durations and numbers of processes, which are others each time.
pub(crate) fn steady(text: &str) -> String {
    let rules = [
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "TIME"),
        (r"\b\d\d-\d\d \d\d:\d\d:\d\d\b", "TIME"),
        (r"\b\d\d:\d\d:\d\d\b", "TIME"),
        (r"\b(\d+h)?(\d+m)?\d+(\.\d+)?(ns|us|ms|s)\b", "SPAN"),
        (r"process \d+", "process N"),
        (r"\b[0-9a-f]{16,}\b", "ID"),
        (r" {2,}", "  "),
        // Where a line is cut depends on how long the durations before it are.
        (r" [\w-]*…", " …"),
    ];
    rules.iter().fold(text.to_owned(), |text, (pattern, word)| {
        regex::Regex::new(pattern).unwrap().replace_all(&text, *word).into_owned()
    })
}
