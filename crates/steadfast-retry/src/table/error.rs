//! Mistakes in files of policies, each with its place, its kind and a remedy. Codes and colours belong to whoever
//! shows them.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use super::{Site, Source};
use crate::{Flaw, Origin};

/// One mistake in a file of policies, with its place and a remedy.
///
/// ```
/// use steadfast_retry::table::PolicySet;
///
/// let text = "[policy.x]\nloop = { atempts = 3 }\n";
/// let errors = PolicySet::parse(text, "mine.toml").unwrap_err();
/// assert_eq!(errors.to_string(), "mine.toml:2:10: policy `x`: unknown key `atempts`\nhelp: did you mean `attempts`?");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError(Box<Inner>);

/// What a mistake is about, for whoever adds a remedy or a code of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyErrorKind {
    /// The text is too long to be parsed.
    TooLong,
    /// The text is nested too deeply to be parsed.
    TooDeep,
    /// It is no TOML, a key is unknown, or a value has a wrong form.
    Form,
    /// A name is no name for a policy.
    Name,
    /// A name is declared twice.
    Twice,
    /// There is no policy of this name.
    Unknown(String),
    /// Each of these policies extends the next one, and the last one the first.
    Circle(Vec<String>),
    /// A pattern matches no known class.
    NoClass,
    /// A delay has no shape, more than one, or one that the rest does not fit.
    Delay,
    /// A finalizer names no program.
    NoProgram,
    /// Something could never end, never begin or never matter.
    Flaw(Flaw),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: PolicyErrorKind,
    policy: Option<String>,
    origin: Origin,
    column: u32,
    span: Range<usize>,
    message: String,
    help: Option<String>,
}

impl PolicyError {
    pub(super) fn new(
        kind: PolicyErrorKind,
        source: &Source,
        policy: Option<&str>,
        span: &Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Self {
        let (line, column) = source.line_and_column(span.start);
        let origin = Origin { line, ..source.origin(0) };
        let policy = policy.map(String::from);
        Self(Box::new(Inner { kind, policy, origin, column, span: span.clone(), message: message.into(), help }))
    }

    /// Returns what the mistake is about.
    #[must_use]
    pub fn kind(&self) -> &PolicyErrorKind {
        &self.0.kind
    }

    /// Returns the name of the policy (or job) that the mistake is in, `None` for a mistake in the file itself.
    #[must_use]
    pub fn policy(&self) -> Option<&str> {
        self.0.policy.as_deref()
    }

    /// Returns the file and line.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// Returns the column, in characters from 1.
    #[must_use]
    pub fn column(&self) -> u32 {
        self.0.column
    }

    /// Returns the bytes of the file that are at fault.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.0.span.clone()
    }

    /// Returns what is wrong, without the place and the policy's name.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns what would be right.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { policy, origin, column, message, help, .. } = &*self.0;
        write!(f, "{origin}:{column}: ")?;
        if let Some(policy) = policy {
            write!(f, "policy `{policy}`: ")?;
        }
        f.write_str(message)?;
        match help {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for PolicyError {}

/// Everything that is wrong with a file or a policy: at least one mistake, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors(Vec<PolicyError>);

impl PolicyErrors {
    /// Turns mistakes into an error, if there are any.
    pub(super) fn or<T>(mut errors: Vec<PolicyError>, good: T) -> Result<T, Self> {
        if errors.is_empty() {
            return Ok(good);
        }
        errors.sort_by(|a, b| (&a.0.origin.file, a.0.span.start).cmp(&(&b.0.origin.file, b.0.span.start)));
        Err(Self(errors))
    }

    pub(super) fn one(error: PolicyError) -> Self {
        Self(alloc::vec![error])
    }

    /// Returns the mistakes.
    #[must_use]
    pub fn as_slice(&self) -> &[PolicyError] {
        &self.0
    }
}

impl IntoIterator for PolicyErrors {
    type Item = PolicyError;
    type IntoIter = alloc::vec::IntoIter<PolicyError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl core::error::Error for PolicyErrors {}

/// The mistakes of one table, while it is being read.
pub(super) struct Mistakes<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) found: Vec<PolicyError>,
}

impl<'a> Mistakes<'a> {
    pub(super) const fn at(site: &'a Site<'a>) -> Self {
        Self { site, found: Vec::new() }
    }

    pub(super) fn add(
        &mut self,
        kind: PolicyErrorKind,
        span: &Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.found.push(PolicyError::new(kind, self.site.source, Some(self.site.name), span, message, help));
    }

    pub(super) fn flaw(&mut self, flaw: Flaw, span: &Range<usize>) {
        self.add(PolicyErrorKind::Flaw(flaw), span, format!("`{}`: {}", flaw.key(), flaw.why()), None);
    }
}
