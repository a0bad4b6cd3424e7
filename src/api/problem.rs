//! Everything that a request can go wrong by, with its HTTP status and its exit code on the command line.

use std::fmt;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::dispatch::Refusal;
use crate::store::StoreError;

/// Why something that was asked for was not done: the body of every answer that is no success.
///
/// ```
/// use steadfast::api::{Code, Problem};
///
/// let problem = Problem::new(Code::NotFound, "there is no run 7\nhelp: `steadfast ps` lists runs");
/// assert_eq!(problem.message, "there is no run 7");
/// assert_eq!(problem.help.as_deref(), Some("`steadfast ps` lists runs"));
/// assert_eq!(problem.code.exit_code(), 4);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Problem {
    /// What kind of problem it is.
    pub code: Code,
    /// What is wrong: lower-case, without a full stop.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// The kind of a problem. Each has its HTTP status and its exit code of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The request cannot be understood, or asks for something that makes no sense.
    Usage,
    /// The request's body is too large.
    TooLarge,
    /// The request's body is no JSON.
    WrongMedia,
    /// The place does not know this method.
    WrongMethod,
    /// The files of jobs are wrong.
    Configuration,
    /// There is nothing of that name or number.
    NotFound,
    /// It cannot be done now: the run is over already, the daemon is stopping or cannot write.
    Conflict,
    /// No daemon answers, or it is too busy.
    Unreachable,
    /// It is not allowed.
    Denied,
    /// The daemon itself has trouble.
    Internal,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Usage,
        Self::TooLarge,
        Self::WrongMedia,
        Self::WrongMethod,
        Self::Configuration,
        Self::NotFound,
        Self::Conflict,
        Self::Unreachable,
        Self::Denied,
        Self::Internal,
    ];

    /// Returns the HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Usage => 400,
            Self::TooLarge => 413,
            Self::WrongMedia => 415,
            Self::WrongMethod => 405,
            Self::Configuration => 422,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Unreachable => 503,
            Self::Denied => 403,
            Self::Internal => 500,
        }
    }

    /// Returns the exit code of a command that ends with it.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Usage | Self::TooLarge | Self::WrongMedia | Self::WrongMethod => 2,
            Self::Configuration => 3,
            Self::NotFound => 4,
            Self::Conflict => 5,
            Self::Unreachable => 6,
            Self::Denied => 7,
            Self::Internal => 1,
        }
    }
}

impl Problem {
    /// Makes a problem of a message, whose line `help: …` becomes the help.
    #[must_use]
    pub fn new(code: Code, message: impl fmt::Display) -> Self {
        let message = message.to_string();
        match message.split_once("\nhelp: ") {
            Some((message, help)) => Self { code, message: message.to_owned(), help: Some(help.to_owned()) },
            None => Self { code, message, help: None },
        }
    }

    pub(super) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Code::Usage, message)
    }

    pub(super) fn not_found(message: impl fmt::Display) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// The daemon's loop has ended while it was asked.
    pub(super) fn stopping() -> Self {
        Self::new(Code::Conflict, "the daemon is stopping")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Missing(what) => Self::new(Code::NotFound, what),
            Refusal::Conflict(what) => Self::new(Code::Conflict, what),
            Refusal::Wrong(what) => Self::new(Code::Usage, what),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::Missing(_) => Code::NotFound,
            StoreError::Denied(_) => Code::Denied,
            StoreError::Full(_)
            | StoreError::Io(_)
            | StoreError::Unsynced(_)
            | StoreError::Corrupt(_)
            | StoreError::Conflict(_)
            | StoreError::Refused(_)
            | StoreError::Newer { .. }
            | StoreError::Held(_) => Code::Internal,
        };
        Self::new(code, error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, axum::Json(self)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_problem_has_its_status_and_its_exit_code() {
        let table = Code::ALL.map(|code| format!("{code:?} {} {}", code.status(), code.exit_code()));
        let expected = [
            "Usage 400 2",
            "TooLarge 413 2",
            "WrongMedia 415 2",
            "WrongMethod 405 2",
            "Configuration 422 3",
            "NotFound 404 4",
            "Conflict 409 5",
            "Unreachable 503 6",
            "Denied 403 7",
            "Internal 500 1",
        ];
        assert_eq!(table, expected);
    }
}
