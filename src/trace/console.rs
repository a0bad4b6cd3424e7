//! Lines for people: one per attempt, and one when its run is over.

use std::fmt::Write as _;
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
use super::clean::{clean, columns};
use super::looks::{Parts, Tone, clock, short, sign_of};
use super::pipe::{Pipe, Sink};
use super::record::{Fields, Record, Value, remember_span};

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
        let fields = Fields(vec![("dropped", Value::Natural(dropped))]);
        let (level, target, name) = (Level::WARN, super::tell::DAEMON, Some("trace.dropped"));
        let message = String::new();
        let record = Record { at: (self.now)(), level, target, name, message, fields, spans: Vec::new() };
        line(&record, &self.looks, 0)
    }
}

/// Writes a record as one line, without its end. What is long by nature, such as all that is wrong with files, goes on in lines
/// of its own: they are indented, so that none of them passes for a record.
pub(super) fn line(record: &Record, looks: &Looks, name_columns: usize) -> String {
    let mut parts = Parts::default();
    if !looks.journal {
        parts.add(Tone::Dim, clock(record.at, record.at, &looks.zone));
    }
    parts.column(Tone::Name, who(record), name_columns);
    let mut told = Told { fields: &record.fields, at: record.at, zone: &looks.zone, parts: &mut parts };
    let is_message = !told.known(record.name.unwrap_or_default());
    if is_message {
        told.anything(record);
    }
    let line = parts.line(looks.colour && !looks.journal, looks.columns.filter(|_| !looks.journal));
    let begin = if looks.journal { format!("<{}>", priority(record.level)) } else { String::new() };
    let mut out = format!("{begin}{line}");
    if is_message {
        for more in record.message.lines().skip(1).filter(|more| !more.trim().is_empty()) {
            let _ = write!(out, "\n{begin}    {}", clean(more));
        }
    }
    out
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
        let template = match name {
            "attempt.ended" => return self.attempt_ended(),
            "run.closed" => return self.run_closed(),
            "run.decided" => return self.run_decided(),
            "finalizer.ended" => return self.finalizer_ended(),
            "run.opened" => "opened ({trigger}){ by by}",
            "run.held" | "job.held" => "held{ by by}",
            "run.released" | "job.released" => "released{ by by}",
            "run.crossed" if self.fields.number("deaths") == Some(1) => "was in flight at 1 death of the daemon",
            "run.crossed" => "was in flight at {deaths} deaths of the daemon in a row",
            "run.late" => "refused a late report of {piece}: {sentence}",
            "run.diverged" => "would be decided otherwise today: {decision} ({because})",
            "attempt.began" => "{#}began: {because}",
            "attempt.started" => "{#}runs as process {pid}",
            "attempt.voided" => "{#}never started",
            "attempt.cut" => "{#}is being stopped{ by by}",
            "attempt.told" => "{piece} says {word}{ text}{ step}{ of of}",
            "finalizer.began" => "finalizer {piece} began",
            "finalizer.started" => "finalizer {piece} runs as process {pid}",
            "job.ticked" => "due at {due_at_ns}: {fate}{ run run}",
            "job.evaluated" => "{missed} due times were missed",
            "daemon.woke" => "steadfast {version} began",
            "daemon.slept" => "stopped cleanly",
            "daemon.loaded" if self.fields.number("jobs") == Some(1) => "1 job loaded: {difference}",
            "daemon.loaded" => "{jobs} jobs loaded: {difference}",
            "daemon.recovered" => "can write again: {sentence}",
            "trace.dropped" => "{dropped} lines of the trace were dropped here",
            _ => return false,
        };
        self.say(template);
        if self.fields.get("clean") == Some(&Value::Flag(false)) {
            self.parts.add(Tone::Care, "after one that did not stop cleanly");
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
        self.parts.add(Tone::Plain, record.message.lines().next().unwrap_or(record.target));
        for (name, value) in record.spans.iter().flat_map(|(_, fields)| &fields.0).chain(&record.fields.0) {
            self.parts.extra(Tone::Dim, format!("{name}={value}"), 1);
        }
    }

    fn attempt_ended(&mut self) -> bool {
        let fields = self.fields;
        self.number();
        self.sign("outcome");
        let (outcome, class) = (text(fields, "outcome"), text(fields, "class"));
        self.parts.add(sign_of(outcome).1, class);
        self.took();
        match text(fields, "ending") {
            "" => self.follows(),
            ending if ending == outcome => {}
            ending => {
                self.parts.add(sign_of(ending).1, ending);
                // The sentence begins with the class, which stands here already.
                let because = text(fields, "because");
                let because = because.strip_prefix(class).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(because);
                self.parts.extra(Tone::Dim, format!("({because})"), 4);
            }
        }
        true
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
        let mut rule = String::new();
        match (self.fields.number("rule"), self.fields.text("rule_at")) {
            (Some(number), Some(place)) => rule = format!("rule {number} at {place}"),
            (Some(number), None) => rule = format!("rule {number}"),
            (None, _) => {}
        }
        self.parts.extra(Tone::Dim, rule, 5);
        if let (Some(charged), Some(allowed)) = (self.fields.number("charged"), self.fields.number("allowed")) {
            let verb = if self.fields.text("account") == Some("interruptions") { "lost" } else { "charged" };
            self.parts.extra(Tone::Dim, format!("{charged} of {allowed} {verb}"), 6);
        }
    }

    fn run_decided(&mut self) -> bool {
        self.sign("ending");
        self.say("{because}{ by by}");
        true
    }

    fn finalizer_ended(&mut self) -> bool {
        self.say("finalizer {piece}");
        self.sign("outcome");
        self.took();
        self.say("{sentence}");
        true
    }

    fn run_closed(&mut self) -> bool {
        let fields = self.fields;
        self.parts.add(Tone::Plain, "over");
        self.sign("ending");
        let attempts = fields.number("attempts").unwrap_or_default();
        if attempts == 0 {
            self.say("{because}");
            return true;
        }
        if fields.text("ending") != Some("succeeded") {
            self.parts.add(sign_of(text(fields, "ending")).1, text(fields, "class"));
        }
        let plural = if attempts == 1 { "" } else { "s" };
        self.parts.add(Tone::Plain, format!("after {attempts} attempt{plural}"));
        let span = |name| Duration::from_millis(fields.number(name).unwrap_or_default());
        self.parts.extra(Tone::Plain, format!("worked {}", short(span("worked_ms"))), 2);
        if !span("waited_ms").is_zero() {
            self.parts.extra(Tone::Plain, format!("waited {}", short(span("waited_ms"))), 3);
        }
        true
    }

    /// Adds the attempt's number and the limit of the loop.
    fn number(&mut self) {
        // A lost attempt takes a number and is not charged, so the number may pass the limit, and then says nothing of it.
        let number = self.fields.number("attempt").map(|number| match self.fields.number("max") {
            Some(max) if number <= max => format!("#{number}/{max}"),
            Some(_) | None => format!("#{number}"),
        });
        self.parts.column(Tone::Plain, number.unwrap_or_default(), "#1/10".len());
    }

    /// Adds the word of a field, behind its sign.
    fn sign(&mut self, name: &str) {
        if let Some(word) = self.fields.text(name) {
            let (sign, tone) = sign_of(word);
            self.parts.add(tone, format!("{sign} {word}"));
        }
    }

    fn took(&mut self) {
        if let Some(took) = self.fields.number("took_ms") {
            self.parts.extra(Tone::Plain, short(Duration::from_millis(took)), 1);
        }
    }

    /// Adds a sentence in which `{name}` is a field's value and `{words name}` the same behind words that are left out
    /// with it. `{#}` at the beginning is the attempt's number, as a column.
    fn say(&mut self, template: &str) {
        let template = match template.strip_prefix("{#}") {
            Some(rest) => {
                self.number();
                rest
            }
            None => template,
        };
        let mut sentence = String::new();
        for piece in template.split('{') {
            let Some((slot, rest)) = piece.split_once('}') else {
                sentence.push_str(piece);
                continue;
            };
            let (words, name) = slot.rsplit_once(' ').map_or(("", slot), |(words, name)| (&slot[..=words.len()], name));
            if let Some(value) = self.fields.get(name) {
                sentence.push_str(words);
                sentence.push_str(&self.shown(name, value));
            }
            sentence.push_str(rest);
        }
        self.parts.add(Tone::Plain, sentence.trim());
    }

    fn shown(&self, name: &str, value: &Value) -> String {
        match value {
            Value::Natural(nanos) if name.ends_with("_at_ns") => clock(Moment::from_nanos(*nanos), self.at, self.zone),
            Value::Natural(_) | Value::Whole(_) | Value::Flag(_) | Value::Real(_) | Value::Text(_) => value.to_string(),
        }
    }
}

fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.text(name).unwrap_or_default()
}
