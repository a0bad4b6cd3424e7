use std::marker::PhantomData;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use crate::api::problem::Problem;

use super::understood;
use super::wire::broken_off;

/// How long a line is waited for at a time where nobody says how long.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// What has come of an answer that goes on.
#[derive(Debug)]
pub enum Heard<T> {
    /// A line, or why there are no more.
    Line(Result<T, Problem>),
    /// Nothing yet.
    Nothing,
    /// The end.
    End,
}

/// Lines of an answer, as they come. Ends when the answer does; dropping it breaks the answer off.
#[derive(Debug)]
pub struct Lines<'c, T> {
    runtime: &'c Runtime,
    /// Held because the connection would close without it.
    _connection: SendRequest<Full<Bytes>>,
    body: Incoming,
    read: Vec<u8>,
    /// How much of that was given out.
    given: usize,
    over: bool,
    lines: PhantomData<T>,
}

impl<'c, T> Lines<'c, T> {
    pub(super) fn new(runtime: &'c Runtime, connection: SendRequest<Full<Bytes>>, body: Incoming) -> Self {
        Self { runtime, _connection: connection, body, read: Vec::new(), given: 0, over: false, lines: PhantomData }
    }
}

impl<T: DeserializeOwned> Lines<'_, T> {
    /// Waits for the next line, but no longer than that: then there is none, and the answer may go on.
    pub fn next_within(&mut self, patience: Duration) -> Heard<T> {
        loop {
            let rest = &self.read[self.given..];
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line = understood(&rest[..end]);
                self.given += end + 1;
                return Heard::Line(line);
            }
            if self.over {
                return Heard::End;
            }
            self.read.drain(..self.given);
            self.given = 0;
            let runtime = self.runtime;
            let framed = runtime.block_on(async { tokio::time::timeout(patience, self.body.frame()).await });
            let Ok(frame) = framed else { return Heard::Nothing };
            match frame {
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.read.extend_from_slice(&bytes);
                    }
                }
                Some(Err(_)) => {
                    self.over = true;
                    return Heard::Line(Err(broken_off()));
                }
                None => self.over = true,
            }
        }
    }
}

impl<T: DeserializeOwned> Iterator for Lines<'_, T> {
    type Item = Result<T, Problem>;

    /// Waits for the next line. An answer that was broken off ends with a problem.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_within(LONG) {
                Heard::Line(line) => return Some(line),
                Heard::End => return None,
                Heard::Nothing => {}
            }
        }
    }
}
