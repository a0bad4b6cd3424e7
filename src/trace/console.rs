//! Lines for people: one per attempt, and one when its run is over.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::tz::TimeZone;
use steadfast_retry::Moment;
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::Hour;
use super::clean::columns;
use super::looks::{Parts, Tone, clock, short, sign_of};
use super::pipe::{Pipe, Sink};
use super::record::{Fields, Record, remember_span};

/// How lines for people look.
#[derive(Clone, Debug)]
pub struct Looks {
    /// Whether there is colour; only where a terminal will show it.
    pub colour: bool,
    /// How wide the terminal is; no limit where there is none, because a file has room.
    pub columns: Option<usize>,
    /// The zone of the times.
    pub zone: TimeZone,
    /// Whether systemd's journal reads the lines: it has the times, and wants the priority in front.
    pub journal: bool,
}

/// The layer that writes lines for people.
pub(super) struct ConsoleLayer {
    pub(super) pipe: Pipe,
    pub(super) looks: Looks,
    pub(super) now: Arc<Hour>,
    /// The widest name so far, so that the columns behind it stand under one another.
    pub(super) widest: AtomicUsize,
}

/// No name makes the others move further than this.
const WIDEST_NAME: usize = 20;

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for ConsoleLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        remember_span(attributes, id, &context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let record = Record::of(event, &context, || (self.now)());
        let width = columns(&who(&record)).min(WIDEST_NAME);
        let widest = self.widest.fetch_max(width, Ordering::Relaxed).max(width);
        self.pipe.push(&line(&record, &self.looks, widest));
    }
}

/// A sink for people.
pub(super) struct Screen {
    pub(super) to: Box<dyn Write + Send>,
    pub(super) looks: Looks,
    pub(super) now: Arc<Hour>,
}

impl Sink for Screen {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.to.write_all(lines)?;
        self.to.flush()
    }

    fn gap(&self, dropped: u64) -> String {
        let fields = Fields(vec![("dropped", super::record::Value::Natural(dropped))]);
        let (level, target, name) = (Level::WARN, super::tell::DAEMON, Some("trace.dropped"));
        let message = String::new();
        let record = Record { at: (self.now)(), level, target, name, message, fields, spans: Vec::new() };
        line(&record, &self.looks, 0)
    }
}

/// Writes a record as one line, without its end.
pub(super) fn line(record: &Record, looks: &Looks, name_columns: usize) -> String {
    let mut parts = Parts::default();
    if !looks.journal {
        parts.add(Tone::Dim, clock(record.at, record.at, &looks.zone));
    }
    parts.column(Tone::Name, who(record), name_columns);
    let mut told = Told { fields: &record.fields, at: record.at, zone: &looks.zone, parts: &mut parts };
    if !told.known(record.name.unwrap_or_default()) {
        told.anything(record);
    }
    let line = parts.line(looks.colour && !looks.journal, looks.columns.filter(|_| !looks.journal));
    if looks.journal { format!("<{}>{line}", priority(record.level)) } else { line }
}

/// Whom a line is about: the job and its run.
fn who(record: &Record) -> String {
    match (record.fields.text("job"), record.fields.number("run")) {
        (Some(job), Some(run)) if record.target != super::tell::JOB => format!("{job} {run}"),
        (Some(job), _) => job.to_owned(),
        (None, Some(run)) => format!("run {run}"),
        (None, None) => "daemon".to_owned(),
    }
}

/// The priorities of syslog, as systemd's journal reads them at the beginning of a line.
const fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// A line that is being told.
struct Told<'a> {
    fields: &'a Fields,
    at: Moment,
    zone: &'a TimeZone,
    parts: &'a mut Parts,
}

impl Told<'_> {
    /// Tells an event that has words of its own; says whether it does.
    fn known(&mut self, name: &str) -> bool {
        match name {
            "attempt.ended" => self.attempt_ended(),
            "run.closed" => self.run_closed(),
            "run.decided" => {
                let ending = self.text("ending").to_owned();
                self.sign(if ending.is_empty() { "waits" } else { &ending }, 0);
                self.say("", &["because"]).by();
            }
            "run.opened" => {
                self.say("opened", &["trigger"]).by();
            }
            "run.held" | "job.held" => {
                self.say("held", &[]).by();
            }
            "run.released" | "job.released" => {
                self.say("released", &[]).by();
            }
            "run.crossed" => {
                self.say("deaths of the daemon in a row that it was in flight at:", &["deaths"]);
            }
            "run.late" => {
                self.say("a late report was refused, of", &["piece", "sentence"]);
            }
            "run.diverged" => {
                self.say("would be decided otherwise today:", &["decision", "because"]);
            }
            "attempt.began" => {
                self.number().say("began:", &["because"]);
            }
            "attempt.started" => {
                self.number().say("runs as process", &["pid"]);
            }
            "attempt.voided" => {
                self.number().say("never started", &[]);
            }
            "attempt.cut" => {
                self.number().say("is being stopped", &[]).by();
            }
            "attempt.told" => {
                self.say("#", &["piece", "word", "text", "step"]);
            }
            "finalizer.began" => {
                self.say("finalizer", &["piece"]).say("began", &[]);
            }
            "finalizer.started" => {
                self.say("finalizer", &["piece"]).say("runs as process", &["pid"]);
            }
            "finalizer.ended" => {
                self.say("finalizer", &["piece"]);
                let outcome = self.text("outcome").to_owned();
                self.sign(&outcome, 0);
                self.took();
                self.say("", &["sentence"]);
            }
            "job.ticked" => {
                self.say("a due time:", &["fate"]);
            }
            "job.evaluated" => {
                self.say("due times that were missed:", &["missed"]);
            }
            "daemon.woke" => {
                self.say("steadfast", &["version"]).say("began", &[]);
                if self.fields.get("clean") == Some(&super::record::Value::Flag(false)) {
                    self.parts.add(Tone::Care, "after one that did not stop cleanly");
                }
            }
            "daemon.slept" => {
                self.say("stopped cleanly", &[]);
            }
            "daemon.loaded" => {
                self.say("jobs loaded:", &["jobs", "difference"]);
            }
            "daemon.recovered" => {
                self.say("can write again:", &["sentence"]);
            }
            "trace.dropped" => {
                self.say("lines of the trace that were dropped here:", &["dropped"]);
            }
            _ => return false,
        }
        true
    }

    /// Tells an event of which nothing but its fields is known.
    fn anything(&mut self, record: &Record) {
        let (word, tone) = match record.level {
            Level::ERROR => ("error", Tone::Bad),
            Level::WARN => ("warning", Tone::Care),
            Level::INFO | Level::DEBUG | Level::TRACE => ("", Tone::Plain),
        };
        self.parts.add(tone, word);
        self.parts.add(Tone::Plain, if record.message.is_empty() { record.target } else { &record.message });
        for (name, value) in record.spans.iter().flat_map(|(_, fields)| &fields.0).chain(&record.fields.0) {
            self.parts.extra(Tone::Dim, format!("{name}={value}"), 1);
        }
    }

    fn attempt_ended(&mut self) {
        let outcome = self.text("outcome").to_owned();
        self.number().sign(&outcome, "✓ succeeded".chars().count());
        self.parts.add(sign_of(&outcome).1, self.fields.text("class").unwrap_or_default());
        self.took();
        let rule = match (self.fields.number("rule"), self.fields.text("rule_at")) {
            (Some(number), Some(place)) => format!("rule {number} at {place}"),
            (Some(number), None) => format!("rule {number}"),
            (None, _) => String::new(),
        };
        match self.text("ending") {
            "succeeded" => {}
            "" => {
                self.follows();
                self.parts.extra(Tone::Dim, rule, 5);
            }
            ending => {
                let because = self.text("because");
                let class = format!("{}: ", self.text("class"));
                let because = because.strip_prefix(&class).unwrap_or(because);
                let line = if because == ending { ending.to_owned() } else { format!("{ending}: {because}") };
                self.parts.add(sign_of(ending).1, line);
            }
        }
    }

    /// Tells what follows a failed attempt that is not the last.
    fn follows(&mut self) {
        let delay = Duration::from_millis(self.fields.number("delay_ms").unwrap_or_default());
        if delay.is_zero() {
            self.parts.add(Tone::Plain, "again at once");
        } else if let Some(next) = self.fields.number("next_at_ns") {
            let next = clock(Moment::from_nanos(next), self.at, self.zone);
            self.parts.add(Tone::Plain, format!("next {next} in {}", short(delay)));
        }
        if self.fields.text("delay_source") == Some("server") {
            self.parts.extra(Tone::Dim, "as the server asked", 4);
        }
        if let (Some(charged), Some(allowed)) = (self.fields.number("charged"), self.fields.number("allowed")) {
            self.parts.extra(Tone::Dim, format!("{charged} of {allowed} charged"), 6);
        }
    }

    fn run_closed(&mut self) {
        let ending = self.text("ending").to_owned();
        self.parts.add(Tone::Plain, "over");
        self.sign(&ending, 0);
        let span = |name| Duration::from_millis(self.fields.number(name).unwrap_or_default());
        let (worked, waited) = (short(span("worked_ms")), span("waited_ms"));
        match self.fields.number("attempts") {
            Some(attempts) if attempts > 0 => {
                let plural = if attempts == 1 { "" } else { "s" };
                let waited = if waited.is_zero() { String::new() } else { format!(", waited {}", short(waited)) };
                self.parts.add(Tone::Plain, format!("after {attempts} attempt{plural}: worked {worked}{waited}"));
            }
            Some(_) | None => {}
        }
        self.say("", &["because"]);
    }

    fn text(&self, name: &str) -> &str {
        self.fields.text(name).unwrap_or_default()
    }

    /// Adds the attempt's number and the limit of the loop.
    fn number(&mut self) -> &mut Self {
        let number = self.fields.number("attempt").map(|number| match self.fields.number("max") {
            Some(max) => format!("#{number}/{max}"),
            None => format!("#{number}"),
        });
        self.parts.column(Tone::Plain, number.unwrap_or_default(), "#1/10".len());
        self
    }

    fn sign(&mut self, word: &str, least_columns: usize) {
        let (sign, tone) = sign_of(word);
        self.parts.column(tone, format!("{sign} {word}"), least_columns);
    }

    fn took(&mut self) {
        if let Some(took) = self.fields.number("took_ms") {
            self.parts.extra(Tone::Plain, short(Duration::from_millis(took)), 1);
        }
    }

    /// Adds words and the values of fields.
    fn say(&mut self, words: &str, fields: &[&str]) -> &mut Self {
        self.parts.add(Tone::Plain, words);
        for value in fields.iter().filter_map(|name| self.fields.get(name)) {
            self.parts.add(Tone::Plain, value.to_string());
        }
        self
    }

    fn by(&mut self) -> &mut Self {
        if let Some(by) = self.fields.text("by") {
            self.parts.add(Tone::Plain, format!("by {by}"));
        }
        self
    }
}
