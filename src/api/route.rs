//! One way in: where it is, what it takes, what it gives, and who answers.
//!
//! The types that a handler takes and returns are the types that the document is made of, so neither can say what the other does
//! not do.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body as Stream, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::desk::Desk;
use super::problem::{Code, Problem};

/// One line of the table of routes.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// The name of the operation, for clients that are generated.
    pub(super) name: &'static str,
    /// What it does, in a sentence.
    pub(super) about: &'static str,
    pub(super) places: fn(&mut SchemaGenerator) -> Schema,
    pub(super) query: fn(&mut SchemaGenerator) -> Schema,
    pub(super) body: fn(&mut SchemaGenerator) -> Option<Schema>,
    pub(super) answer: fn(&mut SchemaGenerator) -> Vec<Content>,
    pub(super) handler: MethodRouter<Arc<Desk>>,
}

/// What an answer may consist of.
pub(super) struct Content {
    pub(super) media: &'static str,
    pub(super) schema: Schema,
}

/// Who asks, by the kernel's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) user: u32,
    pub(super) process: Option<i32>,
}

impl std::fmt::Display for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.process {
            Some(process) => write!(f, "user {}, process {process}", self.user),
            None => write!(f, "user {}", self.user),
        }
    }
}

/// A request, understood.
pub(super) struct Asked<P, Q, B> {
    pub(super) desk: Arc<Desk>,
    pub(super) places: P,
    pub(super) query: Q,
    pub(super) body: B,
    pub(super) caller: Caller,
    /// The trace of whoever asks, `traceparent` of W3C Trace Context.
    pub(super) parent: Option<String>,
}

/// What may come as a body.
pub(super) trait Body: Sized + Send + 'static {
    /// The most bytes of it.
    const MOST_BYTES: usize;
    fn schema(generator: &mut SchemaGenerator) -> Option<Schema>;
    fn read(bytes: &Bytes) -> Result<Self, Problem>;
}

/// What may be answered.
pub(super) trait Answer: Send + 'static {
    fn contents(generator: &mut SchemaGenerator) -> Vec<Content>;
    fn respond(self) -> Response;
}

/// Nothing in a place, a query or a body, and nothing to say in an answer.
#[derive(Clone, Copy, Debug, serde::Deserialize, Serialize, JsonSchema)]
pub(super) struct Nothing {}

/// A JSON document.
pub(super) struct Json<T>(pub(super) T);

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes a line of the table.
pub(super) fn route<P, Q, B, A, F, Fut>(
    method: Method,
    path: &'static str,
    name: &'static str,
    about: &'static str,
    handle: F,
) -> Route
where
    P: DeserializeOwned + JsonSchema + Send + 'static,
    Q: DeserializeOwned + JsonSchema + Send + 'static,
    B: Body,
    A: Answer,
    F: Fn(Asked<P, Q, B>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<A, Problem>> + Send,
{
    let handler = move |State(desk): State<Arc<Desk>>, request: Request| {
        let handle = handle.clone();
        async move {
            let answered = match understand::<P, Q, B>(desk, request).await {
                Ok(asked) => handle(asked).await,
                Err(problem) => Err(problem),
            };
            answered.map_or_else(IntoResponse::into_response, Answer::respond)
        }
    };
    let filter = MethodFilter::try_from(method.clone()).expect("the table uses the methods of HTTP");
    Route {
        method,
        path,
        name,
        about,
        places: P::json_schema,
        query: Q::json_schema,
        body: B::schema,
        answer: A::contents,
        handler: on(filter, handler),
    }
}

async fn understand<P, Q, B>(desk: Arc<Desk>, request: Request) -> Result<Asked<P, Q, B>, Problem>
where
    P: DeserializeOwned + Send,
    Q: DeserializeOwned,
    B: Body,
{
    let (mut parts, body) = request.into_parts();
    let places = Path::<P>::from_request_parts(&mut parts, &()).await;
    let Path(places) = places.map_err(|error| misread("the path", &error.body_text()))?;
    let query = Query::<Q>::from_request_parts(&mut parts, &()).await;
    let Query(query) = query.map_err(|error| misread("the query", &error.body_text()))?;
    let body = B::read(&read_body::<B>(&desk, &parts, body).await?)?;
    let caller = parts.extensions.remove::<Caller>().ok_or_else(|| Problem::new(Code::Denied, "nobody asks"))?;
    let parent = parts.headers.get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Asked { desk, places, query, body, caller, parent })
}

/// Says what is wrong without the framework's own words.
fn misread(what: &str, told: &str) -> Problem {
    let inner = told.split_once(": ").map_or(told, |(_, inner)| inner);
    Problem::usage(format_args!("{what} cannot be understood: {inner}"))
}

/// Reads a body as far as it is allowed to go and as fast as it has to come.
async fn read_body<B: Body>(desk: &Desk, parts: &Parts, body: Stream) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(
            Code::TooLarge,
            format_args!("the body is longer than {} bytes\nhelp: send it in parts", B::MOST_BYTES),
        )
    };
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > B::MOST_BYTES) {
        return Err(too_large());
    }
    // Whoever does not say how long a body is gets room for the longest.
    let room = u32::try_from(length.unwrap_or(B::MOST_BYTES).div_ceil(super::ROOM_UNIT)).unwrap_or(u32::MAX);
    let reading = async {
        let _room = desk.room.acquire_many(room).await.map_err(|_| Problem::stopping())?;
        to_bytes(body, B::MOST_BYTES).await.map_err(|_| too_large())
    };
    let late = |_| Problem::usage(format_args!("the body did not come within {} seconds", PATIENCE.as_secs()));
    let bytes = tokio::time::timeout(PATIENCE, reading).await.map_err(late)??;
    let media = parts.headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if !bytes.is_empty() && !media.starts_with(b"application/json") {
        let help = "help: send `content-type: application/json`";
        return Err(Problem::new(Code::WrongMedia, format_args!("the body is not declared as JSON\n{help}")));
    }
    Ok(bytes)
}

impl Body for Nothing {
    const MOST_BYTES: usize = 4096;

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }

    fn read(_: &Bytes) -> Result<Self, Problem> {
        Ok(Self {})
    }
}

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Body for Json<T> {
    const MOST_BYTES: usize = 1 << 20;

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(generator.subschema_for::<T>())
    }

    fn read(bytes: &Bytes) -> Result<Self, Problem> {
        let wrong = |error| Problem::usage(format_args!("the body cannot be understood: {error}"));
        serde_json::from_slice(bytes).map(Self).map_err(wrong)
    }
}

impl<T: Serialize + JsonSchema + Send + 'static> Answer for Json<T> {
    fn contents(generator: &mut SchemaGenerator) -> Vec<Content> {
        vec![Content { media: "application/json", schema: generator.subschema_for::<T>() }]
    }

    fn respond(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl Answer for Nothing {
    fn contents(_: &mut SchemaGenerator) -> Vec<Content> {
        Vec::new()
    }

    fn respond(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}
