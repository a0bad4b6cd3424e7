use steadfast::api::{EventsQuery, LogLine, LogQuery, LogStream};
use steadfast::ids::RunId;

use super::house::{House, JOBS, LONG};

fn following() -> LogQuery {
    LogQuery { follow: true, ..LogQuery::default() }
}

fn told(lines: impl Iterator<Item = Result<LogLine, steadfast::api::Problem>>) -> Vec<String> {
    let told = |line: LogLine| {
        let content = String::from_utf8(line.content()).unwrap();
        format!("{} {:?} {}", line.piece, line.stream, content.trim_end())
    };
    lines.map(|line| told(line.unwrap())).collect()
}

#[test]
fn a_log_is_followed_from_the_queue_to_the_end() {
    let house = House::with(JOBS, "state", &["--slots", "1"]);
    let mut client = house.client();
    client.drain(true).unwrap();
    let run = house.start("talk");
    let following = {
        let mut client = house.client();
        std::thread::spawn(move || told(client.log(run, &following()).unwrap()))
    };
    client.drain(false).unwrap();
    let lines = following.join().unwrap();
    // Two pipes have no common order where a busy shim reads them late, and then one piece may hold two lines.
    let of = |stream: &str| -> String {
        lines.iter().filter_map(|line| line.strip_prefix(&format!("1 {stream} "))).collect::<Vec<_>>().join("\n")
    };
    assert_eq!((of("Out").as_str(), of("Err").as_str()), ("out 1\nout 2", "err 1"), "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("1 Out ") || line.starts_with("1 Err ")), "{lines:?}");
    let stored = |client: &mut steadfast::api::Client, query| told(client.log(run, &query).unwrap());
    let only = LogQuery { stream: Some(LogStream::Err), ..LogQuery::default() };
    assert_eq!(stored(&mut client, only), ["1 Err err 1"]);
    let all: String = stored(&mut client, LogQuery::default()).concat();
    let part = LogQuery { from: Some(-4), until: Some(17), ..LogQuery::default() };
    let (part, last) = (stored(&mut client, part), &all[all.len() - 3..]);
    assert!(part.len() == 1 && part[0].ends_with(last), "{part:?} of {all:?}");
    let (status, bytes) = house.request("GET", &format!("/v1/runs/{run}/log?form=bytes&stream=out"), &[], "");
    assert_eq!(status, 200);
    assert!(bytes.contains("out 1\n") && bytes.contains("out 2\n") && !bytes.contains("err"), "{bytes}");
}

#[test]
fn following_goes_on_with_the_next_attempt() {
    let house = House::new(JOBS);
    let run = house.start("bad");
    let lines = told(house.client().log(run, &following()).unwrap());
    let expected = ["1 Err first try failed", "2 Err first try failed"];
    assert!(lines == expected || lines == expected[1..], "{lines:?}");
    let first = LogQuery { piece: Some("1".to_owned()), ..following() };
    assert_eq!(told(house.client().log(run, &first).unwrap()), expected[..1]);
    let problem =
        house.client().log(run, &LogQuery { piece: Some("7".to_owned()), ..LogQuery::default() }).unwrap_err();
    assert_eq!(problem.message, format!("run {run} has no attempt 7"));
    assert!(house.client().log(run, &LogQuery { piece: Some("x".to_owned()), ..LogQuery::default() }).is_err());
}

#[test]
fn a_log_that_grows_slowly_is_told_as_it_grows() {
    let jobs =
        "[job.step.command]\nshell = \"echo ready; read answer < \\\"$STEADFAST_ATTEMPT_DIR.fifo\\\"; echo $answer\"\n";
    let house =
        House::new(&jobs.replace("$STEADFAST_ATTEMPT_DIR.fifo", "$STEADFAST_PARAM_FIFO").replace(
            "[job.step.command]",
            "[job.step]\nparameters = { fifo = { required = true } }\n[job.step.command]",
        ));
    let fifo = house.jobs().with_file_name("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut wanted = super::house::start("step");
    wanted.parameters.insert("fifo".to_owned(), fifo.display().to_string());
    let mut client = house.client();
    let run = client.start(&[wanted]).unwrap().runs[0];
    let mut lines = client.log(run, &following()).unwrap();
    assert_eq!(lines.next().unwrap().unwrap().text.as_deref(), Some("ready\n"));
    // The program goes on only now, so this line was heard while it ran.
    std::fs::write(&fifo, "thanks\n").unwrap();
    assert_eq!(lines.next().unwrap().unwrap().text.as_deref(), Some("thanks\n"));
    assert!(lines.next().is_none());
}

#[test]
fn a_run_without_output_has_an_empty_log() {
    let house = House::new(JOBS);
    let run = house.run("good").run;
    assert_eq!(told(house.client().log(run, &LogQuery::default()).unwrap()), [""; 0]);
    assert_eq!(told(house.client().log(run, &following()).unwrap()), [""; 0]);
    assert!(house.client().log(RunId(99), &following()).is_err());
}

#[test]
fn a_reader_that_breaks_off_goes_on_where_it_was() {
    let house = House::new(JOBS);
    let mut all = Vec::new();
    let mut after = 0;
    for round in 0..4 {
        house.run("good");
        let mut client = house.client();
        // The answer is broken off in the middle, by dropping it.
        let events = client.follow_events(None, Some(after)).unwrap();
        for event in events.take(3 + round) {
            let event = event.unwrap();
            after = event.seq;
            all.push(event);
        }
    }
    let page = house.client().events(None, &EventsQuery { limit: Some(all.len()), ..EventsQuery::default() }).unwrap();
    assert_eq!(all, page.events, "nothing is missed and nothing comes twice");
    assert!(page.more);
    // The followers have gone, and the daemon has noticed.
    let begun = std::time::Instant::now();
    while house.client().status().unwrap().followers > 0 {
        assert!(begun.elapsed() < LONG, "a follower that has gone is still served");
    }
}

#[test]
fn a_run_has_its_own_events() {
    let house = House::new(JOBS);
    house.run("good");
    let bad = house.run("bad").run;
    let kinds: Vec<_> = house.client().events(Some(bad), &EventsQuery::default()).unwrap().events;
    assert!(kinds.iter().all(|event| event.run == Some(bad)));
    let kinds: Vec<_> = kinds.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"opened"), Some(&"closed")));
    assert!(house.client().events(Some(RunId(99)), &EventsQuery::default()).is_err());
}

#[test]
fn a_follower_far_behind_misses_nothing() {
    let house = House::new(JOBS);
    let mut slow = house.client();
    let mut events = slow.follow_events(None, Some(0)).unwrap();
    // More entries than the feed holds are written before the first is read.
    let mut client = house.client();
    client.drain(true).unwrap();
    client.start(&vec![super::house::start("good"); 6_000]).unwrap();
    let mut last = 0;
    let opened = events.by_ref().map(Result::unwrap).inspect(|event| {
        assert!(event.seq > last, "{} after {last}", event.seq);
        last = event.seq;
    });
    assert_eq!(opened.filter(|event| event.kind == "opened").take(6_000).count(), 6_000);
}
