use std::time::{Duration, Instant};

use steadfast::api::{Client, Code, RunsQuery, WhyView};
use steadfast::ids::RunId;
use steadfast::store::State;

use super::house::{House, JOBS, LONG, start};

#[test]
fn waiting_ends_with_the_run_or_with_the_time() {
    let house = House::new(JOBS);
    let row = house.run("bad");
    assert_eq!(
        (row.state, row.attempts, row.ending.map(|ending| ending.as_str())),
        (State::Closed, 2, Some("gave-up"))
    );
    let mut client = house.client();
    assert_eq!(client.wait(row.run, LONG).unwrap(), row, "what is over is told at once");
    let long = house.start("long");
    let begun = Instant::now();
    let row = client.wait(long, Duration::from_millis(200)).unwrap();
    assert_ne!(row.state, State::Closed);
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!(client.wait(RunId(99), LONG).unwrap_err().code, Code::NotFound);
    assert_eq!(house.request("GET", "/v1/runs/1/wait?timeout=soon", &[], "").0, 400);
}

#[test]
fn a_cancelled_run_is_over_and_can_be_tried_again() {
    let house = House::new(JOBS);
    let mut client = house.client();
    let run = house.start("long");
    client.cancel(run).unwrap();
    let row = client.wait(run, LONG).unwrap();
    assert_eq!(row.ending.map(|ending| ending.as_str()), Some("cancelled"));
    let problem = client.cancel(run).unwrap_err();
    assert_eq!((problem.code, problem.code.exit_code()), (Code::Conflict, 5));
    let again = client.retry(run).unwrap().runs[0];
    assert_eq!(client.run(again).unwrap().trigger.retry_of, Some(run));
    assert_eq!(client.retry(again).unwrap_err().code, Code::Conflict, "it is under way");
    assert_eq!(client.cancel(RunId(99)).unwrap_err().code, Code::NotFound);
}

fn blocking(why: &WhyView) -> Vec<&str> {
    why.reasons.iter().filter(|reason| reason.blocks).map(|reason| reason.about.as_str()).collect()
}

#[test]
fn a_run_that_waits_says_for_what() {
    let jobs = format!(
        "{JOBS}\n[group.narrow]\nslots = 1\n[job.one]\ngroup = \"narrow\"\ncommand = {{ run = [\"sleep\", \"300\"] }}\n\
         [job.slow-retry]\ncommand = {{ run = [\"false\"] }}\npolicy = \"slow\"\n[policy.slow]\ndelay = {{ constant = \"1h\" }}\n"
    );
    let house = House::with(&jobs, "state", &["--slots", "2"]);
    let mut client = house.client();

    let retry = house.start("slow-retry");
    let waiting = RunsQuery { filter: Some("state:waiting".to_owned()), ..RunsQuery::default() };
    let begun = Instant::now();
    while client.runs(&waiting).unwrap().runs.is_empty() {
        assert!(begun.elapsed() < LONG);
    }
    let why = client.why(retry).unwrap();
    assert_eq!(blocking(&why), ["delay"], "{why:?}");
    assert!(why.due_at.is_some() && why.last.is_some_and(|last| last.class.as_deref() == Some("exit-nonzero")));

    let first = house.start("one");
    let second = house.start("one");
    let why = client.why(second).unwrap();
    assert_eq!(blocking(&why), ["group"], "{why:?}");
    let reason = why.reasons.iter().find(|reason| reason.about == "group").unwrap();
    assert_eq!(
        (reason.sentence.as_str(), reason.runs.as_slice()),
        ("group `narrow` has 1 of 1 slots taken", &[first][..])
    );

    house.start("long");
    let third = house.start("long");
    assert_eq!(blocking(&client.why(third).unwrap()), ["slots"]);
    let queued = RunsQuery { filter: Some("long state:queued".to_owned()), ..RunsQuery::default() };
    let row = |client: &mut Client| client.runs(&queued).unwrap().runs.remove(0);
    client.hold(third).unwrap();
    client.hold_job("long", true).unwrap();
    assert_eq!(blocking(&client.why(third).unwrap()), ["run-hold", "job-hold", "slots"]);
    assert!(client.job("long").unwrap().sentence.contains("held"));
    assert_eq!(client.run(third).unwrap().sentence, "waits for its first attempt, held, its job is held");
    assert_eq!(client.release(third).unwrap().runs, [third]);
    assert_eq!(client.run(third).unwrap().sentence, "waits for its first attempt, its job is held");
    assert!(row(&mut client).job_held);
    client.hold_job("long", false).unwrap();
    assert!(!row(&mut client).job_held && !client.run(third).unwrap().job_held);
    assert_eq!(blocking(&client.why(third).unwrap()), ["slots"]);
    assert_eq!(client.hold_job("nobody", true).unwrap_err().code, Code::NotFound);
}

#[test]
fn a_run_tells_how_many_go_first() {
    let house = House::with(JOBS, "state", &["--slots", "1"]);
    let mut client = house.client();
    client.drain(true).unwrap();
    let runs = client.start(&vec![start("good"); 1000]).unwrap().runs;
    let turn = |client: &mut Client, run| {
        let why = client.why(run).unwrap();
        why.reasons.into_iter().find(|reason| reason.about == "turn").unwrap().sentence
    };
    let why = client.why(runs[0]).unwrap();
    assert!(why.sentence.ends_with("no attempt begins until `steadfast daemon drain --undo`"), "{}", why.sentence);
    assert_eq!(turn(&mut client, runs[0]), "it is the next of job `good`");
    assert_eq!(turn(&mut client, runs[7]), "7 of job `good` go first");
    assert_eq!(turn(&mut client, runs[999]), "256 or more of job `good` go first");
}
