//! The words by which runs are asked for, such as `state:running class:net-*`. How the runs are found is
//! [`page`](super::page)'s.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use steadfast_retry::{Ending, Moment, parse_duration};

use crate::ids::RunId;
use crate::store::standing::{State, ending_of};

/// Which runs are wanted: words such as `state:waiting job:crawl* class:net-* ending:gave-up since:1d`.
///
/// All kinds of words must hold; of one kind, any (`state:running,waiting` or the word twice). A bare word is a job. `*` in
/// `job` and `class` stands for any letters. `ending:failed` is any of gave-up, stopped and quarantined. `since` wants runs that
/// are not over, or ended within that time or after that instant. `is:held` and `is:trouble` want what they say; trouble is a run
/// that has failed and is not settled by a retry or a later success, or is held.
///
/// ```
/// use steadfast::store::view::Filter;
///
/// let filter: Filter = "crawl* state:waiting class:net-*,http-busy".parse()?;
/// assert_eq!(filter.to_string(), "state:waiting job:crawl* class:net-*,http-busy");
/// let error = "stat:waiting".parse::<Filter>().unwrap_err();
/// assert!(error.to_string().contains("help: `state:` is near"));
/// # Ok::<(), steadfast::store::view::BadFilter>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// States, any if empty.
    pub states: Vec<State>,
    /// Names of jobs, with `*`.
    pub jobs: Vec<String>,
    /// Classes of the last failure, with `*`.
    pub classes: Vec<String>,
    /// Endings.
    pub endings: Vec<Ending>,
    /// Not over, or over since.
    pub since: Option<Since>,
    /// Further properties, all of which must hold.
    pub is: Vec<Is>,
    /// The first run of a matrix.
    pub sweep: Option<RunId>,
}

/// How far back a filter looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// So long before now.
    Ago(Duration),
    /// From an instant on.
    From(Timestamp),
}

impl Since {
    pub(super) fn nanos(self, now: Moment) -> i64 {
        let nanos = match self {
            Self::Ago(span) => i128::from(now.as_nanos()) - i128::try_from(span.as_nanos()).unwrap_or(i128::MAX),
            Self::From(instant) => instant.as_nanosecond(),
        };
        i64::try_from(nanos.max(0)).unwrap_or(i64::MAX)
    }
}

/// A property that a filter can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// It is held.
    Held,
    /// It has failed or is held, and nobody has settled that.
    Trouble,
}

/// A filter that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFilter {
    word: String,
    why: String,
    help: String,
}

impl fmt::Display for BadFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "filter word `{}` {}\nhelp: {}", self.word, self.why, self.help)
    }
}

impl std::error::Error for BadFilter {}

const KEYS: [&str; 7] = ["state", "job", "class", "ending", "since", "is", "sweep"];
const ENDINGS: [&str; 7] = ["succeeded", "gave-up", "stopped", "cancelled", "skipped", "quarantined", "failed"];

impl FromStr for Filter {
    type Err = BadFilter;

    fn from_str(text: &str) -> Result<Self, BadFilter> {
        let mut filter = Self::default();
        for word in text.split_whitespace() {
            let (key, values) = word.split_once(':').unwrap_or(("job", word));
            let bad = |why: String, help: String| BadFilter { word: word.to_owned(), why, help };
            if key == "since" {
                filter.since = Some(since(values).ok_or_else(|| {
                    bad(
                        "is no time".to_owned(),
                        "write `since:90m`, `since:1d` or `since:2026-11-23T12:00:00Z`".to_owned(),
                    )
                })?);
                continue;
            }
            for value in values.split(',') {
                filter.take(key, value).map_err(|(why, help)| bad(why, help))?;
            }
        }
        Ok(filter)
    }
}

impl Filter {
    /// Takes one value of one word, or says what is wrong and what would be right.
    fn take(&mut self, key: &str, value: &str) -> Result<(), (String, String)> {
        let states = || State::ALL.map(State::as_str);
        match key {
            "state" => match State::of(value) {
                Some(state) => self.states.push(state),
                None if ENDINGS.contains(&value) => {
                    return Err(("names no state".to_owned(), format!("`ending:{value}` finds runs that are over")));
                }
                None => return Err(("names no state".to_owned(), one_of("state", value, &states()))),
            },
            "job" if !value.is_empty() => self.jobs.push(value.to_owned()),
            "class" if !value.is_empty() => self.classes.push(value.to_owned()),
            "ending" if value == "failed" => {
                self.endings.extend([Ending::GaveUp, Ending::Stopped, Ending::Quarantined]);
            }
            "ending" => match ending_of(value) {
                Some(ending) => self.endings.push(ending),
                None => return Err(("names no ending".to_owned(), one_of("ending", value, &ENDINGS))),
            },
            "is" if value == "held" => self.is.push(Is::Held),
            "is" if value == "trouble" => self.is.push(Is::Trouble),
            "is" => return Err(("asks for nothing known".to_owned(), one_of("is", value, &["held", "trouble"]))),
            "sweep" => match value.parse() {
                Ok(run) => self.sweep = Some(run),
                Err(_) => {
                    return Err((
                        "names no run".to_owned(),
                        "write the number of the first run of a matrix".to_owned(),
                    ));
                }
            },
            "job" | "class" => {
                return Err(("is empty".to_owned(), format!("write `{key}:name`, with `*` for any letters")));
            }
            _ => {
                let near =
                    KEYS.into_iter().max_by(|a, b| nearness(key, a).total_cmp(&nearness(key, b))).unwrap_or(KEYS[0]);
                let known = KEYS.join("`, `");
                return Err(("is of no known kind".to_owned(), format!("`{near}:` is near; there are `{known}`")));
            }
        }
        Ok(())
    }

    /// Says whether every run is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn nearness(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}

fn one_of(key: &str, value: &str, known: &[&str]) -> String {
    let near = known.iter().max_by(|a, b| nearness(value, a).total_cmp(&nearness(value, b)));
    format!("`{key}:{}` is near; there are `{}`", near.unwrap_or(&""), known.join("`, `"))
}

fn since(text: &str) -> Option<Since> {
    if let Ok(span) = parse_duration(text) {
        return Some(Since::Ago(span));
    }
    text.parse().ok().map(Since::From)
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        let mut say = |key: &str, values: Vec<&str>| {
            if !values.is_empty() {
                words.push(format!("{key}:{}", values.join(",")));
            }
        };
        say("state", self.states.iter().map(|state| state.as_str()).collect());
        say("job", self.jobs.iter().map(String::as_str).collect());
        say("class", self.classes.iter().map(String::as_str).collect());
        say("ending", self.endings.iter().map(|ending| ending.as_str()).collect());
        let is = |is: &Is| match is {
            Is::Held => "held",
            Is::Trouble => "trouble",
        };
        say("is", self.is.iter().map(is).collect());
        match self.since {
            None => {}
            Some(Since::Ago(span)) => words.push(format!("since:{}", steadfast_retry::Pretty(span))),
            Some(Since::From(instant)) => words.push(format!("since:{instant}")),
        }
        words.extend(self.sweep.map(|run| format!("sweep:{run}")));
        f.write_str(&words.join(" "))
    }
}
