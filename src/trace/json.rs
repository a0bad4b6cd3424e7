//! JSON lines: every field of an event, under the names that `docs/trace.md` lists.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use steadfast_retry::Moment;
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::Hour;
use super::clean::is_unsafe;
use super::pipe::Pipe;
use super::record::{AT, Fields, Record, Value, remember_span};

/// The version of the lines: raised when a field changes its meaning or goes away, not when one is added.
pub const VERSION: u32 = 1;

/// The layer that writes JSON lines.
pub(super) struct JsonLayer {
    pub(super) pipe: Pipe,
    pub(super) now: Arc<Hour>,
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for JsonLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        remember_span(attributes, id, &context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let record = Record::of(event, &context, || (self.now)());
        self.pipe.push(&line(&record));
    }
}

/// Writes a record as one line, without its end.
pub(super) fn line(record: &Record) -> String {
    let mut out = format!("{{\"v\":{VERSION},\"ts\":");
    push_text(&mut out, &stamp(record.at));
    let _ = write!(out, ",\"level\":\"{}\",\"target\":", record.level.as_str().to_ascii_lowercase());
    push_text(&mut out, record.target);
    if let Some(name) = record.name {
        out.push_str(",\"event\":");
        push_text(&mut out, name);
    }
    if !record.message.is_empty() {
        out.push_str(",\"message\":");
        push_text(&mut out, &record.message);
    }
    push_fields(&mut out, &record.fields);
    if !record.spans.is_empty() {
        out.push_str(",\"spans\":[");
        for (at, (name, fields)) in record.spans.iter().enumerate() {
            out.push_str(if at == 0 { "{\"name\":" } else { ",{\"name\":" });
            push_text(&mut out, name);
            push_fields(&mut out, fields);
            out.push('}');
        }
        out.push(']');
    }
    out.push('}');
    out
}

/// Writes what stands in for lines that were dropped.
pub(super) fn gap(at: Moment, dropped: u64) -> String {
    let fields = Fields(vec![("dropped", Value::Natural(dropped))]);
    let (level, target) = (tracing::Level::WARN, super::tell::DAEMON);
    let message = String::new();
    line(&Record { at, level, target, name: Some("trace.dropped"), message, fields, spans: Vec::new() })
}

fn push_fields(out: &mut String, fields: &Fields) {
    for (name, value) in &fields.0 {
        if *name == AT {
            continue;
        }
        out.push(',');
        match (name.strip_suffix("_ns").filter(|name| name.ends_with("_at")), value) {
            (Some(name), Value::Natural(nanos)) => {
                push_text(out, name);
                out.push(':');
                push_text(out, &stamp(Moment::from_nanos(*nanos)));
            }
            (_, value) => {
                push_text(out, name);
                out.push(':');
                push_value(out, value);
            }
        }
    }
}

fn push_value(out: &mut String, value: &Value) {
    let _ = match value {
        Value::Flag(flag) => write!(out, "{flag}"),
        Value::Natural(number) => write!(out, "{number}"),
        Value::Whole(number) => write!(out, "{number}"),
        Value::Real(number) if number.is_finite() => write!(out, "{number}"),
        Value::Real(_) => write!(out, "null"),
        Value::Text(text) => {
            push_text(out, text);
            Ok(())
        }
    };
}

/// Writes a JSON text in which nothing can touch the terminal of somebody who looks at the file.
fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            letter if is_unsafe(letter) => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
}

/// Writes a moment in UTC, to the millisecond.
pub(super) fn stamp(at: Moment) -> String {
    let time = Timestamp::from_nanosecond(i128::from(at.as_nanos())).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_as_it_was_and_harms_no_terminal() {
        for text in ["a\"b\\c\nd", "\x1b]0;x\x07", "\u{9b}2J", "safe\u{202e}gpj", "tag\u{e0041}", "论文 🎉", "\0"] {
            let mut line = String::new();
            push_text(&mut line, text);
            assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
            assert!(!line.chars().any(is_unsafe), "{line:?}");
        }
    }
}
