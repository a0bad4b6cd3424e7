//! What people and programs read.

use std::collections::BTreeSet;
use std::time::Duration;

use steadfast::evidence::{Classes, Evidence, ExitCodes, Fact, OomScope, classify};
use steadfast::ids::{Piece, RunId};
use steadfast::journal::{About, Entry, FinalizerResult, Happened, Opening, Told, Trigger, Usage};
use steadfast::store::view::{Events, Filter, Order, Page, RunRow, View};
use steadfast::store::{Sqlite, State, Store};
use steadfast_retry::{Class, Decision, Delay, Ending, Failure, Outcome, Policy, Rule};

use super::play::Play;
use super::words::{Run, at, bad_life, batch, good_life, opening, slept, ticked, woke, write};

fn policy() -> Policy {
    Policy::named("suite")
        .attempts(5)
        .delay(Delay::constant(Duration::from_secs(4)))
        .deadline(Duration::from_secs(3600))
        .catch(Rule::on(Class::known("http-busy")).attempts(30))
        .catch(Rule::on(Class::known("auth-denied")).stop())
        .build()
        .unwrap()
}

fn with_policy(id: u64) -> Run {
    Run { policy: policy(), ..Run::new(id) }
}

/// Puts real evidence into a step that ends an attempt.
fn seen(mut entry: Entry, evidence: Evidence) -> Entry {
    let About::Run(_, Happened::Stepped(step)) = &mut entry.about else { panic!("only a step ends an attempt") };
    let end = step.end.as_mut().expect("the step ends an attempt");
    end.verdict = classify(Classes::shipped(), &evidence, &ExitCodes::one(0));
    end.evidence = evidence;
    end.usage = Usage { cpu: Duration::from_millis(700), peak_bytes: 1 << 20, ..end.usage.clone() };
    entry
}

fn told(run: &Run, word: Told) -> Entry {
    run.says(Happened::Told { piece: Piece::Attempt(run.number()), word })
}

fn view_of(folder: &std::path::Path) -> View {
    View::open(folder).unwrap()
}

#[test]
fn a_run_that_came_through() {
    let folder = super::quick_folder();
    let mut store = super::open(folder.path());
    let mut run = with_policy(1);
    let parameters = [("since".to_owned(), "2026-11-20".to_owned())].into();
    let trigger = Trigger::Schedule { due: 1_700_000_000_000_000_000 };
    let opened = run.opened_as(Opening { parameters, trigger, key: Some("daily-7".to_owned()), ..opening(1, "crawl") });
    let mut evidence = Evidence::of_program("/usr/bin/python3");
    evidence.push(Fact::Status(503));
    evidence.push(Fact::Exit(1));
    let busy = Outcome::Failed(Failure::of(Class::known("http-busy")).server_asks(Duration::from_secs(60)));
    let mut life = vec![opened, run.begins(), run.starts(4711), told(&run, Told::Step { at: 3, of: Some(9) })];
    life.push(seen(run.ends(busy, &[], None), evidence));
    life.extend([run.finalizer_begins("a1.f1.1"), run.finalizer_ends("a1.f1.1", FinalizerResult::Done)]);
    life.extend([run.begins(), run.is_voided(), run.begins(), run.is_lost()]);
    life.extend([
        run.begins(),
        run.starts(4800),
        told(&run, Told::Checkpoint { id: "c2".to_owned(), step: 200 }),
        run.succeeds(),
    ]);
    life.extend([run.finalizer_begins("f0.1"), run.finalizer_ends("f0.1", FinalizerResult::Failed)]);
    life.extend([run.finalizer_begins("f0.2"), run.finalizer_ends("f0.2", FinalizerResult::Done), run.closes()]);
    life.push(run.is_reported_late(None));
    write(&mut store, life).unwrap();
    let view = view_of(folder.path()).run(RunId(1), |_| Some(policy())).unwrap().unwrap();
    insta::assert_json_snapshot!(view);
}

#[test]
fn a_run_that_waits_in_trouble() {
    let folder = super::quick_folder();
    let mut store = super::open(folder.path());
    let mut run = with_policy(1);
    let mut evidence = Evidence::of_program("python3");
    evidence.push(Fact::OomKill(OomScope::Own));
    evidence.push(Fact::Signal { number: 9, core: false });
    let oom = Outcome::Failed(Failure::of(Class::known("host-oom-job")));
    let life = [run.opened("train"), run.begins(), seen(run.ends(oom, &[], None), evidence), run.is_held()];
    write(&mut store, life).unwrap();
    let today = Decision::Finish {
        ending: Ending::GaveUp,
        because: run
            .state
            .clone()
            .step(&policy(), &steadfast_retry::Event::CancelAsked { at: at(9) })
            .unwrap()
            .because()
            .clone(),
    };
    write(
        &mut store,
        [run.says(Happened::Crossed { deaths: 1 }), run.says(Happened::Diverged { today: Box::new(today) })],
    )
    .unwrap();
    let view = view_of(folder.path()).run(RunId(1), |_| Some(policy())).unwrap().unwrap();
    insta::assert_json_snapshot!(view);
    assert_eq!(view_of(folder.path()).diverged().unwrap(), [RunId(1)]);
}

#[test]
fn a_run_that_somebody_ended_and_one_that_never_began() {
    let folder = super::quick_folder();
    let mut store = super::open(folder.path());
    let mut run = Run::new(1);
    let life =
        [run.opened("crawl"), run.begins(), run.is_cancelled(), run.ends(Outcome::Cancelled, &[Fact::Exit(143)], None)];
    write(&mut store, life).unwrap();
    let skipped = Run::new(2);
    let because = Some("job `crawl` did not succeed".to_owned());
    let closed = skipped.says(Happened::Closed { ending: Ending::Skipped, because });
    write(&mut store, [skipped.opened("index"), closed, Run::new(3).opened("index")]).unwrap();
    let retry = Opening { trigger: Trigger::Retry { of: RunId(1) }, origin: RunId(1), ..opening(4, "crawl") };
    write(&mut store, [Run::new(4).opened_as(retry)]).unwrap();
    let view = view_of(folder.path());
    let run = |run| view.run(RunId(run), |_| None).unwrap();
    assert_eq!(run(1).unwrap().sentence, "cancelled at attempt 1, its finalizers run");
    assert_eq!(run(1).unwrap().retries, [RunId(4)]);
    assert!(run(1).unwrap().attempts[0].cut.is_some());
    assert_eq!(run(2).unwrap().sentence, "skipped: job `crawl` did not succeed");
    assert_eq!(run(3).unwrap().sentence, "waits for its first attempt");
    assert_eq!(run(4).unwrap().trigger.retry_of, Some(RunId(1)));
    assert_eq!(run(5), None);
}

#[test]
fn every_view_reads_back_from_its_own_json() {
    let folder = super::quick_folder();
    let mut store = super::open(folder.path());
    let mut play = Play::default();
    for throw in 0..400_u32 {
        store.append(&batch(play.go_on(throw.wrapping_mul(2_654_435_761)))).unwrap();
    }
    let view = view_of(folder.path());
    let newest = store.recover().unwrap().newest_run;
    for run in 1..=newest {
        let run = view.run(RunId(run), |_| Some(Policy::DEFAULT)).unwrap().unwrap();
        assert!(run.ledger.is_some(), "run {} folds", run.run);
        let json = serde_json::to_string(&run).unwrap();
        let again: steadfast::store::view::RunView = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), json);
    }
    let events = view.events(&Events { limit: 10_000, ..Events::default() }).unwrap();
    assert_eq!((events.events.len(), events.more), (play.told.len(), false));
    let json = serde_json::to_string(&events).unwrap();
    assert_eq!(
        serde_json::to_string(&serde_json::from_str::<steadfast::store::view::EventPage>(&json).unwrap()).unwrap(),
        json
    );
}

/// The whole list, page by page.
fn list(view: &View, filter: &str, order: Order, limit: usize) -> Vec<RunRow> {
    let filter: Filter = filter.parse().unwrap();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = view.runs(&filter, &Page { order, after, limit, now: at(10_000) }).unwrap();
        assert!(page.runs.len() <= limit);
        all.extend(page.runs);
        let Some(next) = page.next else { return all };
        // A cursor travels through the web and comes back as text.
        after = Some(next.to_string().parse().unwrap());
    }
}

#[test]
fn pages_of_any_size_show_every_wanted_run_once() {
    let folder = super::quick_folder();
    let mut store = super::open(folder.path());
    let mut play = Play::default();
    for throw in 0..1500_u32 {
        store.append(&batch(play.go_on(throw.wrapping_mul(2_654_435_761)))).unwrap();
    }
    let view = view_of(folder.path());
    let all = list(&view, "", Order::Newest, 7);
    assert!(all.len() > 100);
    assert!(all.is_sorted_by(|a, b| a.run > b.run));
    type Wanted = fn(&RunRow) -> bool;
    let filters: [(&str, Wanted); 12] = [
        ("", |_| true),
        ("state:waiting,running", |row| matches!(row.state, State::Waiting | State::Running)),
        ("state:closed", |row| row.state == State::Closed),
        ("cra*", |row| row.job == "crawl"),
        ("job:*n* ending:succeeded", |row| row.job.contains('n') && row.ending == Some(Ending::Succeeded)),
        ("ending:failed", |row| row.ending.is_some_and(Ending::is_failure)),
        ("class:net-*,gpu-ecc", |row| matches!(row.class.as_deref(), Some("net-reset" | "gpu-ecc"))),
        ("class:net-* job:crawl state:closed", |row| {
            row.class.as_deref() == Some("net-reset") && row.job == "crawl" && row.state == State::Closed
        }),
        ("is:trouble", |row| row.trouble),
        ("is:held", |row| row.held),
        ("job:nobody", |_| false),
        ("since:2023-11-14T22:30:00Z", |row| {
            row.closed_at.is_none_or(|closed| closed.timestamp() >= "2023-11-14T22:30:00Z".parse().unwrap())
        }),
    ];
    for (filter, wanted) in filters {
        let expected: BTreeSet<u64> = all.iter().filter(|row| wanted(row)).map(|row| row.run.0).collect();
        for (order, limit) in [(Order::Newest, 1000), (Order::Newest, 3), (Order::Trouble, 1000), (Order::Trouble, 4)] {
            let found = list(&view, filter, order, limit);
            let set: BTreeSet<u64> = found.iter().map(|row| row.run.0).collect();
            assert_eq!((found.len(), &set), (expected.len(), &expected), "`{filter}` {order:?} {limit}");
            match order {
                Order::Newest => assert!(found.is_sorted_by(|a, b| a.run > b.run), "`{filter}`"),
                Order::Trouble => assert!(found.is_sorted_by_key(|row| !row.trouble), "`{filter}`"),
            }
        }
    }
}

#[test]
fn trouble_comes_first_until_a_success_or_a_retry_settles_it() {
    let folder = super::quick_folder();
    let mut store = super::open(folder.path());
    write(
        &mut store,
        [bad_life(1, "crawl"), bad_life(2, "index"), good_life(3, "train"), vec![Run::new(4).opened("train")]].concat(),
    )
    .unwrap();
    let mut failing = Run::new(5);
    write(&mut store, [failing.opened("index"), failing.begins(), failing.fails("net-reset")]).unwrap();
    let view = view_of(folder.path());
    let order = || list(&view, "", Order::Trouble, 2).iter().map(|row| row.run.0).collect::<Vec<_>>();
    assert_eq!(order(), [5, 2, 1, 4, 3]);
    write(&mut store, good_life(6, "crawl")).unwrap();
    assert_eq!(order(), [5, 2, 4, 6, 3, 1], "a later success of the job settles its failure");
    let retry = Opening { trigger: Trigger::Retry { of: RunId(2) }, ..opening(7, "index") };
    write(&mut store, [Run::new(7).opened_as(retry)]).unwrap();
    assert_eq!(order(), [5, 7, 4, 6, 3, 2, 1], "a retry settles the run that it retries");
    assert_eq!(store.verify().unwrap().wrong, Vec::<String>::new());
}

#[test]
fn counts_and_jobs_come_from_counters() {
    let folder = super::quick_folder();
    let mut store = super::open(folder.path());
    write(
        &mut store,
        [bad_life(1, "crawl"), good_life(2, "crawl"), vec![Run::new(3).opened("crawl"), Run::new(4).opened("index")]]
            .concat(),
    )
    .unwrap();
    write(
        &mut store,
        [Run::new(4).is_held(), ticked("crawl", 1_700_000_000_000_000_000, steadfast::journal::TickFate::Overlapped)],
    )
    .unwrap();
    let view = view_of(folder.path());
    let counts = view.counts().unwrap();
    assert_eq!((counts.queued, counts.succeeded, counts.gave_up, counts.open(), counts.failed()), (2, 1, 1, 2, 1));
    insta::assert_json_snapshot!((view.jobs().unwrap(), view.lanes().unwrap()));
}

#[test]
fn events_go_on_where_they_stopped() {
    let folder = super::quick_folder();
    let mut store = super::open(folder.path());
    let mut run = Run::new(1);
    let life = [run.opened("crawl"), run.begins(), run.starts(7), run.fails("net-reset"), run.is_held()];
    write(
        &mut store,
        [vec![woke()], life.to_vec(), vec![ticked("crawl", 5, steadfast::journal::TickFate::Overlapped), slept()]]
            .concat(),
    )
    .unwrap();
    let view = view_of(folder.path());
    let (mut after, mut said) = (0, Vec::new());
    loop {
        let page = view.events(&Events { after, limit: 3, run: None }).unwrap();
        said.extend(page.events.iter().map(|event| format!("{} {} {}", event.seq, event.kind, event.sentence)));
        after = page.next;
        if !page.more {
            break;
        }
    }
    insta::assert_snapshot!(said.join("\n"));
    assert_eq!(view.events(&Events { after, limit: 3, run: None }).unwrap().next, after);
    assert_eq!(view.newest_event().unwrap(), after);
    let own = view.events(&Events { after: 0, limit: 99, run: Some(RunId(1)) }).unwrap();
    assert!(own.events.iter().all(|event| event.run == Some(RunId(1)) && event.job.as_deref() == Some("crawl")));
    assert_eq!(own.events.len(), 5);
}

#[test]
fn a_reader_sees_what_is_durable_beside_the_writer_and_writes_nothing() {
    let folder = super::quick_folder();
    assert!(View::open(folder.path()).is_err(), "there is no store yet");
    let mut store = super::open(folder.path());
    let view = view_of(folder.path());
    for run in 1..=20 {
        write(&mut store, good_life(run, "crawl")).unwrap();
        assert_eq!(view.counts().unwrap().succeeded, run);
    }
    drop(store);
    assert_eq!(view.counts().unwrap().succeeded, 20);
    let mut store: Sqlite = super::open(folder.path());
    write(&mut store, good_life(21, "crawl")).unwrap();
    assert_eq!(view.info(folder.path()).unwrap().runs, [("succeeded".to_owned(), 21)]);
    assert_eq!(view.verify().unwrap().wrong, Vec::<String>::new());
}

/// Writes each type with its fields, and asserts that every field says what it is.
fn shape(of: &str, schema: &serde_json::Value, all: &mut BTreeSet<String>) {
    for (name, inner) in schema["$defs"].as_object().into_iter().flatten() {
        shape(name, inner, all);
    }
    let Some(fields) = schema["properties"].as_object() else { return };
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
    let mut line = format!("{of}:");
    for (name, field) in fields {
        assert!(field["description"].is_string(), "{of}.{name} says nothing");
        line += &format!(" {name}{}", if required.iter().any(|other| *other == name) { "" } else { "?" });
    }
    all.insert(line);
}

#[test]
fn the_shapes_are_public_and_documented() {
    use steadfast::store::view::{EventPage, JobSummary, RunPage, RunView};
    use steadfast::store::{Info, Pruned, Verified};
    let mut all = BTreeSet::new();
    shape("RunView", schemars::schema_for!(RunView).as_value(), &mut all);
    shape("RunPage", schemars::schema_for!(RunPage).as_value(), &mut all);
    shape("EventPage", schemars::schema_for!(EventPage).as_value(), &mut all);
    shape("JobSummary", schemars::schema_for!(JobSummary).as_value(), &mut all);
    shape("Info", schemars::schema_for!(Info).as_value(), &mut all);
    shape("Pruned", schemars::schema_for!(Pruned).as_value(), &mut all);
    shape("Verified", schemars::schema_for!(Verified).as_value(), &mut all);
    insta::assert_snapshot!(all.into_iter().collect::<Vec<_>>().join("\n"));
}
