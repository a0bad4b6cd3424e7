use std::time::Duration;

use steadfast::api::{Client, Code, FilterWanted};
use steadfast::store::State;

use super::house::{House, JOBS, LONG};

#[test]
fn whoever_waits_is_answered_when_the_daemon_goes() {
    let mut house = House::new(JOBS);
    let run = house.start("long");
    let mut follower = house.client();
    let mut events = follower.follow_events(None, Some(0)).unwrap();
    let seen = |event: &steadfast::store::view::EventView| event.kind.clone();
    let begun = events.by_ref().map(|event| seen(&event.unwrap())).find(|kind| kind == "started");
    assert!(begun.is_some());
    let waiting = {
        let mut client = house.client();
        std::thread::spawn(move || client.wait(run, LONG))
    };
    let mut idle = house.client();
    idle.status().unwrap();
    house.client().stop(true).unwrap();
    let row = waiting.join().unwrap().unwrap();
    assert_ne!(row.state, State::Queued);
    let last = events.map(|event| seen(&event.unwrap())).last();
    assert_eq!(last.as_deref(), Some("daemon-slept"), "the last line is told too");
    assert_eq!(house.ended().code(), Some(0), "{}", house.complaints());
    assert!(!house.state.socket().exists());
    assert_eq!(idle.status().unwrap_err().code, Code::Unreachable);
    assert!(Client::connect(&house.state).is_err());
}

#[test]
fn a_drained_daemon_begins_nothing_until_it_may_again() {
    let house = House::new(JOBS);
    let mut client = house.client();
    client.drain(true).unwrap();
    assert!(client.status().unwrap().draining);
    let run = house.start("good");
    let why = client.why(run).unwrap();
    assert_eq!(why.reasons[0].about, "daemon");
    assert!(why.reasons[0].blocks && why.sentence.contains("draining"), "{why:?}");
    assert_eq!(client.wait(run, Duration::from_millis(50)).unwrap().state, State::Queued);
    client.drain(false).unwrap();
    assert_eq!(client.wait(run, LONG).unwrap().state, State::Closed);
}

#[test]
fn files_are_read_again_and_a_mistake_changes_nothing() {
    let house = House::with(JOBS, "state", &["--no-watch"]);
    let mut client = house.client();
    std::fs::write(house.jobs(), format!("{JOBS}\n[job.fresh.command]\nrun = [\"true\"]\n")).unwrap();
    let difference = client.reload().unwrap().difference;
    assert!(difference.contains("fresh"), "{difference}");
    assert!(client.job("fresh").unwrap().job.loaded);
    std::fs::write(house.jobs(), "[job.fresh]\nshedule = 1\n").unwrap();
    let problem = client.reload().unwrap_err();
    assert_eq!((problem.code, problem.code.exit_code()), (Code::Configuration, 3));
    assert!(problem.message.contains("shedule"), "{problem}");
    let status = client.status().unwrap();
    assert_eq!(status.config.jobs, 7);
    assert!(status.config.refused.is_some_and(|refused| refused.contains("shedule")));
}

#[test]
fn the_filter_of_the_trace_is_changed_while_it_runs() {
    let house = House::new(JOBS);
    let mut client = house.client();
    let wanted = FilterWanted { writer: Some("console".to_owned()), filter: "off".to_owned() };
    let writers = client.set_log_filter(&wanted).unwrap().writers;
    let filters: Vec<_> = writers.iter().map(|writer| (writer.writer.as_str(), writer.filter.as_str())).collect();
    assert_eq!(filters, [("console", "off"), ("files", "info,steadfast=debug")]);
    assert_eq!(client.log_filter().unwrap().writers, writers);
    let problem = client.set_log_filter(&FilterWanted { filter: "loud".to_owned(), writer: None }).unwrap_err();
    assert_eq!(problem.code, Code::Usage);
    let nobody = FilterWanted { writer: Some("printer".to_owned()), filter: "info".to_owned() };
    assert!(client.set_log_filter(&nobody).unwrap_err().help.unwrap().contains("console"));
}
