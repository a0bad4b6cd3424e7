//! `steadfast logs`: what a run's processes wrote, read from the files, or followed through the daemon.

use std::io::Write as _;

use clap::{Args, ValueEnum};

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::source::{self, Source};
use super::text;
use crate::api::{LogQuery, LogStream};
use crate::exec::log::{Log, Stream};
use crate::ids::{Piece, RunId};
use crate::state::StateDir;
use crate::store::State;
use crate::store::view::{RunView, Time};

/// Prints the output of a run's attempts
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast logs 12                  the last attempt
  steadfast logs 12#2                attempt 2
  steadfast logs crawl --all --times
  steadfast logs 12 --stream err | less")]
pub(super) struct Arguments {
    /// A run, a job for its newest run, and #N behind it for one attempt
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
    if what.follow && view.state != State::Closed {
        return follow(what, view.run, piece, console, state);
    }
    let pieces = pieces(&view, piece, what.all)?;
    let several = pieces.len() > 1;
    for piece in pieces {
        let base = source.state().logs().join(format!("{}-{piece}", view.run));
        let log = match Log::open(&base) {
            Ok(log) => log,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                console.say(format_args!("{} wrote nothing", named(&piece)));
                continue;
            }
            Err(error) => {
                return Err(Failure::new(Exit::FAILED, format_args!("the log of {piece} cannot be read: {error}")));
            }
        };
        if several {
            let bold = text::HEADING;
            console.say(format_args!("{bold}{}{bold:#}", named(&piece)));
        }
        print(&log, what, console)?;
    }
    Ok(Exit::GOOD)
}

/// Prints what a run writes, until it is over.
fn follow(
    what: &Arguments,
    run: RunId,
    piece: Option<Piece>,
    console: &mut Console,
    state: &StateDir,
) -> Result<Exit, Failure> {
    let stream = what.stream.map(|which| match which {
        Which::Out => LogStream::Out,
        Which::Err => LogStream::Err,
    });
    let piece = piece.map(|piece| piece.to_string());
    let query = LogQuery { piece, stream, follow: true, ..LogQuery::default() };
    let mut client = source::daemon(state)?;
    let mut last = None;
    for line in client.log(run, &query)? {
        let line = line?;
        if last.as_ref().is_some_and(|last| *last != line.piece) {
            let bold = text::HEADING;
            console.say(format_args!("{bold}{}{bold:#}", named(&line.piece)));
        }
        if let (true, Some(at)) = (what.times, line.at) {
            write!(console.out(), "{at} ")?;
        }
        console.out().write_all(&line.content())?;
        console.flush()?;
        last = Some(line.piece);
    }
    Ok(Exit::GOOD)
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

/// Writes the wanted bytes of a log, dropped ranges as a word.
fn print(log: &Log, what: &Arguments, console: &mut Console) -> Result<(), Failure> {
    let unreadable =
        |error: std::io::Error| Failure::new(Exit::FAILED, format_args!("the log cannot be read: {error}"));
    let wanted = |stream: Stream| match (what.stream, stream) {
        (None, _) | (Some(_), Stream::Dropped) => true,
        (Some(Which::Out), Stream::Out | Stream::Mixed) | (Some(Which::Err), Stream::Err) => true,
        (Some(Which::Out), Stream::Err) | (Some(Which::Err), Stream::Out | Stream::Mixed) => false,
    };
    if log.chunks().is_empty() {
        let bytes = log.read_all().map_err(unreadable)?;
        return Ok(console.out().write_all(last_lines(&bytes, what.tail))?);
    }
    let mut bytes = Vec::new();
    for chunk in log.chunks().iter().filter(|chunk| wanted(chunk.stream)) {
        if chunk.stream == Stream::Dropped {
            bytes.extend_from_slice(format!("[{} bytes were not kept]\n", chunk.length).as_bytes());
            continue;
        }
        let mut piece = vec![0; usize::try_from(chunk.length).unwrap_or(0)];
        let mut read = 0;
        while read < piece.len() {
            match log.read_at(chunk.offset + read as u64, &mut piece[read..]).map_err(unreadable)? {
                0 => break,
                count => read += count,
            }
        }
        piece.truncate(read);
        if what.times {
            let at = Time::of_nanos(i128::from(chunk.at.0));
            let lines = piece.split_inclusive(|byte| *byte == b'\n');
            lines.for_each(|line| bytes.extend([format!("{at} ").as_bytes(), line].concat()));
        } else {
            bytes.extend(piece);
        }
        if what.tail.is_none() {
            console.out().write_all(&bytes)?;
            bytes.clear();
        }
    }
    Ok(console.out().write_all(last_lines(&bytes, what.tail))?)
}

fn last_lines(bytes: &[u8], tail: Option<usize>) -> &[u8] {
    let Some(tail) = tail else { return bytes };
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut starts = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    match (tail, starts.nth(tail.saturating_sub(1))) {
        (0, _) => &[],
        (_, Some(from)) => &bytes[from..],
        (_, None) => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::last_lines;

    #[test]
    fn the_last_lines_are_whole() {
        let text = b"one\ntwo\nthree\n";
        assert_eq!(last_lines(text, Some(2)), b"two\nthree\n");
        assert_eq!(last_lines(text, Some(9)), text);
        assert_eq!(last_lines(b"one\ntwo", Some(1)), b"two");
        assert_eq!(last_lines(text, Some(0)), b"");
    }
}
