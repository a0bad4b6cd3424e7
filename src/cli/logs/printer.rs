//! Printing pieces of output, in the form that was asked for. What a terminal may be shown of them is [`shown`](super::shown)'s.

use std::collections::VecDeque;

use crate::api::{LogLine, LogStream};
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::shown::Shown;
use crate::cli::text;
use crate::exec::log::Chunk;

/// In which form output is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The bytes as they were written.
    Bytes,
    /// What a terminal may be shown.
    Shown,
    /// A JSON document for each piece.
    Json,
}

/// Prints the pieces of logs, of one process after another.
pub(super) struct Printer {
    form: Form,
    times: bool,
    /// So many of the last lines, if not all.
    tail: Option<usize>,
    shown: Shown,
    /// Pieces of which only the last lines are wanted.
    waiting: VecDeque<LogLine>,
    /// How many newlines are in those behind the first.
    newlines: usize,
    is_at_line_start: bool,
    last: Option<String>,
}

impl Printer {
    pub(super) fn new(form: Form, times: bool, tail: Option<usize>, console: &Console) -> Self {
        let shown = Shown::new(console.is_colourful);
        Self { form, times, tail, shown, waiting: VecDeque::new(), newlines: 0, is_at_line_start: true, last: None }
    }

    /// Prints a piece that was read from a file.
    pub(super) fn chunk(
        &mut self,
        piece: &str,
        chunk: Chunk,
        bytes: Vec<u8>,
        console: &mut Console,
    ) -> Result<(), Failure> {
        self.line(LogLine::of(piece, chunk, bytes), console)
    }

    /// Prints a piece.
    pub(super) fn line(&mut self, line: LogLine, console: &mut Console) -> Result<(), Failure> {
        if self.last.as_ref().is_some_and(|last| *last != line.piece) {
            self.end(console)?;
        }
        self.last = Some(line.piece.clone());
        match self.tail {
            None => self.write(&line, &line.content(), console),
            Some(tail) => {
                self.newlines += if self.waiting.is_empty() { 0 } else { newlines_in(&line) };
                self.waiting.push_back(line);
                // Without the first there are still more lines than are wanted.
                while self.newlines > tail {
                    self.waiting.pop_front();
                    self.newlines -= self.waiting.front().map_or(0, newlines_in);
                }
                Ok(())
            }
        }
    }

    /// Ends the output of a process.
    pub(super) fn end(&mut self, console: &mut Console) -> Result<(), Failure> {
        let waiting = std::mem::take(&mut self.waiting);
        self.newlines = 0;
        let skipped = self.tail.map_or(0, |tail| before_last_lines(&waiting, tail));
        let mut place = 0;
        for line in waiting {
            let content = line.content();
            let from = skipped.saturating_sub(place).min(content.len());
            place += content.len();
            if from < content.len() {
                self.write(&line, &content[from..], console)?;
            }
        }
        if self.form == Form::Shown {
            console.bytes(self.shown.end().as_bytes())?;
        }
        self.is_at_line_start = true;
        Ok(())
    }

    fn write(&mut self, line: &LogLine, content: &[u8], console: &mut Console) -> Result<(), Failure> {
        match self.form {
            Form::Json => {
                let line = if content.len() as u64 == line.bytes { line.clone() } else { line.last_bytes(content) };
                let line = serde_json::to_string(&line).map_err(std::io::Error::from)?;
                console.print(&line)?;
            }
            Form::Bytes | Form::Shown if line.stream == LogStream::Dropped => {
                // In a pipe this would be taken for the program's own words.
                console.say(format_args!("{} were not kept here", text::count(line.bytes, "byte")));
            }
            Form::Bytes | Form::Shown => match line.at.filter(|_| self.times) {
                None => self.plain(content, console)?,
                Some(at) => {
                    for one in content.split_inclusive(|byte| *byte == b'\n') {
                        if self.is_at_line_start {
                            console.bytes(format!("{at} ").as_bytes())?;
                        }
                        self.plain(one, console)?;
                    }
                }
            },
        }
        Ok(())
    }

    fn plain(&mut self, content: &[u8], console: &mut Console) -> Result<(), Failure> {
        let Some(last) = content.last() else { return Ok(()) };
        self.is_at_line_start = *last == b'\n';
        match self.form {
            Form::Shown => console.bytes(self.shown.piece(content).as_bytes())?,
            Form::Bytes | Form::Json => console.bytes(content)?,
        }
        Ok(())
    }
}

fn newlines_in(line: &LogLine) -> usize {
    line.content().iter().filter(|byte| **byte == b'\n').count()
}

/// Counts the bytes before the last lines; a last line needs no newline.
fn before_last_lines(pieces: &VecDeque<LogLine>, tail: usize) -> usize {
    let bytes: Vec<u8> = pieces.iter().flat_map(LogLine::content).collect();
    let body = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let mut starts = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    match (tail, starts.nth(tail.saturating_sub(1))) {
        (0, _) => bytes.len(),
        (_, Some(from)) => from,
        (_, None) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::before_last_lines;
    use crate::api::LogLine;
    use crate::exec::log::{Chunk, Stream};
    use crate::sys::time::Wall;

    #[test]
    fn the_last_lines_are_whole() {
        let last = |pieces: &[&str], tail| {
            let line = |text: &&str| {
                let chunk = Chunk { at: Wall(1), offset: 0, length: text.len() as u64, stream: Stream::Out };
                LogLine::of("1", chunk, text.as_bytes().to_vec())
            };
            let from = before_last_lines(&pieces.iter().map(line).collect(), tail);
            pieces.concat()[from..].to_owned()
        };
        assert_eq!(last(&["one\ntw", "o\nthree\n"], 2), "two\nthree\n");
        assert_eq!(last(&["one\n", "two\n"], 9), "one\ntwo\n");
        assert_eq!(last(&["one\ntwo"], 1), "two");
        assert_eq!(last(&["one\n"], 0), "");
    }
}
