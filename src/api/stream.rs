//! Answers that go on: lines of JSON, or bytes, for as long as somebody reads and there is something to say.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use tokio::sync::mpsc;

use super::problem::Problem;
use super::route::{Answer, Content};

/// One JSON document per line.
pub(super) const LINES: &str = "application/jsonl";
/// Bytes as they are.
pub(super) const BYTES: &str = "application/octet-stream";

/// How many pieces wait for a slow reader; then whoever writes waits too.
const AHEAD: usize = 4;

/// The end that is read by the connection.
pub(super) struct Flow(mpsc::Receiver<Bytes>);

/// The end that is written to. It waits for a slow reader and fails when the reader has gone.
pub(super) struct Pen(mpsc::Sender<Bytes>);

/// The reader has gone.
#[derive(Debug)]
pub(super) struct Gone;

/// Makes both ends.
pub(super) fn flow() -> (Pen, Flow) {
    let (pen, flow) = mpsc::channel(AHEAD);
    (Pen(pen), Flow(flow))
}

impl Pen {
    pub(super) async fn bytes(&self, bytes: Vec<u8>) -> Result<(), Gone> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.0.send(bytes.into()).await.map_err(|_| Gone)
    }

    /// Writes documents, one per line, in one piece.
    pub(super) async fn lines<T: Serialize>(&self, documents: &[T]) -> Result<(), Gone> {
        let mut lines = Vec::new();
        for document in documents {
            serde_json::to_writer(&mut lines, document)
                .expect("our shapes are made of texts, numbers, lists and tables");
            lines.push(b'\n');
        }
        self.bytes(lines).await
    }

    /// Returns when the reader has gone.
    pub(super) async fn gone(&self) {
        self.0.closed().await;
    }
}

impl HttpBody for Flow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

impl Flow {
    /// Makes the answer of it.
    pub(super) fn respond(self, media: &'static str) -> Response {
        ([(header::CONTENT_TYPE, media)], Body::new(self)).into_response()
    }
}

/// A document, or lines of something that go on, as the caller wants it.
pub(super) enum PageOrLines<T, L> {
    Page(T),
    Lines(Flow, PhantomData<L>),
}

impl<T, L> PageOrLines<T, L> {
    pub(super) fn lines(flow: Flow) -> Self {
        Self::Lines(flow, PhantomData)
    }
}

impl<T, L> Answer for PageOrLines<T, L>
where
    T: Serialize + JsonSchema + Send + 'static,
    L: JsonSchema + Send + 'static,
{
    fn contents(generator: &mut SchemaGenerator) -> Vec<Content> {
        vec![
            Content { media: "application/json", schema: generator.subschema_for::<T>() },
            Content { media: LINES, schema: generator.subschema_for::<L>() },
        ]
    }

    fn respond(self) -> Response {
        match self {
            Self::Page(page) => axum::Json(page).into_response(),
            Self::Lines(flow, _) => flow.respond(LINES),
        }
    }
}

/// Writes what is left of an answer that has begun; a problem can only be told by breaking it off.
pub(super) fn write_on(writing: impl Future<Output = Result<(), Stop>> + Send + 'static) {
    tokio::spawn(async move {
        if let Err(Stop::Problem(problem)) = writing.await {
            tracing::warn!(target: "steadfast::daemon", "an answer was broken off: {problem}");
        }
    });
}

/// Why an answer that goes on ends early.
pub(super) enum Stop {
    Gone,
    Problem(Problem),
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}
