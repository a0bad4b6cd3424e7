//! The form of a class in files: `[class.*]` tables.

use std::borrow::Cow;
use std::fmt;

use regex::bytes::RegexBuilder;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::codes::{Codes, ExitCodes, StatusCodes, XidCodes};
use super::fact::Progress;
use super::list::{Item, List};
use super::signal::Signal;
use super::words::{ActWord, GpuTrouble, HostEvent, Intent, OomScope, Stall, StartTrouble, TransferError, words};

/// The largest compiled size of one pattern, and the largest of the whole set.
pub(crate) const PATTERN_BYTES: usize = 1024 * 1024;

/// A `[class.<name>]` table.
///
/// For a name that the runner ships, absent keys keep their shipped value; a table without `when` changes only the words.
/// A table with `when` replaces the matchers and stands before all shipped classes. For a new name, absent keys mean
/// "no more than the name says", kind ambiguous, and no matcher: then only the program's own report names the class.
///
/// ```toml
/// [class.site-cache-lock]
/// means = "another process holds the tokenizer's cache"
/// kind  = "transient"
/// when  = [ { exit = 1, output = "tokenizer cache lock" }, { report = "cache-lock" } ]
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", bound(deserialize = "P: Item + Deserialize<'de>"))]
#[schemars(rename = "ClassTable", bound = "P: Item + JsonSchema")]
pub struct ClassTable<P = CheckedPattern> {
    /// What happened, in one sentence.
    pub means: Option<String>,
    /// What a person can do about it, in one sentence.
    pub advice: Option<String>,
    /// Whether trying again can help.
    pub kind: Option<Kind>,
    /// The entries; any of them names the class.
    #[serde(default, deserialize_with = "entries")]
    #[schemars(with = "Option<Vec<When<P>>>")]
    pub when: Option<Vec<When<P>>>,
}

words! {
    /// Whether trying again can help.
    Kind {
        /// It is likely to pass by itself.
        Transient = "transient",
        /// Trying again gives the same result.
        Permanent = "permanent",
        /// It can be either.
        Ambiguous = "ambiguous",
        /// Somebody wanted it.
        Intent = "intent",
    }
}

words! {
    /// What an entry says of the failure, strongest first.
    Role {
        /// A cause.
        Root = "root",
        /// A consequence: names the class only where no root was seen.
        Cascade = "cascade",
        /// A sign that healthy runs show as well: names the class only where neither root nor cascade was seen.
        Confirm = "confirm",
        /// Worth showing; never names the class of a failure.
        Note = "note",
    }
}

#[expect(clippy::derivable_impls, reason = "the variants come from a macro that marks no default")]
impl Default for Role {
    fn default() -> Self {
        Self::Root
    }
}

impl Role {
    fn is_root(&self) -> bool {
        *self == Self::Root
    }
}

/// One entry of a class: keys that must all hold. Inside a key, a list means any of its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    bound(serialize = "P: Serialize", deserialize = "P: Item + Deserialize<'de>")
)]
#[schemars(rename = "When", bound = "P: Item + JsonSchema")]
pub struct When<P = Pattern> {
    /// Only for these programs (the last part of the path); names nothing alone.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub program: List<String>,
    /// Only with this much progress; names nothing alone.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub progress: List<Progress>,
    /// Somebody wanted the attempt to end.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub intent: List<Intent>,
    /// The runner ended the attempt.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub act: List<ActWord>,
    /// The attempt stood still.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub stalled: List<Stall>,
    /// The kernel killed a process for want of memory.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub oom: List<OomScope>,
    /// The driver reported an Xid event.
    #[serde(default, skip_serializing_if = "Codes::is_empty")]
    pub xid: XidCodes,
    /// The driver said something else of a leased GPU.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub gpu: List<GpuTrouble>,
    /// Something befell the machine or the watcher.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub host: List<HostEvent>,
    /// The program's own word, `*` at the end for any rest; `no-retry` is its request of that name.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub report: List<String>,
    /// The status of the last HTTP answer.
    #[serde(default, skip_serializing_if = "Codes::is_empty")]
    pub status: StatusCodes,
    /// A transfer's error.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub error: List<TransferError>,
    /// The program could not be started.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub not_started: List<StartTrouble>,
    /// The exit code.
    #[serde(default, skip_serializing_if = "Codes::is_empty")]
    pub exit: ExitCodes,
    /// The signal that ended the leader.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub signal: List<Signal>,
    /// Regular expressions over lines of output.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub output: List<P>,
    /// Cause, consequence or mere sign.
    #[serde(default, skip_serializing_if = "Role::is_root")]
    pub role: Role,
}

impl When<CheckedPattern> {
    /// Forgets that the patterns were checked.
    #[must_use]
    pub fn accept(self) -> When {
        When {
            program: self.program,
            progress: self.progress,
            intent: self.intent,
            act: self.act,
            stalled: self.stalled,
            oom: self.oom,
            xid: self.xid,
            gpu: self.gpu,
            host: self.host,
            report: self.report,
            status: self.status,
            error: self.error,
            not_started: self.not_started,
            exit: self.exit,
            signal: self.signal,
            output: self.output.map(|CheckedPattern(pattern)| pattern),
            role: self.role,
        }
    }
}

impl<P> When<P> {
    /// Says whether no key speaks of a fact, so that the entry would hold for every failure or none.
    fn names_no_evidence(&self) -> bool {
        let lists = [self.intent.is_empty(), self.act.is_empty(), self.stalled.is_empty(), self.oom.is_empty()];
        let more = [self.xid.is_empty(), self.gpu.is_empty(), self.host.is_empty(), self.report.is_empty()];
        let rest = [self.status.is_empty(), self.error.is_empty(), self.not_started.is_empty(), self.exit.is_empty()];
        let last = [self.signal.is_empty(), self.output.is_empty()];
        lists.iter().chain(&more).chain(&rest).chain(&last).all(|empty| *empty)
    }
}

/// An entry on its way in; refuses one without evidence at its own place in the file.
struct Entry<P>(When<P>);

impl<'de, P: Item + Deserialize<'de>> Deserialize<'de> for Entry<P> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let when = When::deserialize(from)?;
        if when.names_no_evidence() {
            return Err(D::Error::custom(
                "this entry names no evidence\nhelp: add one of exit, signal, status, error, output, report, xid, oom, stalled",
            ));
        }
        Ok(Self(when))
    }
}

fn entries<'de, P, D>(from: D) -> Result<Option<Vec<When<P>>>, D::Error>
where
    P: Item + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Vec::<Entry<P>>::deserialize(from).map(|entries| Some(entries.into_iter().map(|Entry(when)| when).collect()))
}

/// A regular expression over one line of output, as written.
///
/// Patterns work on bytes: `\w`, `\d`, `\b` and `(?i)` mean ASCII unless `(?u)` is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(pub(crate) String);

impl Pattern {
    /// Returns the pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Item for Pattern {
    const EXPECTS: &'static str = "a regular expression or a list of them";
}

/// A [`Pattern`] of a user, compiled once where it was read, so that a mistake has a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedPattern(pub(crate) Pattern);

impl Item for CheckedPattern {
    const EXPECTS: &'static str = Pattern::EXPECTS;
}

impl<'de> Deserialize<'de> for CheckedPattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let pattern = String::deserialize(from)?;
        if pattern.is_empty() {
            return Err(D::Error::custom("an empty pattern matches every line"));
        }
        match RegexBuilder::new(&pattern).unicode(false).size_limit(PATTERN_BYTES).build() {
            Ok(_) => Ok(Self(Pattern(pattern))),
            Err(regex::Error::CompiledTooBig(limit)) => Err(D::Error::custom(format_args!(
                "the pattern `{pattern}` needs more than {limit} bytes when compiled\nhelp: use smaller repetitions"
            ))),
            Err(error) => Err(D::Error::custom(format_args!("the pattern `{pattern}` is none: {}", last_line(&error)))),
        }
    }
}

/// The reason without the drawing above it, which only fits a terminal of its own.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string()
}

impl JsonSchema for Pattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "regex", "minLength": 1 })
    }
}

impl JsonSchema for CheckedPattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Pattern::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Pattern::json_schema(generator)
    }
}
