//! What a process on a terminal asks: that its run is written down.

use std::time::Duration;

use axum::http::Method;

use crate::api::problem::Problem;
use crate::api::shapes::{TerminalBatch, TerminalRun};
use crate::ids::RunId;

use super::Client;
use super::address::at;

/// How long a daemon may take to write: a command waits for it, so not for long.
const PATIENCE: Duration = Duration::from_secs(10);

impl Client {
    /// Asks for the number of a run that is about to be opened on a terminal.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`].
    pub fn open_terminal(&mut self) -> Result<TerminalRun, Problem> {
        let answer = self.0.bytes(Method::POST, at("terminal"), Vec::new(), PATIENCE)?;
        super::understood(&answer)
    }

    /// Writes entries of a run on a terminal; when this returns, they are durable.
    ///
    /// # Errors
    ///
    /// Returns the daemon's [`Problem`]. Where no answer came, the same batch may be sent again, to this daemon or the next.
    pub fn write_terminal(&mut self, run: RunId, batch: &TerminalBatch) -> Result<(), Problem> {
        let body = serde_json::to_vec(batch).expect("entries are made of texts, numbers and lists");
        self.0.bytes(Method::POST, at("terminal").then(run), body, PATIENCE).map(drop)
    }
}
