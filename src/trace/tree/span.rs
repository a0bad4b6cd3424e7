//! Pieces of a run as spans, for exporters.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use steadfast_retry::Moment;

use crate::ids::{SpanId, TraceId};

use super::{Kind, Node, Tree, derived};

/// A piece of a run that has ended, as tracing systems want it: nothing in it needs to be looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanRecord {
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub span: SpanId,
    /// The span that it is a part of.
    pub parent: Option<SpanId>,
    /// What role it plays between systems.
    pub kind: SpanKind,
    /// Its name, of which there are few: no id stands in it.
    pub name: String,
    /// When it began.
    pub began: Moment,
    /// When it ended.
    pub ended: Moment,
    /// Why its status is an error, if it is.
    pub error: Option<String>,
    /// Attributes, under the names of OpenTelemetry's conventions where there are any.
    pub attributes: Vec<(&'static str, Scalar)>,
    /// Which of the entries that the tree was built from ended it, as an index. An exporter that keeps a cursor exports
    /// what the entries behind it have ended, and nothing twice.
    pub ended_by: usize,
}

/// The role of a span between systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// It hands work to somebody.
    Producer,
    /// It does what somebody asked for.
    Server,
    /// It is a part of that.
    Internal,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Scalar {
    /// A text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// A number with a fraction.
    Real(f64),
}

impl Tree {
    /// Returns the pieces that have ended as spans, parents before children.
    ///
    /// The submission comes first. It ends where it begins, so that every other span finds its ancestor at once although
    /// the run itself is exported days later.
    pub fn spans(&self) -> impl Iterator<Item = SpanRecord> {
        let submission = SpanRecord {
            trace: self.trace,
            span: derived(self.root.span, "submit"),
            parent: self.parent,
            kind: SpanKind::Producer,
            name: format!("submit {}", self.job),
            began: self.root.began,
            ended: self.root.began,
            error: None,
            attributes: self.root.attributes.iter().filter(|(name, _)| *name != RESULT).cloned().collect(),
            ended_by: 0,
        };
        let mut spans = vec![submission];
        self.add(&self.root, spans[0].span, &mut spans);
        spans.into_iter()
    }

    fn add(&self, node: &Node, parent: SpanId, spans: &mut Vec<SpanRecord>) {
        if let (Some(ended), Some(ended_by)) = (node.ended, node.ended_by) {
            spans.push(SpanRecord {
                trace: self.trace,
                span: node.span,
                parent: Some(parent),
                kind: if node.kind == Kind::Run { SpanKind::Server } else { SpanKind::Internal },
                name: self.span_name(node),
                began: node.began,
                ended,
                error: error_of(node),
                attributes: node.attributes.clone(),
                ended_by,
            });
        }
        node.children.iter().for_each(|child| self.add(child, node.span, spans));
    }

    fn span_name(&self, node: &Node) -> String {
        let job = &self.job;
        match node.kind {
            Kind::Run => format!("run {job}"),
            Kind::Attempt => format!("attempt {job}"),
            Kind::Queue => "wait slot".to_owned(),
            Kind::Wait => match node.attributes.iter().find(|(name, _)| *name == "steadfast.wait.reason") {
                Some((_, Scalar::Text(reason))) => format!("wait {reason}"),
                Some(_) | None => "wait".to_owned(),
            },
            Kind::Hold => "wait hold".to_owned(),
            Kind::Phase => "phase".to_owned(),
            Kind::Checkpoint => "checkpoint".to_owned(),
            Kind::Inner => "inner attempt".to_owned(),
            Kind::Finalizer => format!("finalizer {job}"),
        }
    }
}

const RESULT: &str = "cicd.pipeline.result";

/// Success and a wish to end are no errors; whatever else has an outcome is.
fn error_of(node: &Node) -> Option<String> {
    let outcome = node.outcome.as_deref()?;
    let word = outcome.split(' ').next().unwrap_or_default();
    match word {
        "succeeded" | "done" | "cancelled" | "skipped" | "never-started" => None,
        _ => Some(outcome.to_owned()),
    }
}

/// Writes attributes as one object.
pub(super) fn as_object<S: Serializer>(attributes: &[(&'static str, Scalar)], to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(attributes.len()))?;
    attributes.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
    map.end()
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Scalar {
    fn from(number: u32) -> Self {
        Self::Whole(number.into())
    }
}

impl From<i64> for Scalar {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

impl From<u64> for Scalar {
    fn from(number: u64) -> Self {
        Self::Whole(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Scalar {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}
