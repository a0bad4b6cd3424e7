use std::collections::BTreeMap;
use std::time::Duration;

use steadfast_retry::{Because, Cause, Decision, Dice, Ending, Event, Failure, Moment, Outcome, Policy, RunState};

use super::{Owner, is_owned, settle};
use crate::ids::{Digest, Piece, RunId, SpanId, Token, TraceId};
use crate::journal::{Entry, Happened, Opening, Start, Step, Trigger};
use crate::state::StateDir;
use crate::store::{Batch, Document, Memory, Store as _};

fn at(second: u64) -> Moment {
    Moment::ORIGIN + Duration::from_secs(second)
}

fn opening(run: RunId, trigger: Trigger) -> Opening {
    Opening {
        job: "@it".into(),
        definition: Digest::of("{}"),
        classes: Digest::of("[]"),
        point: None,
        parameters: BTreeMap::new(),
        trigger,
        by: "ann".into(),
        priority: 0,
        lane: "/@it".into(),
        key: None,
        origin: run,
        sweep: None,
        serial: false,
        trace: TraceId(7),
        span: SpanId(7),
        parent_span: None,
    }
}

/// A store in which one run has come as far as the events say; `f` begins a finalizer.
fn store(run: u64, trigger: Trigger, story: &str) -> Memory {
    let (run, policy) = (RunId(run), Policy::DEFAULT);
    let (mut state, mut store) = (RunState::new(), Memory::new());
    let mut entries = vec![Entry::of_run(at(1), run, Happened::Opened(Box::new(opening(run, trigger))))];
    for (word, second) in story.split(' ').zip(2..) {
        let now = state.waits_until().unwrap_or(at(second)).max(at(second));
        let ended = |outcome| Event::Ended { at: now, outcome, progress: None, dice: Dice::NONE };
        let event = match word {
            "begins" => Event::Due { at: now },
            "fails" => ended(Outcome::Failed(Failure::of(steadfast_retry::Class::ERROR))),
            "succeeds" => ended(Outcome::Succeeded),
            "f" => {
                let piece = Piece::Finalizer { after: None, index: 0, tried: 1 };
                entries.push(Entry::of_run(now, run, Happened::FinalizerBegan { piece, token: Token(9) }));
                continue;
            }
            other => panic!("`{other}` is no word of this test"),
        };
        let decision = state.step(&policy, &event).unwrap();
        let start = matches!(decision, Decision::Attempt { .. });
        let start = start.then_some(Start { token: Token(u128::from(second)), span: SpanId(3) });
        let step = Step { event, decision, start, end: None, by: None };
        entries.push(Entry::of_run(now, run, Happened::Stepped(Box::new(step))));
    }
    let documents = ["{}", "[]"].map(|body| Document { digest: Digest::of(body), body: body.into() }).to_vec();
    store.append(&Batch { documents, entries }).unwrap();
    store
}

/// What a daemon goes on with, and what was written down about the run before it.
fn settled(state: &StateDir, store: &mut Memory) -> (usize, Vec<String>) {
    let mut recovered = store.recover().unwrap();
    let before = store.entries().count();
    settle(store, state, &mut recovered, at(1_000)).unwrap();
    assert_eq!(recovered.newest_seq, store.recover().unwrap().newest_seq, "lines are numbered behind what was written");
    let words = store.entries().skip(before).map(|entry| match &entry.about {
        crate::journal::About::Run(_, Happened::Stepped(step)) => format!("{}", step.decision.because()),
        crate::journal::About::Run(_, Happened::FinalizerEnded { sentence, .. }) => format!("finalizer: {sentence}"),
        crate::journal::About::Run(_, Happened::Closed { ending, .. }) => format!("closed {ending}"),
        other => format!("{other:?}"),
    });
    (recovered.begun.len(), words.collect())
}

fn folder() -> (tempfile::TempDir, StateDir) {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    (folder, state)
}

#[test]
fn a_run_without_its_process_is_closed_however_far_it_had_come() {
    let (_folder, state) = folder();
    for (story, told) in [
        ("begins", &["lost", "closed gave-up"][..]),
        ("begins fails", &["lost", "closed gave-up"]),
        ("begins fails begins", &["lost", "closed gave-up"]),
        ("begins succeeds", &["closed succeeded"]),
        ("begins succeeds f", &["finalizer: the process on the terminal is gone", "closed succeeded"]),
    ] {
        assert_eq!(settled(&state, &mut store(4, Trigger::Terminal, story)).1, told, "{story}");
    }
}

#[test]
fn a_run_whose_process_lives_is_left_alone() {
    let (_folder, state) = folder();
    let mut store = store(4, Trigger::Terminal, "begins");
    let owner = Owner::take(&state, RunId(4)).unwrap();
    assert!(is_owned(&state, RunId(4)) && Owner::take(&state, RunId(4)).is_err());
    assert_eq!(settled(&state, &mut store), (0, vec![]));
    drop(owner);
    assert_eq!(settled(&state, &mut store).1, ["lost", "closed gave-up"]);
}

#[test]
fn other_runs_are_the_daemons_own() {
    let (_folder, state) = folder();
    assert_eq!(settled(&state, &mut store(4, Trigger::Asked, "begins")), (1, vec![]));
}

#[test]
fn the_reason_is_one_word_and_no_account_pays() {
    let because = Because { cause: Cause::Lost, class: None, rule: None, account: None, delay: None };
    assert_eq!((because.to_string().as_str(), Ending::GaveUp.is_failure()), ("lost", true));
}
