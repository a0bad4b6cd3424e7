//! Who asks for things, and what was promised to them.

use std::collections::{BTreeMap, BTreeSet};

use steadfast::dispatch::{Answer, Refusal, RequestId};
use steadfast::ids::RunId;
use steadfast::store::{Memory, Store};

use crate::log::note;

/// What is asked of a daemon.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Start { id: RequestId, orders: Vec<Wish> },
    Cancel { id: RequestId, run: RunId },
    HoldRun { id: RequestId, run: RunId, hold: bool },
    HoldJob { id: RequestId, job: String, hold: bool },
    Load,
    Drain(bool),
    Stop { take_jobs: bool },
}

/// One run that is wished for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) job: String,
    pub(crate) point: Option<u32>,
    pub(crate) key: Option<String>,
    pub(crate) priority: Option<i32>,
    pub(crate) retry: Option<RunId>,
}

/// All who ask, and every promise that a daemon made to them.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    asked: BTreeMap<RequestId, Request>,
    last: u64,
    /// Runs that were acknowledged.
    pub(crate) opened: BTreeSet<RunId>,
    /// Runs whose cancelling was acknowledged.
    pub(crate) cancelled: BTreeSet<RunId>,
    /// Which run each key was answered with.
    keys: BTreeMap<String, RunId>,
}

impl Clients {
    pub(crate) fn number(&mut self) -> RequestId {
        self.last += 1;
        RequestId(self.last)
    }

    /// Notes that a request is under way.
    pub(crate) fn ask(&mut self, id: RequestId, request: &Request) {
        self.asked.insert(id, request.clone());
    }

    /// Takes an answer. Nothing is acknowledged before it is durable, and a key names one run for ever.
    pub(crate) fn answered(&mut self, store: &mut Memory, id: RequestId, answer: &Result<Answer, Refusal>) {
        note!("  answer {}: {answer:?}", id.0);
        let request = self.asked.remove(&id).unwrap_or_else(|| panic!("request {} is answered twice", id.0));
        match (request, answer) {
            (Request::Start { orders, .. }, Ok(Answer::Opened(runs))) => {
                for run in runs {
                    let durable = store.opening(*run).is_ok_and(|found| found.is_some());
                    assert!(durable, "run {run} was acknowledged and is not durable");
                    self.opened.insert(*run);
                }
                if let ([Wish { key: Some(key), .. }], [run]) = (orders.as_slice(), runs.as_slice()) {
                    let first = *self.keys.entry(key.clone()).or_insert(*run);
                    assert_eq!(first, *run, "key `{key}` was answered with two runs");
                }
            }
            (Request::Cancel { run, .. }, Ok(Answer::Done)) => {
                self.cancelled.insert(run);
            }
            (Request::HoldRun { .. } | Request::HoldJob { .. }, Ok(Answer::Done)) | (_, Err(_)) => {}
            (request, Ok(answer)) => panic!("{request:?} was answered with {answer:?}"),
        }
    }
}
