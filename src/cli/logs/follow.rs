//! Following what a run writes. The reader keeps its place, the process and the offset, so it goes on where it was with the next
//! daemon; what is left once the run is over is read from the files, for which no daemon is needed.

use super::printer::Printer;
use super::{Arguments, Which, headline, open, print};
use crate::api::{Code, LogLine, LogQuery, LogStream, Problem};
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::follow::{self, Line};
use crate::cli::source::Source;
use crate::ids::Piece;
use crate::store::State;
use crate::store::view::RunView;
use crate::sys::time::Boottime;

/// Up to where a log was printed.
struct Place {
    piece: String,
    offset: u64,
}

/// Prints what a run writes, until it is over.
pub(super) fn follow(
    what: &Arguments,
    source: &Source,
    view: &RunView,
    wanted: Option<Piece>,
    printer: &mut Printer,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let mut line = Line::open(source.state())?;
    let wanted = wanted.map(|piece| piece.to_string());
    let latest = || view.attempts.last().map(|attempt| attempt.number.to_string());
    let mut place = wanted.clone().or_else(latest).map(Place::first);
    loop {
        let problem = match line.client().log(view.run, &query(what, place.as_ref(), wanted.is_some())) {
            Ok(lines) => {
                let problem = print_all(lines, what, &mut place, printer, console)?;
                line.answers();
                problem
            }
            Err(problem) => problem,
        };
        if problem.code != Code::Unreachable {
            return Err(problem.into());
        }
        let view = source.run(view.run)?;
        place = place.or_else(|| view.attempts.first().map(|first| Place::first(first.number.to_string())));
        if is_over(&view, wanted.as_deref()) {
            print_rest(what, source, &view, place, wanted.is_some(), printer, console)?;
            printer.end(console)?;
            return Ok(Exit::GOOD);
        }
        line.again(problem, Boottime::NEVER, console)?;
    }
}

impl Place {
    fn first(piece: String) -> Self {
        Self { piece, offset: 0 }
    }

    /// The same offset as a log is asked for it.
    fn from(&self) -> i64 {
        i64::try_from(self.offset).unwrap_or(i64::MAX)
    }
}

fn query(what: &Arguments, place: Option<&Place>, is_alone: bool) -> LogQuery {
    let stream = what.stream.map(|which| match which {
        Which::Out => LogStream::Out,
        Which::Err => LogStream::Err,
    });
    let (piece, from) = place.map(|place| (place.piece.clone(), place.from())).unzip();
    LogQuery { piece, from, stream, follow: true, onward: place.is_some() && !is_alone, ..LogQuery::default() }
}

/// Prints what a daemon tells, and returns why it tells no more.
fn print_all(
    lines: impl Iterator<Item = Result<LogLine, Problem>>,
    what: &Arguments,
    place: &mut Option<Place>,
    printer: &mut Printer,
    console: &mut Console,
) -> Result<Problem, Failure> {
    for line in lines {
        let line = match line {
            Ok(line) => line,
            Err(problem) => return Ok(problem),
        };
        go_to(&line.piece, what, place.as_ref(), printer, console)?;
        *place = Some(Place { piece: line.piece.clone(), offset: line.offset + line.bytes });
        printer.line(line, console)?;
        console.flush()?;
    }
    Ok(follow::ended())
}

/// Says whose output follows, where it is another process than before.
fn go_to(
    piece: &str,
    what: &Arguments,
    place: Option<&Place>,
    printer: &mut Printer,
    console: &mut Console,
) -> Result<(), Failure> {
    if place.is_some_and(|place| place.piece != piece) && !what.json {
        printer.end(console)?;
        headline(piece, console)?;
    }
    Ok(())
}

/// Prints what nobody told before the end.
fn print_rest(
    what: &Arguments,
    source: &Source,
    view: &RunView,
    mut place: Option<Place>,
    is_alone: bool,
    printer: &mut Printer,
    console: &mut Console,
) -> Result<(), Failure> {
    let Some(first) = &place else { return Ok(()) };
    let mut pieces = vec![first.piece.clone()];
    if let (Ok(number), false) = (first.piece.parse::<u32>(), is_alone) {
        let later = view.attempts.iter().filter(|attempt| attempt.number > number);
        pieces.extend(later.map(|attempt| attempt.number.to_string()));
    }
    for piece in pieces {
        let from = place.as_ref().filter(|place| place.piece == piece).map_or(0, Place::from);
        let Some(reading) = open(source, view.run, &piece, from)? else { continue };
        go_to(&piece, what, place.as_ref(), printer, console)?;
        print(reading, &piece, what.stream, printer, console)?;
        place = Some(Place::first(piece));
    }
    Ok(())
}

/// Says whether nothing more is written.
fn is_over(view: &RunView, wanted: Option<&str>) -> bool {
    match wanted {
        None => view.state == State::Closed || view.ending.is_some(),
        Some(piece) => {
            let attempt = view.attempts.iter().find(|attempt| attempt.number.to_string() == piece);
            let finalizer = view.finalizers.iter().find(|finalizer| finalizer.piece == piece);
            attempt.is_none_or(|attempt| attempt.outcome.is_some())
                && finalizer.is_none_or(|finalizer| finalizer.result.is_some())
        }
    }
}
