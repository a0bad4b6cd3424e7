//! The labels of figures, and the guard that keeps their number small.

use std::collections::BTreeSet;
use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;

use crate::trace::roster::Known;

/// Lets the first names in and calls all later ones `other`: every name is a set of series for ever.
#[derive(Debug)]
pub(super) struct Guard {
    most: usize,
    names: BTreeSet<Arc<str>>,
}

impl Guard {
    pub(super) const fn of(most: usize) -> Self {
        Self { most, names: BTreeSet::new() }
    }

    pub(super) fn admit(&mut self, name: &str) -> Arc<str> {
        if let Some(name) = self.names.get(name) {
            return Arc::clone(name);
        }
        let name: Arc<str> = if self.names.len() < self.most { name.into() } else { "other".into() };
        if self.names.len() < self.most {
            self.names.insert(Arc::clone(&name));
        }
        name
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfJob {
    pub(super) job: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfRun {
    pub(super) job: Arc<str>,
    pub(super) ending: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfRuns {
    pub(super) job: Arc<str>,
    pub(super) state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfAttempt {
    pub(super) job: Arc<str>,
    pub(super) outcome: &'static str,
    /// Empty after success.
    pub(super) class: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfSlots {
    pub(super) state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfWriter {
    pub(super) writer: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfBuild {
    pub(super) version: String,
    pub(super) commit: Option<String>,
}

/// What leads from a figure to one run that it holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfTrace {
    trace_id: String,
}

impl OfTrace {
    pub(super) fn of(known: &Known) -> Self {
        Self { trace_id: known.trace.to_string() }
    }
}
