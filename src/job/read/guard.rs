//! What a text must get past before the parser sees it. What could harm the parser, the library knows.

use steadfast_retry::table::{Refusal, Source};

use crate::job::{Code, Diagnostic};

/// Refuses a text that is too long, or nested so deeply that a parser could overflow its stack.
pub(super) fn refuse(source: &Source) -> Option<Diagnostic> {
    let refusal = Refusal::of(source.text())?;
    let (message, help) = (refusal.to_string(), refusal.help());
    Some(match refusal {
        Refusal::TooLong => Diagnostic::of_file(Code::TOO_LARGE, source.file(), message, help),
        Refusal::TooDeep(_) | Refusal::TooManyBrackets(_) | Refusal::TooManyDots(_) => {
            Diagnostic::at(Code::TOO_DEEP, source, refusal.span(), message, help)
        }
    })
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
