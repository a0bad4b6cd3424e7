use crate::ids::{Piece, RunId, SpanId, Token, TraceId};
use crate::launch::Output;

/// Who writes a run down, if anybody does.
pub(super) struct Recorder {
    /// The trace that the run belongs to.
    pub(super) trace: TraceId,
}

impl Recorder {
    pub(super) fn none(trace: TraceId) -> Self {
        Self { trace }
    }

    pub(super) fn run(&self) -> Option<RunId> {
        None
    }

    pub(super) fn log(&self, _piece: Piece) -> Option<Output> {
        None
    }
}

/// What names one start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) token: Token,
    pub(super) span: SpanId,
}
