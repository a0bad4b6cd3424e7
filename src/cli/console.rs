//! Where a command speaks: results to stdout, talk to stderr, colours where they are wanted.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write};

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;

use super::exit::Exit;
use super::failure::Failure;
use super::shown::Shown;
use super::surroundings::Surroundings;
use super::text;
use crate::store::view::plain;

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    /// On a terminal that has them and where `NO_COLOR` is not set, judged for stdout and stderr apart.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// More columns than any text has.
pub(super) const UNLIMITED: usize = 1 << 20;

/// Where a command speaks: results to stdout, talk to stderr.
pub(super) struct Console {
    out: AutoStream<io::Stdout>,
    err: AutoStream<io::Stderr>,
    /// The columns of the terminal on stdout; where there is none nothing has to be cut, and this is [`UNLIMITED`].
    pub(super) width: usize,
    /// Whether stdout is a terminal.
    pub(super) is_terminal: bool,
    /// Whether stderr is one.
    has_terminal_for_talk: bool,
    /// Whether stdout shows colours.
    pub(super) is_colourful: bool,
    /// Whether stderr does.
    pub(super) has_colourful_talk: bool,
}

impl Console {
    pub(super) fn open(colour: Colour, surroundings: &Surroundings) -> Self {
        let choice = |auto: ColorChoice| match colour {
            Colour::Auto => auto,
            Colour::Always => ColorChoice::AlwaysAnsi,
            Colour::Never => ColorChoice::Never,
        };
        let out = choice(AutoStream::choice(&io::stdout()));
        let err = choice(AutoStream::choice(&io::stderr()));
        Self {
            out: AutoStream::new(io::stdout(), out),
            err: AutoStream::new(io::stderr(), err),
            width: width(surroundings),
            is_terminal: io::stdout().is_terminal(),
            has_terminal_for_talk: io::stderr().is_terminal(),
            is_colourful: out != ColorChoice::Never,
            has_colourful_talk: err != ColorChoice::Never,
        }
    }

    /// Returns the columns for what is laid out by its room: pictures, and what is said on a terminal on stderr.
    pub(super) const fn room(&self) -> usize {
        if self.width < UNLIMITED { self.width } else { 80 }
    }

    /// Writes bytes to stdout as they are, the control characters in them included.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Whatever was printed before has gone through the same buffer.
        io::stdout().lock().write_all(bytes)
    }

    /// Writes a text that ends with a newline, or gets one, to stdout.
    pub(super) fn print(&mut self, text: &str) -> io::Result<()> {
        let text = harmless(text, self.is_terminal);
        self.out.write_all(text.as_bytes())?;
        if text.ends_with('\n') { Ok(()) } else { self.out.write_all(b"\n") }
    }

    /// Says a line on stderr. Nobody may be listening, and that changes nothing.
    pub(super) fn say(&mut self, line: impl std::fmt::Display) {
        let line = line.to_string();
        let _ = writeln!(self.err, "{}", harmless(&line, self.has_terminal_for_talk));
    }

    /// Writes a value as JSON, one document, to stdout.
    pub(super) fn json(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        self.print(&text)
    }

    /// The same of a value whose shape is that of files: with the keys, durations and numbers that every answer has.
    pub(super) fn plain(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        self.json(&plain(serde_json::to_value(value)?))
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Tells a failure on stderr and returns its exit code.
    pub(super) fn confess(&mut self, failure: &Failure) -> Exit {
        let _ = self.out.flush();
        if !failure.message.is_empty() {
            let (error, help) = (text::BAD, text::HINT);
            // What is wrong with files comes with a heading of its own for each mistake.
            match failure.message.starts_with("error[") {
                true => self.say(failure.message.trim_end()),
                false => self.say(format_args!("{error}error:{error:#} {}", failure.message)),
            }
            for line in &failure.context {
                self.say(format_args!("  {line}"));
            }
            if let Some(text) = &failure.help {
                self.say(format_args!("{help}help:{help:#} {text}"));
            }
        }
        failure.exit
    }
}

/// Makes a text fit for a terminal: jobs write what evidence and reasons quote, and must not reach further than their logs.
fn harmless(text: &str, is_for_terminal: bool) -> Cow<'_, str> {
    if !is_for_terminal || !text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\t')) {
        return Cow::Borrowed(text);
    }
    let mut shown = Shown::new(true);
    let mut safe = shown.piece(text.as_bytes());
    safe.push_str(&shown.end());
    Cow::Owned(safe)
}

/// The columns of the terminal on stdout; what `COLUMNS` says goes first.
fn width(surroundings: &Surroundings) -> usize {
    let said = surroundings.variable("COLUMNS").and_then(|columns| columns.to_str()?.parse().ok());
    let seen = || {
        let out = io::stdout();
        let size = out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out).ok()).flatten()?;
        (size.ws_col > 0).then_some(usize::from(size.ws_col))
    };
    said.or_else(seen).unwrap_or(UNLIMITED).max(40)
}
