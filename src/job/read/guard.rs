//! What a text must get past before the parser sees it.

use std::ops::Range;

use steadfast_retry::table::Source;

use crate::job::{Code, Diagnostic};

/// The longest file that is parsed, in bytes.
pub(super) const LONGEST_FILE: usize = 256 * 1024;

/// The most brackets that may be open at once.
const DEEPEST: usize = 32;

/// The most opening brackets in a file, strings included: nobody writes so many, and each costs the parser some stack if
/// its own count can be fooled.
const MOST_BRACKETS: usize = 10_000;

/// The most names that one dotted key may have.
const MOST_DOTS: usize = 32;

/// Refuses a text that is too long, or nested so deeply that a parser could overflow its stack.
pub(super) fn refuse(source: &Source) -> Option<Diagnostic> {
    let text = source.text();
    if text.len() > LONGEST_FILE {
        let message = format!("the file is longer than {} KiB", LONGEST_FILE / 1024);
        return Some(Diagnostic::of_file(
            Code::TOO_LARGE,
            source.file(),
            message,
            "split it into several files of one folder",
        ));
    }
    let deep = |span: Range<usize>, message: String| {
        let help = "look for a missing closing bracket above, or take some nesting out";
        Some(Diagnostic::at(Code::TOO_DEEP, source, span, message, help))
    };
    match nesting(text) {
        Nesting::Fine => None,
        Nesting::TooDeep(at) => deep(at..at + 1, format!("more than {DEEPEST} brackets are open at once")),
        Nesting::TooMany(at) => deep(at..at + 1, format!("the file has more than {MOST_BRACKETS} brackets")),
        Nesting::TooManyDots(at) => deep(at..at + 1, format!("a key has more than {MOST_DOTS} names joined by dots")),
    }
}

/// What the pre-scan found, with the byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nesting {
    Fine,
    TooDeep(usize),
    TooMany(usize),
    TooManyDots(usize),
}

/// Counts open brackets outside of strings and comments.
///
/// Only a closer of the same kind closes: a parser that goes on inside `[` after a stray `}` is deeper than one that takes
/// any closer would believe, and that is how its own limit is fooled.
fn nesting(text: &str) -> Nesting {
    let bytes = text.as_bytes();
    let openers = bytes.iter().enumerate().filter(|(_, byte)| matches!(byte, b'[' | b'{'));
    if let Some((at, _)) = openers.skip(MOST_BRACKETS).next() {
        return Nesting::TooMany(at);
    }
    let mut open: Vec<u8> = Vec::new();
    let mut dots = 0;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            opener @ (b'[' | b'{') => {
                open.push(opener);
                dots = 0;
                if open.len() > DEEPEST {
                    return Nesting::TooDeep(at);
                }
            }
            closer @ (b']' | b'}') => {
                // In ASCII both closers stand two behind their openers.
                if open.last().is_some_and(|opener| opener + 2 == closer) {
                    open.pop();
                }
                dots = 0;
            }
            b'=' | b',' | b'\n' => dots = 0,
            b'.' => {
                dots += 1;
                if dots > MOST_DOTS {
                    return Nesting::TooManyDots(at);
                }
            }
            b'#' => at = line_end(bytes, at),
            b'"' | b'\'' => {
                at = string_end(bytes, at);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Nesting::Fine
}

/// The last byte before the end of a line.
fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| from + length - 1)
}

/// The byte behind a string that begins at `from`. One that is not closed ends with its line, or with the file.
fn string_end(bytes: &[u8], from: usize) -> usize {
    let quote = bytes[from];
    let triple = bytes[from..].starts_with(&[quote; 3]);
    let mut at = if triple { from + 3 } else { from + 1 };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            b'\n' if !triple => return at,
            byte if byte == quote => {
                if !triple {
                    return at + 1;
                }
                let run = bytes[at..].iter().take_while(|byte| **byte == quote).count();
                if run >= 3 {
                    // Up to two quotes may belong to the string itself, before the three that end it.
                    return at + run.min(5);
                }
                at += run - 1;
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Refuses a text whose last line has no end: half a file may be valid and mean something else.
pub(super) fn unfinished(source: &Source) -> Option<Diagnostic> {
    let text = source.text();
    if text.is_empty() || text.ends_with('\n') {
        return None;
    }
    let start = text.rfind('\n').map_or(0, |newline| newline + 1);
    let help = "save the file with a newline at its end; it may still be being written";
    Some(Diagnostic::at(Code::UNFINISHED, source, start..text.len(), "the last line has no end", help))
}

#[cfg(test)]
mod tests;
