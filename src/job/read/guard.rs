//! What a text must get past before the parser sees it.

use std::ops::Range;

use steadfast_retry::table::Source;
use toml_parser::lexer::TokenKind;

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

/// Counts open brackets outside of strings and comments, as the parser's own lexer parts the text.
///
/// Only a closer of the same kind closes: a parser that goes on inside `[` after a stray `}` is deeper than a count that
/// takes any closer would believe, and the parser's own limit is fooled by closers that it never opened.
fn nesting(text: &str) -> Nesting {
    let mut openers = text.bytes().enumerate().filter(|(_, byte)| matches!(byte, b'[' | b'{'));
    if let Some((at, _)) = openers.nth(MOST_BRACKETS) {
        return Nesting::TooMany(at);
    }
    let mut open: Vec<TokenKind> = Vec::new();
    let mut dots = 0;
    for token in toml_parser::Source::new(text).lex() {
        let at = token.span().start();
        match token.kind() {
            kind @ (TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket) => {
                open.push(kind);
                dots = 0;
                if open.len() > DEEPEST {
                    return Nesting::TooDeep(at);
                }
            }
            TokenKind::RightSquareBracket => close(&mut open, TokenKind::LeftSquareBracket),
            TokenKind::RightCurlyBracket => close(&mut open, TokenKind::LeftCurlyBracket),
            TokenKind::Equals | TokenKind::Comma | TokenKind::Newline => dots = 0,
            TokenKind::Dot => {
                dots += 1;
                if dots > MOST_DOTS {
                    return Nesting::TooManyDots(at);
                }
            }
            TokenKind::Whitespace
            | TokenKind::Comment
            | TokenKind::LiteralString
            | TokenKind::BasicString
            | TokenKind::MlLiteralString
            | TokenKind::MlBasicString
            | TokenKind::Atom
            | TokenKind::Eof => {}
        }
    }
    Nesting::Fine
}

fn close(open: &mut Vec<TokenKind>, opener: TokenKind) {
    if open.last() == Some(&opener) {
        open.pop();
    }
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
