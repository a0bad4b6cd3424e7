//! Diagnostics for people, for programs and for the annotations of a code host.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Severity};

/// How diagnostics are shown on a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Rendering {
    /// Whether colours are used.
    pub colour: bool,
    /// The width of the terminal, in columns.
    pub width: usize,
}

impl Default for Rendering {
    fn default() -> Self {
        Self { colour: false, width: 120 }
    }
}

impl Rendering {
    /// Shows one diagnostic with its lines of the file; without a newline at the end.
    #[must_use]
    pub fn show(self, diagnostic: &Diagnostic) -> String {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.to_string());
        let mut group = match &diagnostic.source {
            Some(source) => title.elements(snippets(diagnostic, source.text())),
            None => title.element(annotate_snippets::Origin::path(diagnostic.file.as_str())),
        };
        if !diagnostic.help.is_empty() {
            group = group.element(Level::HELP.message(diagnostic.help.as_str()));
        }
        let groups: [Group<'_>; 1] = [group];
        let renderer = if self.colour { Renderer::styled() } else { Renderer::plain() };
        renderer.term_width(self.width.max(40)).render(&groups)
    }

    /// Shows all diagnostics, a blank line after each, and a line that counts them.
    #[must_use]
    pub fn show_all(self, diagnostics: &[Diagnostic]) -> String {
        let mut out = String::new();
        for diagnostic in diagnostics {
            out.push_str(&self.show(diagnostic));
            out.push_str("\n\n");
        }
        out.push_str(&summary(diagnostics));
        out
    }
}

fn snippets<'a>(diagnostic: &'a Diagnostic, text: &'a str) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let primary = AnnotationKind::Primary.span(visible(text, &diagnostic.span)).label(named(&diagnostic.label));
    let snippet = Snippet::source(text).path(diagnostic.file.as_str()).annotation(primary);
    match diagnostic.related.as_deref() {
        None => vec![snippet],
        Some(related) => {
            let text = related.source.text();
            let context = AnnotationKind::Context.span(visible(text, &related.span)).label(named(&related.label));
            if related.file == diagnostic.file {
                vec![snippet.annotation(context)]
            } else {
                vec![snippet, Snippet::source(text).path(related.file.as_str()).annotation(context)]
            }
        }
    }
}

fn named(label: &str) -> Option<&str> {
    (!label.is_empty()).then_some(label)
}

/// The part of a span that is drawn: a table of forty lines is marked by its first.
fn visible(text: &str, span: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    let marked = &text[span.clone()];
    let lines = marked.matches('\n').count();
    match marked.find('\n') {
        Some(end) if lines > 3 => span.start..span.start + marked[..end].trim_end().len(),
        Some(_) | None => span.clone(),
    }
}

/// Counts errors and warnings in a line, empty where there are none.
fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let count = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    };
    match (errors, diagnostics.len() - errors) {
        (0, 0) => String::new(),
        (errors, 0) => format!("{}\n", count(errors, "error")),
        (0, warnings) => format!("{}\n", count(warnings, "warning")),
        (errors, warnings) => format!("{}, {}\n", count(errors, "error"), count(warnings, "warning")),
    }
}

impl Diagnostic {
    /// Writes it as a workflow command, which code hosts show beside the line of a change.
    #[must_use]
    pub fn annotation(&self) -> String {
        let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
        let mut out = format!("::{} file={}", self.severity, property(&self.file));
        if self.line > 0 {
            out.push_str(&format!(",line={},col={}", self.line, self.column));
        }
        let help = if self.help.is_empty() { String::new() } else { format!("\nhelp: {}", self.help) };
        out.push_str(&format!(",title={}::{}", self.code, data(&format!("{}{help}", self.message))));
        out
    }
}
