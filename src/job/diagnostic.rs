//! One mistake in a file: where it is, what is wrong, what would be right.

use std::fmt;
use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;
use steadfast_retry::table::Source;

mod catalogue;
mod render;

pub use self::catalogue::{Code, Entry};
pub use self::render::Rendering;

/// One thing that is wrong or doubtful in a file of jobs.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Diagnostic {
    /// Which mistake it is, as `steadfast explain` knows it.
    #[schemars(with = "String")]
    pub code: Code,
    /// Whether the file is refused for it.
    pub severity: Severity,
    /// The file, as the user named it.
    pub file: String,
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: u32,
    /// The column in characters, from 1; 0 where the file as a whole is meant.
    pub column: u32,
    /// The bytes of the file that are at fault.
    pub span: Range<usize>,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// A word on the marked text, or nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// What would be right.
    pub help: String,
    /// Another place that the mistake is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related: Option<Box<Related>>,
    #[serde(skip)]
    source: Option<Source>,
}

/// Another place that a mistake is about.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Related {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The bytes of the file.
    pub span: Range<usize>,
    /// What is to be seen there.
    pub label: String,
    #[serde(skip)]
    source: Source,
}

/// Whether a file is refused for a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It is.
    Error,
    /// It is not, but somebody should look.
    Warning,
}

impl Diagnostic {
    /// Makes a diagnostic of a place in a text.
    pub(super) fn at(
        code: Code,
        source: &Source,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let span = on_characters(source.text(), span);
        let (line, column) = source.line_and_column(span.start);
        Self {
            code,
            severity: code.severity(),
            file: source.file().to_owned(),
            line,
            column,
            span,
            message: message.into(),
            label: String::new(),
            help: help.into(),
            related: None,
            source: Some(source.clone()),
        }
    }

    /// Makes a diagnostic of a file as a whole, which may have no text.
    pub(super) fn of_file(code: Code, file: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            file: file.to_owned(),
            line: 0,
            column: 0,
            span: 0..0,
            message: message.into(),
            label: String::new(),
            help: help.into(),
            related: None,
            source: None,
        }
    }

    /// Adds a word on the marked text.
    #[must_use]
    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds another place.
    #[must_use]
    pub(super) fn also(mut self, source: &Source, span: &Range<usize>, label: impl Into<String>) -> Self {
        let span = on_characters(source.text(), span.clone());
        let (line, column) = source.line_and_column(span.start);
        let (file, label, source) = (source.file().to_owned(), label.into(), source.clone());
        self.related = Some(Box::new(Related { file, line, column, span, label, source }));
        self
    }

    /// Says whether the files are refused for it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// What diagnostics are sorted by: the place, errors first.
    pub(super) fn order(&self) -> (&str, usize, Severity, Code) {
        (&self.file, self.span.start, self.severity, self.code)
    }
}

/// Widens a span to whole characters inside the text, so that nobody slices it in the middle of one.
fn on_characters(text: &str, span: Range<usize>) -> Range<usize> {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// One line: the place, the code, the message.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}[{}]: {}", self.severity, self.code, self.message)?;
        match self.help.is_empty() {
            false => write!(f, "\nhelp: {}", self.help),
            true => Ok(()),
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

#[cfg(test)]
mod tests;
