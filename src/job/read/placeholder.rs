//! Looking for `{word}` in texts: which would be replaced, and which only look like it.

use std::ops::Range;

use steadfast_retry::table::{Source, nearest};

use super::words::short;
use crate::job::{Code, Diagnostic, Values, expand};

/// Warns of words in braces that are near a known name, and of doubled braces that would come out single.
pub(super) fn in_text(source: &Source, span: &Range<usize>, text: &str, known: &[&str], found: &mut Vec<Diagnostic>) {
    for word in words(text) {
        let Some(near) = (if known.contains(&word) { None } else { nearest(word, known.iter().copied()) }) else {
            continue;
        };
        let message = format!("`{{{}}}` is not replaced: no value has that name", short(word));
        let help = format!("did you mean `{{{near}}}`? if the braces are meant, write `{{{{{}}}}}`", short(word));
        found.push(Diagnostic::at(Code::NEAR_NAME, source, span.clone(), message, help));
    }
    let (opened, closed) = (pairs(text, "{{"), pairs(text, "}}"));
    if opened != closed {
        let message = "two braces in a row come out as one here, and in different numbers at either side";
        let help = "double the other braces as well, or use `shell`, in which nothing is replaced";
        found.push(Diagnostic::at(Code::ONE_BRACE, source, span.clone(), message, help));
    }
}

/// Warns of known names in braces in a line for the shell, where nothing is replaced.
pub(super) fn in_shell(source: &Source, span: &Range<usize>, text: &str, known: &[&str], found: &mut Vec<Diagnostic>) {
    let mut told: Vec<&str> = Vec::new();
    for word in words(text) {
        // `${lr}` is the shell's own.
        let shells = text.contains(&format!("${{{word}}}"));
        if shells || !known.contains(&word) || told.contains(&word) {
            continue;
        }
        told.push(word);
        let message = format!("`{{{word}}}` stays as it is: nothing is replaced in a line for the shell");
        let variable = if Values::BUILTINS.contains(&word) {
            "use `run`, in which it is replaced".to_owned()
        } else {
            format!("write \"${}\"", expand::variable(word))
        };
        found.push(Diagnostic::at(Code::IN_SHELL, source, span.clone(), message, variable));
    }
}

/// The words in single braces.
fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        rest = &rest[at + 1..];
        if let Some(doubled) = rest.strip_prefix('{') {
            rest = doubled;
            continue;
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let length = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        if (1..=64).contains(&length) && rest[length..].starts_with('}') {
            found.push(&rest[..length]);
        }
    }
    found
}

fn pairs(text: &str, pair: &str) -> usize {
    text.matches(pair).count()
}
