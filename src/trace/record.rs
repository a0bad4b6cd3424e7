//! One event of `tracing`, taken apart for those who write lines.

use std::fmt;

use steadfast_retry::Moment;
use tracing::field::{Field, Visit};
use tracing::span::Attributes;
use tracing::{Event, Level, Metadata};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::clean::{TEXT_BYTES, cut_to_bytes};

/// The field that holds when an entry was decided; other events happen when they are written.
pub(super) const AT: &str = "at_ns";

/// An event, ready to be written by any writer.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) at: Moment,
    pub(super) level: Level,
    pub(super) target: &'static str,
    /// The event's own name; `None` for a plain line of the program.
    pub(super) name: Option<&'static str>,
    pub(super) message: String,
    pub(super) fields: Fields,
    /// The spans around it, the outermost first.
    pub(super) spans: Vec<(&'static str, Fields)>,
}

/// The fields of an event or span, in the order of their declaration.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(pub(super) Vec<(&'static str, Value)>);

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Flag(bool),
    Natural(u64),
    Whole(i64),
    Real(f64),
    Text(String),
}

impl Record {
    /// Takes an event apart.
    pub(super) fn of<S>(event: &Event<'_>, context: &Context<'_, S>, now: impl FnOnce() -> Moment) -> Self
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let at = fields.number(AT).map_or_else(now, Moment::from_nanos);
        let message = fields.take("message").unwrap_or_default();
        let scope = context.event_scope(event).into_iter().flat_map(|scope| scope.from_root());
        let spans = scope.map(|span| (span.name(), span.extensions().get::<Fields>().cloned().unwrap_or_default()));
        let spans = spans.collect();
        Self {
            at,
            level: *metadata.level(),
            target: metadata.target(),
            name: name_of(metadata),
            message,
            fields,
            spans,
        }
    }
}

/// Keeps the fields of a span that just began, for the events inside it.
pub(super) fn remember_span<S>(attributes: &Attributes<'_>, id: &tracing::span::Id, context: &Context<'_, S>)
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
{
    let Some(span) = context.span(id) else { return };
    // Each layer comes by here.
    if span.extensions().get::<Fields>().is_none() {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().replace(fields);
    }
}

/// Returns the name that an event was given; one without is called after its place in the source.
fn name_of(metadata: &Metadata<'static>) -> Option<&'static str> {
    let name = metadata.name();
    (!name.starts_with("event ")).then_some(name)
}

impl Fields {
    /// Returns a field's value.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Returns a number that is not negative.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::Natural(number) => Some(*number),
            Value::Whole(number) => u64::try_from(*number).ok(),
            Value::Flag(_) | Value::Real(_) | Value::Text(_) => None,
        }
    }

    /// Returns a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            Value::Flag(_) | Value::Natural(_) | Value::Whole(_) | Value::Real(_) => None,
        }
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(own, value)| *own == name && matches!(value, Value::Text(_)))?;
        match self.0.remove(at).1 {
            Value::Text(text) => Some(text),
            Value::Flag(_) | Value::Natural(_) | Value::Whole(_) | Value::Real(_) => None,
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name(), Value::Real(value)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), Value::Whole(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), Value::Natural(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), Value::Flag(value)));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), Value::Text(cut_to_bytes(value.to_owned(), TEXT_BYTES))));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), Value::Text(cut_to_bytes(format!("{value:?}"), TEXT_BYTES))));
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Natural(number) => number.fmt(f),
            Self::Whole(number) => number.fmt(f),
            Self::Real(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}
