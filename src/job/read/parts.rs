//! Parsing a text, and parting it into its `[kind.name]` tables.

use std::ops::Range;

use steadfast_retry::table::{Located, Source, nearest};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Text;
use super::words::{say_syntax, short};
use crate::job::{Code, Diagnostic};

/// The kinds of tables, as they stand at the top level.
pub(super) const KINDS: [&str; 4] = ["job", "policy", "class", "group"];

/// Tables of other versions of steadfast.
const LATER: [&str; 5] = ["breaker", "budget", "daemon", "notify", "trace"];

/// A text, parsed.
pub(super) struct Parsed<'a> {
    pub(super) text: &'a Text,
    pub(super) source: &'a Source,
    /// Its tables, in file order.
    pub(super) parts: Vec<Part<'a>>,
    /// What is wrong with the text itself.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Whether the parser understood all of it; if not, tables may be missing or lack keys.
    pub(super) whole: bool,
}

/// One table `[kind.name]`.
pub(super) struct Part<'a> {
    pub(super) kind: &'static str,
    pub(super) name: Located<String>,
    pub(super) table: Spanned<DeValue<'a>>,
    /// Whether it stands wholly before the first mistake of the parser.
    pub(super) sound: bool,
}

/// Parses a text that the guard let pass.
pub(super) fn parse<'a>(text: &'a Text, source: &'a Source) -> Parsed<'a> {
    let (root, mut errors) = DeTable::parse_recoverable(source.text());
    errors.sort_by_key(|error| error.span().map_or(usize::MAX, |span| span.start));
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    let mut first_mistake = usize::MAX;
    let mut lost = false;
    for error in &errors {
        let end = source.text().len();
        let span = error.span().unwrap_or(end..end);
        first_mistake = first_mistake.min(span.start);
        let unclosed = error.message().starts_with("missing comma") && begins_anew(source.text(), span.start);
        let diagnostic = say_syntax(source, span, error.message());
        // One slip often makes the parser complain again on the same line; the first complaint is the one that helps.
        if !lost && diagnostics.last().is_none_or(|last| last.line != diagnostic.line) {
            diagnostics.push(diagnostic);
        }
        // A header or key inside of a list that was never closed: what the parser says from here on is about nothing.
        lost |= unclosed;
    }
    let first_mistake = header_before(source.text(), first_mistake);
    let whole = errors.is_empty();
    let mut parsed = Parsed { text, source, parts: Vec::new(), diagnostics, whole };
    for (key, value) in root.into_inner() {
        let span = key.span();
        let sound = span.end <= first_mistake;
        match (KINDS.into_iter().find(|kind| kind == key.get_ref()), value.into_inner()) {
            (Some(kind), DeValue::Table(tables)) => parsed.take(kind, tables, first_mistake),
            (Some(kind), _) if sound => parsed.diagnostics.push(Diagnostic::at(
                Code::WRONG_FORM,
                source,
                span,
                format!("`{kind}` is no table of tables"),
                format!("write `[{kind}.NAME]`, and its keys below"),
            )),
            (None, _) if sound => parsed.diagnostics.push(unknown(source, span, key.get_ref())),
            (Some(_) | None, _) => {}
        }
    }
    parsed.parts.sort_by_key(|part| part.name.span.start);
    parsed
}

/// Whether a line begins here that could stand at the top: a header, or a key with its value.
fn begins_anew(text: &str, at: usize) -> bool {
    let (Some(before), Some(after)) = (text.get(..at), text.get(at..)) else { return false };
    let line = after.lines().next().unwrap_or_default();
    let is_key = |key: &str| key.trim_end().chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let assigns = line.split_once('=').is_some_and(|(key, _)| is_key(key));
    before.rsplit('\n').next().is_some_and(|start| start.trim().is_empty()) && (line.starts_with('[') || assigns)
}

/// The beginning of the table that a place is in: what the parser made of the rest of that table is not to be trusted.
fn header_before(text: &str, at: usize) -> usize {
    match text.get(..at) {
        Some(before) => before.rfind("\n[").map_or(0, |newline| newline + 1),
        None => usize::MAX,
    }
}

impl<'a> Parsed<'a> {
    fn take(&mut self, kind: &'static str, tables: DeTable<'a>, first_mistake: usize) {
        for (name, table) in tables {
            let sound = name.span().end.max(end(&table)) <= first_mistake;
            let span = name.span();
            let name = Located::new(name.into_inner().into_owned(), span.clone());
            if table.get_ref().is_table() {
                self.parts.push(Part { kind, name, table, sound });
            } else if sound {
                let message = format!("`{kind}.{}` is no table", short(&name.value));
                let help = format!("write `[{kind}.NAME]`, and its keys below");
                self.diagnostics.push(Diagnostic::at(Code::WRONG_FORM, self.source, span, message, help));
            }
        }
    }
}

/// The last byte of a value and all that is in it: a table's own span is only its header.
pub(super) fn end(value: &Spanned<DeValue<'_>>) -> usize {
    let inner = match value.get_ref() {
        DeValue::Table(table) => table.iter().map(|(key, value)| key.span().end.max(end(value))).max(),
        DeValue::Array(items) => items.iter().map(end).max(),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            None
        }
    };
    value.span().end.max(inner.unwrap_or(0))
}

fn unknown(source: &Source, span: Range<usize>, key: &str) -> Diagnostic {
    if LATER.contains(&key) {
        let message = format!("`[{key}]` is not built into this version");
        let help = "take the table out; it will be read by a later version";
        return Diagnostic::at(Code::NOT_BUILT, source, span, message, help);
    }
    let help = match (key, nearest(key, KINDS)) {
        (_, Some(near)) => format!("did you mean `[{near}.NAME]`?"),
        ("command" | "schedule" | "loop" | "catch" | "delay" | "finally", None) => {
            format!("it belongs to a job: `[job.NAME.{key}]`")
        }
        (_, None) => "a file of jobs holds `[job.NAME]`, `[policy.NAME]`, `[class.NAME]` and `[group.NAME]`".to_owned(),
    };
    Diagnostic::at(Code::UNKNOWN_TABLE, source, span, format!("unknown table or key `{}`", short(key)), help)
}
