//! `steadfast logs`: what runs have written.
//!
//! In a pipe and in a file the bytes are those that were written, every one of them. On a terminal only colours are let through:
//! whoever writes a log must not be able to move the cursor, set a title or type for the person who reads it.

mod follow;
mod printer;

use clap::{Args, ValueEnum};

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::source::Source;
use super::text;
use crate::exec::log::{Reading, Stream};
use crate::ids::{Piece, RunId};
use crate::state::StateDir;
use crate::store::State;
use crate::store::view::RunView;
use printer::{Form, Printer};

/// Prints the output of a run's attempts
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast logs 12                  the last attempt
  steadfast logs 12#2                attempt 2
  steadfast logs 12#f0.1             the first finalizer (from 0), its first try
  steadfast logs 12#a3.f0.1          the same of one that follows attempt 3
  steadfast logs crawl --all --times
  steadfast logs 12 --stream err | less
  steadfast logs 12 > output         every byte as it was written

On a terminal only colours are let through, and other control characters are
shown as \\x1b; --raw sends them all.")]
pub(super) struct Arguments {
    /// A run, a job for its newest run, and behind it #N for one attempt or #f0.1 for a finalizer, as `show` names it
    #[arg(value_name = "RUN|JOB[#N]")]
    run: String,
    /// Print the output of every attempt, one after the other
    #[arg(long, short)]
    all: bool,
    /// Print one stream alone
    #[arg(long, value_enum, value_name = "WHICH")]
    stream: Option<Which>,
    /// Go on while the run writes, and with the attempts that follow
    #[arg(long, short, conflicts_with_all = ["all", "tail"])]
    follow: bool,
    /// Print so many of the last lines only
    #[arg(long, value_name = "LINES")]
    tail: Option<usize>,
    /// Print the time before each line
    #[arg(long)]
    times: bool,
    /// Print every byte as it was written, on a terminal as well
    #[arg(long)]
    raw: bool,
    /// Answer with one JSON document on each line: attempt, time, stream, text (or hex where it is no UTF-8)
    #[arg(long, conflicts_with_all = ["times", "raw"])]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Standard output
    Out,
    /// Standard error
    Err,
}

pub(super) fn perform(what: &Arguments, console: &mut Console, state: &StateDir) -> Result<Exit, Failure> {
    let source = Source::open(state)?;
    let (word, piece) = match what.run.split_once('#') {
        Some((word, piece)) => (word, Some(piece.parse::<Piece>().map_err(Failure::usage)?)),
        None => (what.run.as_str(), None),
    };
    let view = source.run(source.find(word)?)?;
    let form = match console.is_terminal {
        _ if what.json => Form::Json,
        true if !what.raw => Form::Shown,
        true | false => Form::Bytes,
    };
    let mut printer = Printer::new(form, what.times, what.tail, console);
    if what.follow && view.state != State::Closed {
        return follow::follow(what, &source, &view, piece, &mut printer, console);
    }
    let pieces = pieces(&view, piece, what.all)?;
    let several = pieces.len() > 1 && !what.json;
    for piece in pieces {
        let Some(reading) = open(&source, view.run, &piece, 0)? else {
            if !what.json {
                console.say(format_args!("{} wrote nothing", named(&piece)));
            }
            continue;
        };
        if several {
            headline(&piece, console)?;
        }
        print(reading, &piece, what.stream, &mut printer, console)?;
        printer.end(console)?;
    }
    Ok(Exit::GOOD)
}

/// Opens what a process wrote from a place on; nothing where it wrote nothing.
fn open(source: &Source, run: RunId, piece: &str, from: i64) -> Result<Option<Reading>, Failure> {
    let base = source.state().logs().join(format!("{run}-{piece}"));
    match Reading::open(&base, from) {
        Ok(reading) => Ok(Some(reading)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(piece, &error)),
    }
}

/// Prints what a process that has ended wrote.
fn print(
    mut reading: Reading,
    piece: &str,
    stream: Option<Which>,
    printer: &mut Printer,
    console: &mut Console,
) -> Result<(), Failure> {
    loop {
        let read = reading.next(u64::MAX, AT_A_TIME, true).map_err(|error| unreadable(piece, &error))?;
        if read.is_empty() {
            return Ok(());
        }
        for (chunk, bytes) in read.into_iter().filter(|(chunk, _)| wants(stream, chunk.stream)) {
            printer.chunk(piece, chunk, bytes, console)?;
        }
    }
}

/// How much of a log is read at a time.
const AT_A_TIME: u64 = 256 * 1024;

fn unreadable(piece: &str, error: &std::io::Error) -> Failure {
    Failure::new(Exit::of_io(error), format_args!("the log of {} cannot be read: {error}", named(piece)))
}

/// Says on stderr whose output follows; what is printed before it stands before it on a terminal as well.
fn headline(piece: &str, console: &mut Console) -> Result<(), Failure> {
    console.flush()?;
    let bold = text::HEADING;
    console.say(format_args!("{bold}{}{bold:#}", named(piece)));
    Ok(())
}

/// Says whether a stream is wanted; what is not told apart belongs to standard output.
fn wants(wanted: Option<Which>, stream: Stream) -> bool {
    match (wanted, stream) {
        (None, _) | (Some(_), Stream::Dropped) => true,
        (Some(Which::Out), Stream::Out | Stream::Mixed) | (Some(Which::Err), Stream::Err) => true,
        (Some(Which::Out), Stream::Err) | (Some(Which::Err), Stream::Out | Stream::Mixed) => false,
    }
}

fn named(piece: &str) -> String {
    match piece.parse() {
        Ok(Piece::Attempt(number)) => format!("attempt {number}"),
        Ok(Piece::Finalizer { .. }) | Err(_) => format!("finalizer {piece}"),
    }
}

/// Which processes' output is wanted, oldest first.
fn pieces(view: &RunView, piece: Option<Piece>, all: bool) -> Result<Vec<String>, Failure> {
    let attempts = view.attempts.iter().map(|attempt| attempt.number.to_string());
    let finalizers = view.finalizers.iter().map(|finalizer| finalizer.piece.clone());
    let known: Vec<String> = attempts.chain(finalizers).collect();
    match piece.map(|piece| piece.to_string()) {
        Some(piece) if known.contains(&piece) => Ok(vec![piece]),
        Some(piece) => Err(Failure::not_found(format_args!("run {} has no process {piece}", view.run))
            .suggest(&piece, known.iter().map(String::as_str))),
        None if all => Ok(known),
        None => match view.attempts.last() {
            Some(attempt) => Ok(vec![attempt.number.to_string()]),
            None => Err(Failure::not_found(format_args!("no attempt of run {} has begun", view.run))),
        },
    }
}
