//! Entries in the words of people who run jobs.

use std::time::Duration;

use steadfast::evidence::{Conclusion, Evidence, Fact, Verdict};
use steadfast::ids::{Digest, Piece, RunId, ShimId, SpanId, Token, TraceId};
use steadfast::journal::{
    DaemonHappened, End, Entry, FinalizerResult, Happened, JobHappened, Mark, Opening, Start, Step, Sweep, TickFate,
    Trigger, Usage,
};
use steadfast::store::{Batch, Document, Store, StoreError};
use steadfast_retry::{AttemptNo, Class, Dice, Ending, Event, Failure, Moment, Outcome, Policy, RunState};

pub(crate) const DEFINITION: &str = r#"{"job":"crawl"}"#;
pub(crate) const CLASSES: &str = "[]";

/// A second of the suite's clock.
pub(crate) fn at(second: u64) -> Moment {
    Moment::from_nanos(1_700_000_000_000_000_000) + Duration::from_secs(second)
}

pub(crate) fn documents() -> Vec<Document> {
    [DEFINITION, CLASSES].map(|body| Document { digest: Digest::of(body), body: body.to_owned() }).to_vec()
}

pub(crate) fn opening(run: u64, job: &str) -> Opening {
    Opening {
        job: job.to_owned(),
        definition: Digest::of(DEFINITION),
        classes: Digest::of(CLASSES),
        point: None,
        parameters: std::collections::BTreeMap::new(),
        trigger: Trigger::Asked,
        by: "ann".to_owned(),
        priority: 0,
        lane: format!("/{job}"),
        key: None,
        origin: RunId(run),
        sweep: None,
        serial: false,
        trace: TraceId(u128::from(run) + 7),
        span: SpanId(run + 7),
        parent_span: None,
    }
}

/// One run and the engine that decides for it; each verb returns the entry that it writes.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) state: RunState,
    pub(crate) policy: Policy,
    pub(crate) now: u64,
}

impl Run {
    pub(crate) fn new(id: u64) -> Self {
        Self { id, state: RunState::new(), policy: Policy::DEFAULT, now: id }
    }

    pub(crate) fn says(&self, happened: Happened) -> Entry {
        Entry::of_run(at(self.now), RunId(self.id), happened)
    }

    pub(crate) fn opened(&self, job: &str) -> Entry {
        self.opened_as(opening(self.id, job))
    }

    pub(crate) fn opened_as(&self, opening: Opening) -> Entry {
        self.says(Happened::Opened(Box::new(opening)))
    }

    pub(crate) fn number(&self) -> AttemptNo {
        self.state.last_attempt().expect("an attempt has begun")
    }

    pub(crate) fn token(&self, number: AttemptNo) -> Token {
        Token(u128::from(self.id) << 32 | u128::from(number.get()))
    }

    fn steps(&mut self, event: Event, end: Option<End>) -> Entry {
        let decision = self.state.step(&self.policy, &event).expect("the suite tells events in order");
        let start = match &decision {
            steadfast_retry::Decision::Attempt { number, .. } => {
                Some(Start { token: self.token(*number), span: SpanId(u64::from(number.get())) })
            }
            _ => None,
        };
        self.says(Happened::Stepped(Box::new(Step { event, decision, start, end: end.map(Box::new), by: None })))
    }

    /// The first attempt begins, or the next one when its delay is over.
    pub(crate) fn begins(&mut self) -> Entry {
        self.now += 1;
        if let Some(until) = self.state.waits_until() {
            self.now += until.since(at(self.now)).as_secs() + 1;
        }
        self.steps(Event::Due { at: at(self.now) }, None)
    }

    pub(crate) fn starts(&self, pid: u32) -> Entry {
        self.says(Happened::Started { piece: Piece::Attempt(self.number()), pid })
    }

    pub(crate) fn ends(&mut self, outcome: Outcome, facts: &[Fact], mark: Option<Mark>) -> Entry {
        self.now += 1;
        let class = match &outcome {
            Outcome::Failed(failure) => Some(failure.class.clone()),
            Outcome::Succeeded | Outcome::Interrupted | Outcome::Cancelled => None,
        };
        let conclusion = match &outcome {
            Outcome::Succeeded => Conclusion::Succeeded,
            Outcome::Failed(_) => Conclusion::Failed,
            Outcome::Interrupted => Conclusion::Interrupted,
            Outcome::Cancelled => Conclusion::Cancelled,
        };
        let mut evidence = Evidence::of_program("/usr/bin/python3");
        facts.iter().for_each(|fact| evidence.push(fact.clone()));
        let verdict = Verdict { conclusion, class, server_delay: None, requests: Vec::new(), chain: Vec::new() };
        let usage = Usage { took: Duration::from_millis(1500), output_bytes: 12, ..Usage::default() };
        let event = Event::Ended { at: at(self.now), outcome, progress: None, dice: Dice::NONE };
        self.steps(event, Some(End { evidence, verdict, usage, mark }))
    }

    pub(crate) fn fails(&mut self, class: &'static str) -> Entry {
        self.ends(Outcome::Failed(Failure::of(Class::known(class))), &[Fact::Exit(1)], None)
    }

    pub(crate) fn succeeds(&mut self) -> Entry {
        self.ends(Outcome::Succeeded, &[Fact::Exit(0)], None)
    }

    pub(crate) fn is_lost(&mut self) -> Entry {
        self.ends(Outcome::Interrupted, &[], None)
    }

    pub(crate) fn is_voided(&mut self) -> Entry {
        self.steps(Event::Voided { at: at(self.now) }, None)
    }

    pub(crate) fn is_cancelled(&mut self) -> Entry {
        self.now += 1;
        self.steps(Event::CancelAsked { at: at(self.now) }, None)
    }

    pub(crate) fn is_quarantined(&mut self) -> Entry {
        self.steps(Event::Quarantined { at: at(self.now) }, None)
    }

    pub(crate) fn closes(&self) -> Entry {
        self.closes_as(self.state.ending().expect("the run has ended"))
    }

    pub(crate) fn closes_as(&self, ending: Ending) -> Entry {
        self.says(Happened::Closed { ending, because: None })
    }

    pub(crate) fn is_held(&self) -> Entry {
        self.says(Happened::Held { by: "ann".to_owned() })
    }

    pub(crate) fn is_released(&self) -> Entry {
        self.says(Happened::Released { by: "ann".to_owned() })
    }

    pub(crate) fn finalizer_begins(&self, piece: &str) -> Entry {
        self.says(Happened::FinalizerBegan { piece: piece.parse().unwrap(), token: Token(99) })
    }

    pub(crate) fn finalizer_ends(&self, piece: &str, result: FinalizerResult) -> Entry {
        let sentence = "exit 0".to_owned();
        self.says(Happened::FinalizerEnded { piece: piece.parse().unwrap(), result, sentence, mark: None })
    }

    pub(crate) fn is_reported_late(&self, mark: Option<Mark>) -> Entry {
        let (piece, sentence) = (Piece::Attempt(AttemptNo::FIRST), "exit 0".to_owned());
        self.says(Happened::Late { piece, token: Token(1), sentence, mark })
    }
}

/// A run that was opened, with the entries of a whole life that succeeds at once.
pub(crate) fn good_life(id: u64, job: &str) -> Vec<Entry> {
    let mut run = Run::new(id);
    vec![run.opened(job), run.begins(), run.succeeds(), run.closes()]
}

/// As above, for a run whose first failure ends it.
pub(crate) fn bad_life(id: u64, job: &str) -> Vec<Entry> {
    let mut run = Run::new(id);
    run.policy = Policy::named("once").attempts(1).build().expect("one attempt is a policy");
    vec![run.opened(job), run.begins(), run.fails("exit-nonzero"), run.closes()]
}

pub(crate) fn point_of(run: u64, job: &str, point: u32, sweep: Sweep) -> Opening {
    Opening { point: Some(point), sweep: Some(sweep), ..opening(run, job) }
}

pub(crate) fn ticked(job: &str, due: i64, fate: TickFate) -> Entry {
    Entry::of_job(at(1), job.to_owned(), JobHappened::Ticked { due, fate })
}

pub(crate) fn woke() -> Entry {
    let happened = DaemonHappened::Woke { version: "0.1.0".to_owned(), boot: "b".to_owned(), clean: true };
    Entry::of_daemon(at(0), happened)
}

pub(crate) fn slept() -> Entry {
    Entry::of_daemon(at(9), DaemonHappened::Slept)
}

pub(crate) fn mark(shim: u64, offset: u64) -> Option<Mark> {
    Some(Mark { shim: ShimId(shim), offset })
}

pub(crate) fn batch(entries: Vec<Entry>) -> Batch {
    Batch { documents: documents(), entries }
}

/// Writes entries as one batch.
pub(crate) fn write(store: &mut dyn Store, entries: impl IntoIterator<Item = Entry>) -> Result<(), StoreError> {
    store.append(&batch(entries.into_iter().collect()))
}
