//! The route that reads what a process wrote, to the end or as it grows. It reads files only: no process is asked,
//! and none waits for a reader.

use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::response::Response;
use schemars::SchemaGenerator;

use crate::api::desk::{Desk, is_over};
use crate::api::problem::{Code, Problem};
use crate::api::route::{Answer, Asked, Content, Nothing};
use crate::api::shapes::{LogForm, LogLine, LogQuery, LogStream, OfRun};
use crate::api::stream::{BYTES, Flow, LINES, Pen, Stop, flow, write_on};
use crate::exec::log::{Chunk, Reading, Stream, bytes_path, index_path};
use crate::ids::{Piece, RunId};
use crate::journal::{About, Entry, Happened};
use crate::store::view::RunView;
use crate::sys::watch::Watch;
use crate::trace::{News, Reader};

use super::runs::view_of;

/// How much of a log is read at a time.
const AT_A_TIME: u64 = 256 * 1024;

/// A log in the form that is wanted.
pub(super) struct Output(Flow, LogForm);

impl Answer for Output {
    fn contents(generator: &mut SchemaGenerator) -> Vec<Content> {
        let bytes = schemars::json_schema!({ "type": "string", "format": "binary" });
        vec![
            Content { media: LINES, schema: generator.subschema_for::<LogLine>() },
            Content { media: BYTES, schema: bytes },
        ]
    }

    fn respond(self) -> Response {
        match self.1 {
            LogForm::Lines => self.0.respond(LINES),
            LogForm::Bytes => self.0.respond(BYTES),
        }
    }
}

pub(super) async fn read(asked: Asked<OfRun, LogQuery, Nothing>) -> Result<Output, Problem> {
    let Asked { desk, places: OfRun { run }, query, .. } = asked;
    let wanted = query.piece.as_deref().map(|text| text.parse::<Piece>().map_err(Problem::usage)).transpose()?;
    let news = desk.feed.subscribe();
    let view = view_of(&desk, run).await?;
    if let Some(piece) = wanted.filter(|piece| !has(&view, *piece)) {
        return Err(Problem::not_found(format_args!("run {run} has no {}", named(piece))));
    }
    let (pen, flow) = flow();
    let form = query.form.unwrap_or_default();
    let writing = Writing { desk, pen, query, news, view };
    write_on(writing.write(wanted));
    Ok(Output(flow, form))
}

fn named(piece: Piece) -> String {
    match piece {
        Piece::Attempt(number) => format!("attempt {number}"),
        Piece::Finalizer { .. } => format!("try of a finalizer {piece}"),
    }
}

fn has(view: &RunView, piece: Piece) -> bool {
    let name = piece.to_string();
    view.attempts.iter().any(|attempt| attempt.number.to_string() == name)
        || view.finalizers.iter().any(|finalizer| finalizer.piece == name)
}

/// Says whether nothing is written by a process any more.
fn has_ended(view: &RunView, piece: &str) -> bool {
    let attempt = view.attempts.iter().find(|attempt| attempt.number.to_string() == piece);
    let finalizer = view.finalizers.iter().find(|finalizer| finalizer.piece == piece);
    attempt.is_none_or(|attempt| attempt.outcome.is_some())
        && finalizer.is_none_or(|finalizer| finalizer.result.is_some())
}

/// A log on its way to somebody.
struct Writing {
    desk: Arc<Desk>,
    pen: Pen,
    query: LogQuery,
    news: Reader,
    view: RunView,
}

impl Writing {
    async fn write(mut self, wanted: Option<Piece>) -> Result<(), Stop> {
        let mut piece = match wanted {
            Some(piece) => Some(piece.to_string()),
            None => self.view.attempts.last().map(|attempt| attempt.number.to_string()),
        };
        let mut from = self.query.from.unwrap_or(0);
        loop {
            if let Some(piece) = &piece {
                self.write_piece(piece, from).await?;
                from = 0;
            }
            if !self.query.follow || (wanted.is_some() && !self.query.onward) {
                return Ok(());
            }
            match self.next_attempt(piece.as_deref()).await? {
                Some(next) => piece = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Waits for the attempt that follows; `None` if there will be none.
    async fn next_attempt(&mut self, piece: Option<&str>) -> Result<Option<String>, Stop> {
        let number: u32 = piece.and_then(|piece| piece.parse().ok()).unwrap_or(0);
        loop {
            if let Some(next) = self.view.attempts.iter().find(|attempt| attempt.number > number) {
                return Ok(Some(next.number.to_string()));
            }
            if is_over(self.view.state) || self.view.ending.is_some() || !self.learn(None).await? {
                return Ok(None);
            }
        }
    }

    /// Writes the log of one process, to its end or up to what there is.
    async fn write_piece(&mut self, piece: &str, from: i64) -> Result<(), Stop> {
        let base = self.desk.state.logs().join(format!("{}-{piece}", self.view.run));
        let mut bell =
            if self.query.follow && !has_ended(&self.view, piece) { Some(Bell::on(&self.desk, &base)?) } else { None };
        let mut reading: Option<Reading> = None;
        loop {
            let settled = !self.query.follow || has_ended(&self.view, piece);
            // Whatever is written after this rings, whatever was written before is seen below.
            if let Some(bell) = &mut bell {
                bell.listen(&base)?;
            }
            loop {
                let (opened, pieces) = self.look(reading.take(), &base, from, settled).await?;
                reading = opened;
                if pieces.is_empty() {
                    break;
                }
                self.tell(piece, pieces).await?;
            }
            if settled {
                return Ok(());
            }
            if !self.learn(bell.as_ref()).await? {
                return Ok(());
            }
        }
    }

    /// Reads what is there now, off the loop's thread.
    async fn look(
        &self,
        reading: Option<Reading>,
        base: &Path,
        from: i64,
        settled: bool,
    ) -> Result<(Option<Reading>, Vec<(Chunk, Vec<u8>)>), Stop> {
        let (base, until) = (base.to_owned(), self.query.until.unwrap_or(u64::MAX));
        let looked = tokio::task::spawn_blocking(move || {
            let mut reading = match reading {
                Some(reading) => reading,
                None => match Reading::open(&base, from) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((None, Vec::new())),
                    opened => opened?,
                },
            };
            let pieces = reading.next(until, AT_A_TIME, settled)?;
            Ok((Some(reading), pieces))
        });
        let looked: io::Result<_> = looked.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        Ok(looked.map_err(unreadable)?)
    }

    async fn tell(&self, piece: &str, pieces: Vec<(Chunk, Vec<u8>)>) -> Result<(), Stop> {
        let wanted = pieces.into_iter().filter(|(chunk, _)| self.wants(chunk.stream));
        match self.query.form.unwrap_or_default() {
            LogForm::Lines => {
                let lines: Vec<LogLine> = wanted.map(|(chunk, content)| LogLine::of(piece, chunk, content)).collect();
                self.pen.lines(&lines).await?;
            }
            LogForm::Bytes => {
                for (_, content) in wanted {
                    self.pen.bytes(content).await?;
                }
            }
        }
        Ok(())
    }

    /// Says whether a stream is wanted; what is not told apart belongs to either.
    fn wants(&self, stream: Stream) -> bool {
        match (self.query.stream, stream) {
            (None, _) | (Some(LogStream::Out), Stream::Out) | (Some(LogStream::Err), Stream::Err) => true,
            (Some(LogStream::Out | LogStream::Err), Stream::Mixed | Stream::Dropped) => true,
            (Some(LogStream::Mixed), Stream::Mixed) | (Some(LogStream::Dropped), Stream::Dropped) => true,
            (Some(_), _) => false,
        }
    }

    /// Waits until something was written or happened to the run; says whether there is a point in looking again.
    async fn learn(&mut self, bell: Option<&Bell>) -> Result<bool, Stop> {
        let run = self.view.run;
        let rung = async {
            match bell {
                Some(bell) => bell.watch.rings().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = rung => return Ok(true),
            () = self.pen.gone() => return Err(Stop::Gone),
            () = self.desk.closed() => return Ok(false),
            goes_on = concerns(&mut self.news, run) => {
                if !goes_on {
                    return Ok(false);
                }
            }
        }
        self.view = view_of(&self.desk, run).await?;
        Ok(true)
    }
}

/// Returns when a process of the run has begun or ended; says whether there may be more news.
async fn concerns(news: &mut Reader, run: RunId) -> bool {
    loop {
        match news.next().await {
            Some(News::Entry(_, entry)) if changes(&entry, run) => return true,
            Some(News::Entry(..)) => {}
            Some(News::Missed { .. }) => return true,
            None => return false,
        }
    }
}

fn changes(entry: &Entry, run: RunId) -> bool {
    let About::Run(of, happened) = &entry.about else { return false };
    *of == run
        && match happened {
            Happened::Stepped(_)
            | Happened::FinalizerBegan { .. }
            | Happened::FinalizerEnded { .. }
            | Happened::Closed { .. } => true,
            Happened::Opened(_)
            | Happened::Started { .. }
            | Happened::Told { .. }
            | Happened::Held { .. }
            | Happened::Released { .. }
            | Happened::Crossed { .. }
            | Happened::Late { .. }
            | Happened::Diverged { .. } => false,
        }
}

/// What rings when a log grows.
struct Bell {
    watch: Watch,
    /// Whether the log's own files are watched, and nothing else.
    on_files: bool,
}

impl Bell {
    /// A log appears with its first byte: until then its folder is watched.
    fn on(desk: &Desk, base: &Path) -> Result<Self, Problem> {
        let watch = Watch::new().map_err(unreadable)?;
        watch.folder(base.parent().unwrap_or(desk.state.root())).map_err(unreadable)?;
        Ok(Self { watch, on_files: false })
    }

    /// Turns to the log's files as soon as they are there.
    fn listen(&mut self, base: &Path) -> Result<(), Problem> {
        if self.on_files || !bytes_path(base).exists() || !index_path(base).exists() {
            return Ok(());
        }
        let watch = Watch::new().map_err(unreadable)?;
        watch.file(&bytes_path(base)).map_err(unreadable)?;
        watch.file(&index_path(base)).map_err(unreadable)?;
        (self.watch, self.on_files) = (watch, true);
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn unreadable(error: io::Error) -> Problem {
    Problem::new(Code::Internal, format_args!("the log cannot be read: {error}"))
}
