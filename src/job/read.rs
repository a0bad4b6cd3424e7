//! From files to a configuration, or to everything that is wrong with them.
//!
//! # Theory of operation
//!
//! 1. [`files`] finds the files, looks at who may write them, and reads them. Everything after that is a function of
//!    texts.
//! 2. [`guard`] refuses what could harm the parser.
//! 3. [`parts`] parses a text, and hands out its `[kind.name]` tables, one [`Part`](parts::Part) each.
//! 4. [`decode`] makes a typed table of each part, noting every mistake on the way; [`words`] says them as we would.
//! 5. [`resolve`] puts the tables of all files together: names, policies, classes; [`job`] makes the jobs, and [`links`]
//!    follows `after`.
//!
//! A mistake is told once: what a mistaken or missing part would make wrong further on is left unsaid.

use std::path::PathBuf;

use jiff::tz::TimeZoneDatabase;
use steadfast_retry::table::Source;

use super::{Code, Config, Diagnostic};

pub(crate) use files::files_of;

mod decode;
mod files;
mod guard;
mod job;
mod links;
mod parts;
mod placeholder;
mod resolve;
mod words;

/// Reads files of jobs.
///
/// ```
/// use steadfast::job::{Reader, Text};
///
/// let text = Text::new("jobs.toml", "/srv/jobs", "[job.hello.command]\nrun = [\"echo\", \"hello\"]\nrnu = 1\n");
/// let reading = Reader::new().read_texts(&[text]);
/// assert_eq!(reading.diagnostics[0].to_string(), "jobs.toml:3:1: error[SF0102]: unknown key `rnu` in `command`\nhelp: did you mean `run`?");
/// assert!(reading.config.is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Reader {
    strict_newline: bool,
    owner: Option<u32>,
    zones: TimeZoneDatabase,
}

/// A text to read, and where it is from.
#[derive(Clone, Debug)]
pub struct Text {
    /// Its name in messages.
    pub file: String,
    /// The folder that paths in it start from, absolute.
    pub folder: PathBuf,
    /// The text.
    pub text: String,
}

impl Text {
    /// Makes a text.
    pub fn new(file: impl Into<String>, folder: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { file: file.into(), folder: folder.into(), text: text.into() }
    }
}

/// What came of reading.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The configuration, if nothing is wrong.
    pub config: Option<Config>,
    /// What is wrong or doubtful, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
}

impl Reading {
    /// Parts a good reading, with its warnings, from a bad one, with everything that is wrong.
    ///
    /// # Errors
    ///
    /// Returns the diagnostics if one of them is an error.
    pub fn into_result(self) -> Result<(Config, Vec<Diagnostic>), Vec<Diagnostic>> {
        match self.config {
            Some(config) => Ok((config, self.diagnostics)),
            None => Err(self.diagnostics),
        }
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// Makes a reader that takes any file it may read, and looks zones up in the data built into steadfast.
    #[must_use]
    pub fn new() -> Self {
        Self { strict_newline: false, owner: None, zones: TimeZoneDatabase::bundled() }
    }

    /// Refuses files without a final newline, for a daemon that reads again while somebody may be writing.
    #[must_use]
    pub const fn strict_newline(mut self, strict: bool) -> Self {
        self.strict_newline = strict;
        self
    }

    /// Refuses files that others than this user and root could have written, for a daemon that runs what they say.
    #[must_use]
    pub const fn trust_only(mut self, user: u32) -> Self {
        self.owner = Some(user);
        self
    }

    /// Looks zones up in other data, such as the system's.
    #[must_use]
    pub fn zones(mut self, zones: TimeZoneDatabase) -> Self {
        self.zones = zones;
        self
    }

    /// Reads files, and the `*.toml` files of folders.
    #[must_use]
    pub fn read(&self, paths: &[PathBuf]) -> Reading {
        let mut diagnostics = Vec::new();
        let texts = files::read(paths, self.owner, &mut diagnostics);
        self.finish(&texts, diagnostics)
    }

    /// Reads texts: a function of its arguments, for tests and for what does not come from files.
    #[must_use]
    pub fn read_texts(&self, texts: &[Text]) -> Reading {
        self.finish(texts, Vec::new())
    }

    fn finish(&self, texts: &[Text], mut diagnostics: Vec<Diagnostic>) -> Reading {
        // A file that could not be read may declare what others refer to.
        let mut whole = diagnostics.is_empty();
        let mut sound: Vec<(&Text, Source)> = Vec::new();
        for text in texts {
            let source = Source::new(text.file.as_str(), text.text.as_str());
            let unfinished = if self.strict_newline { guard::unfinished(&source) } else { None };
            match guard::refuse(&source).or(unfinished) {
                Some(refusal) => {
                    whole = false;
                    diagnostics.push(refusal);
                }
                None => sound.push((text, source)),
            }
        }
        let mut resolver = resolve::Resolver::new(&self.zones, whole);
        let parsed: Vec<parts::Parsed<'_>> = sound.iter().map(|(text, source)| parts::parse(text, source)).collect();
        let config = resolver.resolve(&parsed);
        diagnostics.append(&mut resolver.diagnostics);
        diagnostics.sort_by(|one, other| one.order().cmp(&other.order()));
        let failed = diagnostics.iter().any(Diagnostic::is_error);
        Reading { config: (!failed).then_some(config), diagnostics }
    }
}

/// Says whether a name is kebab-case, as names of jobs, policies, classes and groups are.
fn is_kebab_case(name: &str) -> bool {
    // The library's rule for class names is the rule for all.
    steadfast_retry::Class::new(name.to_owned()).is_ok()
}

/// A diagnostic of a wrong name.
fn bad_name(source: &Source, span: std::ops::Range<usize>, kind: &str, name: &str) -> Diagnostic {
    let tame: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let better = tame.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let help = match is_kebab_case(&better) {
        true => format!("write `{better}`: lower-case letters, digits and single hyphens"),
        false => {
            "names are lower-case letters, digits and single hyphens, begin with a letter and have at most 64 bytes"
                .to_owned()
        }
    };
    Diagnostic::at(Code::BAD_NAME, source, span, format!("`{}` is no name for a {kind}", words::short(name)), help)
}

#[cfg(test)]
mod tests;
