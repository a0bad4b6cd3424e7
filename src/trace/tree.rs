//! The timeline of one run, built from its entries.
//!
//! A run may take days and many daemons; its entries are all that is needed. The tree is the same whether it is built while
//! the run goes on or years later, except that pieces without an end have got one since.

mod build;
mod span;
mod text;

use std::time::Duration;

use serde::{Serialize, Serializer};
use steadfast_retry::Moment;

use crate::ids::{Digest, RunId, SpanId, TraceId};
use crate::store::view::Time;

pub use build::tree;
pub use span::{Scalar, SpanKind, SpanRecord};

/// The timeline of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tree {
    /// The run.
    pub run: RunId,
    /// Its job.
    pub job: String,
    /// The trace that it belongs to.
    pub trace: TraceId,
    /// The span of whoever asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<SpanId>,
    /// The run itself, with everything under it.
    pub root: Node,
}

/// A piece of a run: something with a beginning, perhaps an end, and perhaps pieces of its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Its name, in a few words.
    pub name: String,
    /// Its span: the journal's own, or one derived from it, so that it is the same whenever it is built.
    pub span: SpanId,
    /// When it began.
    #[serde(rename = "began_at", serialize_with = "time")]
    pub began: Moment,
    /// When it ended, if it has.
    #[serde(rename = "ended_at", skip_serializing_if = "Option::is_none", serialize_with = "time_or_none")]
    pub ended: Option<Moment>,
    /// How it ended, in the word that the journal has for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// More of it, in a sentence. Programs and strangers may have written it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What machines want to know of it, under the names of OpenTelemetry's conventions where there are any.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "span::as_object")]
    pub attributes: Vec<(&'static str, Scalar)>,
    /// What happened inside, in the order of its beginning.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Node>,
    /// How long its process ran, where somebody watched it: what passed besides is the time until the start was durable and launched,
    /// and until its exit was heard of.
    #[serde(skip)]
    pub(super) ran: Option<Duration>,
    /// Which of the entries ended it.
    #[serde(skip)]
    pub(super) ended_by: Option<usize>,
}

fn time<S: Serializer>(moment: &Moment, to: S) -> Result<S::Ok, S::Error> {
    Time::of(*moment).serialize(to)
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn time_or_none<S: Serializer>(moment: &Option<Moment>, to: S) -> Result<S::Ok, S::Error> {
    moment.map(Time::of).serialize(to)
}

/// What a piece of a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The run.
    Run,
    /// Waiting for a slot.
    Queue,
    /// An attempt.
    Attempt,
    /// A delay between attempts.
    Wait,
    /// A time in which the run was held.
    Hold,
    /// A phase that the program told of.
    Phase,
    /// A checkpoint that the program finished.
    Checkpoint,
    /// An attempt of a retry inside the program.
    Inner,
    /// A try of a finalizer.
    Finalizer,
}

impl Node {
    fn new(kind: Kind, name: impl Into<String>, span: SpanId, began: Moment) -> Self {
        Self {
            kind,
            name: name.into(),
            span,
            began,
            ended: None,
            outcome: None,
            note: None,
            attributes: Vec::new(),
            children: Vec::new(),
            ran: None,
            ended_by: None,
        }
    }

    fn end(&mut self, at: Moment, by: usize) {
        self.ended = Some(at);
        self.ended_by = Some(by);
    }

    fn set(&mut self, name: &'static str, value: impl Into<Scalar>) {
        self.attributes.push((name, value.into()));
    }
}

/// Derives the span of a piece for which the journal has none from one for which it has.
///
/// The same piece always has the same span, so a second export of it is a repetition and no second piece.
fn derived(parent: SpanId, piece: &str) -> SpanId {
    let bits = Digest::of(&format!("{parent}/{piece}")).0 as u64;
    // Zero is no span.
    SpanId(bits.max(1))
}

#[cfg(test)]
mod tests;
