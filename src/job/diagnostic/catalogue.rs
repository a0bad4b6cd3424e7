//! Every kind of mistake, with the paragraph that `steadfast explain` shows.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Severity;

/// The code of a kind of mistake, such as `SF0102`. A code keeps its meaning for ever and is never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

/// What is known of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The code.
    pub code: Code,
    /// Whether a file is refused for it.
    pub severity: Severity,
    /// The mistake in a few words.
    pub title: &'static str,
    /// What is behind it and what to do, in a paragraph.
    pub text: &'static str,
}

macro_rules! catalogue {
    ($($name:ident = $number:literal, $severity:ident, $title:literal, $text:literal;)*) => {
        impl Code {
            $(#[doc = $title] pub(in crate::job) const $name: Self = Self($number);)*

            /// Every code, in order.
            pub const ALL: &'static [Entry] = &[
                $(Entry { code: Self($number), severity: Severity::$severity, title: $title, text: $text },)*
            ];
        }
    };
}

catalogue! {
    UNREADABLE = 1, Error, "a file cannot be read",
        "The path was given, or stands in a folder that was given, and the system refused to hand out its content. The message holds the system's own reason. Check that the path is spelled right and that the user whom steadfast runs as may read it.";
    TOO_LARGE = 2, Error, "a file is too large",
        "Files of jobs are written by people and end long before 256 KiB. A larger file is refused before it is parsed, so that nobody can bring a daemon down with one. Split it: several files in one folder are one configuration.";
    TOO_DEEP = 3, Error, "brackets are nested too deeply",
        "No valid file opens more than 32 brackets inside one another, and parsers can be made to overflow their stack by files that do. Such a file is refused before it is parsed. Usually a closing bracket is missing somewhere above the marked place.";
    NOT_TEXT = 4, Error, "a file is no UTF-8 text",
        "TOML files are UTF-8. The marked byte begins no character. Save the file as UTF-8; if it is not a file of jobs at all, take it out of the folder or give it another ending than `.toml`.";
    UNFINISHED = 5, Error, "the last line has no end",
        "While a daemon runs, a file without a newline at its end is taken for half written: an editor or a copy may still be at work, and half a file may be valid and mean something else. The daemon keeps what it had. Save the file with a final newline.";
    UNSAFE = 6, Error, "others may write a file",
        "Whoever can write a file of jobs can run programs as the user of the daemon. So a daemon refuses files, and folders above them, that belong to somebody else than its own user or root, or that a group or everybody may write. Run `chmod go-w` on what the message names, or `chown` it.";
    NO_FILES = 7, Error, "there is no file of jobs",
        "A path that was given leads nowhere, or to a folder without any file that ends in `.toml`. Folders are not searched deeper: name each folder that holds files of jobs. `steadfast init` writes a first file.";
    SYNTAX = 101, Error, "the text is not TOML",
        "The parser did not understand the marked place. Common reasons: a text without quotes, a missing comma or bracket, a key given twice, a table header that comes back. Tables that stand before the first such place are checked all the same; what comes after it is checked when this is mended.";
    UNKNOWN_KEY = 102, Error, "a key is unknown",
        "Keys are never ignored, because a key with a typing mistake would silently do nothing. If a known key is near, the message names it. `steadfast explain KEY` describes each one, and `steadfast schema` gives an editor what it needs to complete them.";
    WRONG_FORM = 103, Error, "a value has the wrong form",
        "The key is known, but its value is of another kind than the key takes, such as a bare number where a duration with a unit is needed, or lies outside what the key allows. The message says what is expected.";
    MISSING_KEY = 104, Error, "a key is missing",
        "The table needs a key that is not there. The message names it.";
    UNKNOWN_TABLE = 105, Error, "a top-level table is unknown",
        "A file of jobs holds `[job.NAME]`, `[policy.NAME]`, `[class.NAME]` and `[group.NAME]`, and nothing else at its top level.";
    TWICE = 106, Error, "a name is declared twice",
        "All files of one configuration share their names: two jobs, policies, classes or groups of the same name would hide one another. The message shows both places. Rename one of them. A policy or class of yours may have the name of a shipped one and then takes its place.";
    BAD_NAME = 107, Error, "a name has the wrong form",
        "Names of jobs, policies, classes and groups are kebab-case: lower-case letters, digits and single hyphens, beginning with a letter, at most 64 bytes. So they can stand in a URL, on a command line and in a folder's name without quotes. Names of parameters and matrix keys may hold underscores as well.";
    NOT_BUILT = 108, Error, "this version cannot do that yet",
        "The key is part of the plan of steadfast and is not built into this version. It is refused rather than ignored, so that nobody believes it to work.";
    UNKNOWN_WORD = 109, Error, "a word is unknown",
        "The key takes one of a few words, and this is none of them. The message lists them, and names the nearest.";
    NO_ACTION = 201, Error, "a job does nothing",
        "A job needs a table that says what is done: `[job.NAME.command]` with `run` (a program and its arguments) or `shell` (one line for the shell).";
    TWO_PROGRAMS = 202, Error, "a command says two things",
        "`run` gives a program with its arguments, `shell` a line for the shell; a command has exactly one of them. What shall happen one after another goes into one script, or into two jobs joined by `after`.";
    NO_PROGRAM = 203, Error, "a command is empty",
        "`run` is a list whose first entry is the program, and `shell` a line that is not blank.";
    UNKNOWN_POLICY = 205, Error, "a policy is unknown",
        "`policy` and `extends` name a `[policy.NAME]` of any file, or one that comes with steadfast. `steadfast policy list` shows them all.";
    UNKNOWN_GROUP = 206, Error, "a group is unknown",
        "`group` names a `[group.NAME]` of any file. Declare it with the number of attempts that may run at a time: `[group.arxiv]` with `slots = 1`.";
    UNKNOWN_JOB = 207, Error, "a job is unknown",
        "`after` names jobs of the same configuration. The job that is meant may stand in a file that was not given.";
    CYCLE = 208, Error, "jobs wait for one another",
        "Following `after` from job to job leads back to where it began, so none of them would ever start by it. Remove one of the links; the message shows the whole circle.";
    SCHEDULE = 209, Error, "a schedule is wrong",
        "A schedule has exactly one of `cron`, `every` and `at`. Cron expressions have five fields and are read in `zone`; zones are IANA names such as `Asia/Shanghai`. `steadfast jobs next JOB` shows the due times of a job.";
    MATRIX = 210, Error, "a matrix is wrong",
        "A matrix gives each of its keys a list of values, and the job is run with every combination: at most 10,000, each list with at least one value and none twice. Values are texts, numbers, dates or true and false; they are put into the command exactly as written.";
    SUCCEEDS = 211, Error, "more points must succeed than there are",
        "`succeeds` says how many points of the matrix must succeed for the job to have succeeded: \"all\", \"any\" or a number from 1 to the number of points. Without a matrix it has no meaning.";
    OUT_OF_RANGE = 212, Error, "a number is out of range",
        "The key takes a smaller range of numbers. The message gives it.";
    PARAMETER = 213, Error, "a parameter cannot be used as declared",
        "Parameters, matrix keys and the names that steadfast knows itself share one set of names and one set of environment variables (`STEADFAST_PARAM_…`), so each name may be there once. A required parameter has no default, and a job that starts by itself (by a schedule or by `after`) cannot have one, because nobody would be there to give it.";
    ENVIRONMENT = 214, Error, "a variable or path cannot exist",
        "Names of environment variables hold no `=`, and neither names, values, arguments nor paths can hold a zero byte: the system has no way to pass them on. Variables that begin with `STEADFAST_` belong to steadfast.";
    POLICY = 301, Error, "a policy cannot work",
        "Something in the policy, or in what a job adds to its policy, could never end, never begin or never matter: attempts without an end, a first delay above the cap, a rule that stops and has attempts as well. `steadfast policy show NAME` prints every value with its place.";
    EXTENDS = 302, Error, "policies extend one another in a circle",
        "A policy takes the values that it does not name itself from the one that it extends. Following `extends` leads back to where it began. Remove one of the links.";
    NO_CLASS = 303, Error, "a pattern matches no class",
        "A rule for a class that does not exist would never catch anything. `steadfast explain CLASS` describes a class; families share a prefix, so that `net-*` speaks of all network failures. A class of your own is declared as `[class.NAME]`.";
    CLASS = 304, Error, "a class cannot work",
        "An entry of `when` must name some evidence, and its patterns must be regular expressions of a bearable size.";
    NEAR_NAME = 901, Warning, "a placeholder is near a known name",
        "Only `{name}` with a known name is replaced; any other `{word}` stays as it is, because shell, awk and JSON are full of braces. This word is near a name that would be replaced, so it may be a typing mistake. Write `{{word}}` where the braces are meant.";
    ONE_BRACE = 902, Warning, "two braces become one",
        "`{{` and `}}` stand for literal braces, so that a name in braces can be written without being replaced. This text has them in different numbers, as nested JSON has, and would arrive changed. Double the other braces as well, or use `shell`, in which nothing is replaced.";
    IN_SHELL = 903, Warning, "nothing is replaced in a shell line",
        "A value put into a line for the shell would be read as part of the program, and a value with a quote or a semicolon would do harm. So in `shell` nothing is replaced: values arrive as environment variables, `lr` as `$STEADFAST_PARAM_LR`.";
}

impl Code {
    /// Finds a code by what somebody typed: `SF0102`, `sf102` or `102`.
    #[must_use]
    pub fn find(text: &str) -> Option<&'static Entry> {
        let digits = text.trim().trim_start_matches(['S', 's']).trim_start_matches(['F', 'f']);
        let number: u16 = digits.parse().ok()?;
        Self::ALL.iter().find(|entry| entry.code.0 == number)
    }

    /// Returns what is known of it.
    ///
    /// # Panics
    ///
    /// Never: codes are made by the catalogue only.
    #[must_use]
    pub fn entry(self) -> &'static Entry {
        Self::ALL.iter().find(|entry| entry.code == self).expect("a code stands in the catalogue")
    }

    pub(super) fn severity(self) -> Severity {
        self.entry().severity
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SF{:04}", self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The page that `steadfast explain SF0102` shows.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}\n\n{}\n", self.code, self.severity, self.title, self.text)
    }
}
