//! What a text must get past before the parser sees it.
//!
//! Parsers of nested text can be made to overflow their stack, which ends the whole process and cannot be caught. So whoever
//! parses a text that somebody else wrote asks here first. Whether the text means anything is not looked at.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use toml_parser::lexer::TokenKind;

/// The longest text that is parsed, in bytes.
pub const LONGEST_TEXT: usize = 256 * 1024;

/// The most brackets that may be open at once.
const DEEPEST: usize = 32;

/// The most opening brackets in a text, strings included: nobody writes so many, and each costs the parser some stack if
/// its own count can be fooled.
const MOST_BRACKETS: usize = 10_000;

/// The most names that one dotted key may have.
const MOST_DOTS: usize = 32;

/// Why a text is not parsed at all.
///
/// ```
/// use steadfast_retry::table::Refusal;
///
/// let bomb = format!("a = {}", "[".repeat(100));
/// assert_eq!(Refusal::of(&bomb), Some(Refusal::TooDeep(36)));
/// assert_eq!(Refusal::of("a = [[1, 2], [3]]"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is longer than [`LONGEST_TEXT`].
    TooLong,
    /// More than 32 brackets are open at once, from this byte on.
    TooDeep(usize),
    /// It has more than 10,000 brackets, the first too many at this byte.
    TooManyBrackets(usize),
    /// A key has more than 32 names joined by dots, the first too many behind the dot at this byte.
    TooManyDots(usize),
}

impl Refusal {
    /// Looks at a text, and returns why it must not be parsed, if so.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        if text.len() > LONGEST_TEXT { Some(Self::TooLong) } else { nesting(text) }
    }

    /// Returns the bytes of the text that are at fault: none where it is the text as a whole.
    #[must_use]
    pub const fn span(self) -> Range<usize> {
        match self {
            Self::TooLong => 0..0,
            Self::TooDeep(at) | Self::TooManyBrackets(at) | Self::TooManyDots(at) => at..at + 1,
        }
    }

    /// Returns what to do about it.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::TooLong => "split it into several files of one folder",
            Self::TooDeep(_) | Self::TooManyBrackets(_) | Self::TooManyDots(_) => {
                "look for a missing closing bracket above, or take some nesting out"
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the file is longer than {} KiB", LONGEST_TEXT / 1024),
            Self::TooDeep(_) => write!(f, "more than {DEEPEST} brackets are open at once"),
            Self::TooManyBrackets(_) => write!(f, "the file has more than {MOST_BRACKETS} brackets"),
            Self::TooManyDots(_) => write!(f, "a key has more than {MOST_DOTS} names joined by dots"),
        }
    }
}

/// Counts open brackets outside of strings and comments, as the parser's own lexer parts the text.
///
/// Only a closer of the same kind closes: a parser that goes on inside `[` after a stray `}` is deeper than a count that
/// takes any closer would believe, and the parser's own limit is fooled by closers that it never opened.
fn nesting(text: &str) -> Option<Refusal> {
    let mut openers = text.bytes().enumerate().filter(|(_, byte)| matches!(byte, b'[' | b'{'));
    if let Some((at, _)) = openers.nth(MOST_BRACKETS) {
        return Some(Refusal::TooManyBrackets(at));
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
                    return Some(Refusal::TooDeep(at));
                }
            }
            TokenKind::RightSquareBracket => close(&mut open, TokenKind::LeftSquareBracket),
            TokenKind::RightCurlyBracket => close(&mut open, TokenKind::LeftCurlyBracket),
            TokenKind::Equals | TokenKind::Comma | TokenKind::Newline => dots = 0,
            TokenKind::Dot => {
                dots += 1;
                if dots > MOST_DOTS {
                    return Some(Refusal::TooManyDots(at));
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
    None
}

fn close(open: &mut Vec<TokenKind>, opener: TokenKind) {
    if open.last() == Some(&opener) {
        open.pop();
    }
}

#[cfg(test)]
mod tests;
