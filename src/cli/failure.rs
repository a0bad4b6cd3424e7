use std::fmt::Display;
use std::io;

use steadfast_retry::table::nearest;

use super::exit::Exit;

/// Why a command could not do what it was asked for: what is said on stderr, and the exit code.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    /// Lower-case, without a full stop; empty where everything has been said.
    pub(super) message: String,
    /// Lines that say more.
    pub(super) context: Vec<String>,
    /// What to do about it.
    pub(super) help: Option<String>,
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Display) -> Self {
        let message = message.to_string();
        // Errors of the house bring their remedy on a line of its own.
        let (message, help) = match message.split_once("\nhelp: ") {
            Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
            None => (message, None),
        };
        Self { exit, message, context: Vec::new(), help }
    }

    /// Ends with a code and without a word more, because everything has been said.
    pub(super) fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    pub(super) fn usage(message: impl Display) -> Self {
        Self::new(Exit::USAGE, message)
    }

    pub(super) fn not_found(message: impl Display) -> Self {
        Self::new(Exit::NOT_FOUND, message)
    }

    #[must_use]
    pub(super) fn help(mut self, help: impl Display) -> Self {
        self.help = Some(help.to_string());
        self
    }

    #[must_use]
    pub(super) fn context(mut self, line: impl Display) -> Self {
        self.context.push(line.to_string());
        self
    }

    /// Suggests what was meant instead of a word that nobody knows, or lists what there is.
    #[must_use]
    pub(super) fn suggest<'a>(self, typed: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        match nearest(typed, known.iter().copied()) {
            Some(meant) => self.help(format_args!("did you mean `{meant}`?")),
            None if known.is_empty() => self,
            None if known.len() <= 12 => self.help(format_args!("there are: {}", known.join(", "))),
            None => self,
        }
    }
}

/// A failed write to stdout or stderr. A reader that has gone away wants to hear nothing more.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::silent(Exit::GOOD);
        }
        Self::new(Exit::FAILED, format_args!("the output cannot be written: {error}"))
    }
}
