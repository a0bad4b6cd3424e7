use std::collections::BTreeSet;

use steadfast::api::{Code, RunsQuery, Start};
use steadfast::ids::RunId;

use super::house::{House, JOBS, LONG, start};

const JSON: &str = "content-type: application/json";

#[test]
fn one_start_a_list_and_a_count_open_runs_in_order() {
    let house = House::new(JOBS);
    assert_eq!(house.request("POST", "/v1/runs", &[JSON], r#"{"job": "good"}"#), (200, r#"{"runs":[1]}"#.to_owned()));
    let list = r#" [{"job": "good"}, {"job": "good", "count": 3}, {"job": "grid"}, {"job": "grid", "point": 3}]"#;
    assert_eq!(house.request("POST", "/v1/runs", &[JSON], list).1, r#"{"runs":[2,3,4,5,6,7,8,9,10]}"#);
    let mut client = house.client();
    assert_eq!(client.run(RunId(10)).unwrap().point, Some(3));
    assert_eq!(client.run(RunId(6)).unwrap().sweep.map(|sweep| (sweep.first, sweep.size)), Some((RunId(6), 4)));
}

#[test]
fn either_all_are_opened_or_none() {
    let house = House::new(JOBS);
    let mut client = house.client();
    let problem = client.start(&[start("good"), start("nobody")]).unwrap_err();
    assert_eq!((problem.code, problem.message.as_str()), (Code::NotFound, "no job `nobody` is loaded"));
    let problem = client.start(&[start("good"), start("asks")]).unwrap_err();
    assert_eq!(problem.code, Code::Usage, "{problem}");
    assert_eq!(client.runs(&RunsQuery::default()).unwrap().runs, []);
}

#[test]
fn what_makes_no_sense_is_refused_with_its_reason() {
    let house = House::new(JOBS);
    let refused = |body: &str| {
        let (status, body) = house.request("POST", "/v1/runs", &[JSON], body);
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
        format!("{status} {}", problem["message"].as_str().unwrap())
    };
    assert_eq!(refused("[]"), "400 the list is empty");
    assert!(refused("").starts_with("400 the body cannot be understood: EOF"));
    assert!(refused(r#"{"job": "good", "prioritty": 1}"#).contains("unknown field `prioritty`"));
    assert_eq!(refused(r#"{"job": "grid", "point": 4}"#), "400 job `grid` has 4 matrix points, 0 to 3; there is no 4");
    assert_eq!(refused(r#"{"job": "good", "point": 3}"#), "400 job `good` has no matrix, and so no point 3");
    assert_eq!(refused(r#"{"job": "good", "priority": 5000}"#), "400 priority 5000 is out of range");
    assert_eq!(refused(r#"{"job": "good", "key": ""}"#), "400 a key of 0 bytes");
    assert_eq!(
        refused(r#"{"job": "good", "count": 100001}"#),
        "400 100001 runs are more than the 100000 of one request"
    );
    assert!(refused(r#"{"job": "grid", "key": "k"}"#).contains("a key names one"));
}

#[test]
fn parameters_priority_and_the_asking_trace_arrive() {
    let house = House::new(JOBS);
    let trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let body = r#"{"job": "asks", "parameters": {"to": "you"}, "priority": 7}"#;
    assert_eq!(house.request("POST", "/v1/runs", &[JSON, trace], body).0, 200);
    let run = house.client().run(RunId(1)).unwrap();
    assert_eq!((run.parameters["to"].as_str(), run.priority), ("you", 7));
    assert_eq!(run.trace_id, "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(run.parent_span_id.as_deref(), Some("b7ad6b7169203331"));
    assert!(run.by.starts_with("user "), "{}", run.by);
}

#[test]
fn eight_clients_with_the_same_keys_open_each_run_once() {
    let mut house = House::new(JOBS);
    let keys: Vec<Start> =
        (0..200).map(|number| Start { key: Some(format!("key-{number}")), ..start("good") }).collect();
    let ask = |house: &House| -> Vec<Vec<RunId>> {
        std::thread::scope(|scope| {
            let ask = |chunk: usize| {
                let mut client = house.client();
                keys.chunks(chunk).flat_map(|keys| client.start(keys).unwrap().runs).collect()
            };
            // Each sends them in pieces of another size.
            let asking: Vec<_> = (1..=8).map(|client| scope.spawn(move || ask(client * 7))).collect();
            asking.into_iter().map(|asking| asking.join().unwrap()).collect()
        })
    };
    let answers = ask(&house);
    assert!(answers.iter().all(|runs| *runs == answers[0]), "the same key is the same run for everybody");
    assert_eq!(answers[0].iter().collect::<BTreeSet<_>>().len(), 200);
    for run in &answers[0] {
        house.client().wait(*run, LONG).unwrap();
    }
    assert_eq!(house.client().status().unwrap().counts.succeeded, 200);
    // A key outlives the run and the daemon.
    house.crash();
    assert_eq!(ask(&house)[0], answers[0]);
    assert_eq!(house.client().status().unwrap().counts.succeeded, 200);
}

#[test]
fn a_count_with_a_key_numbers_the_keys() {
    let house = House::new(JOBS);
    let mut client = house.client();
    let three = Start { key: Some("night".to_owned()), count: Some(3), ..start("good") };
    let first = client.start(std::slice::from_ref(&three)).unwrap();
    let five = Start { count: Some(5), ..three };
    let second = client.start(&[five]).unwrap();
    assert_eq!(second.runs[..3], first.runs);
    assert_eq!(second.runs.len(), 5);
    assert_eq!(client.run(second.runs[4]).unwrap().key.as_deref(), Some("night/5"));
}

#[test]
fn many_starts_of_one_request_are_one_commit() {
    let house = House::with(JOBS, "state", &["--slots", "1"]);
    let mut client = house.client();
    client.drain(true).unwrap();
    let all: Vec<Start> = (0..5_000).map(|_| start("good")).collect();
    assert_eq!(client.start(&all).unwrap().runs.len(), 5_000);
    let counts = client.status().unwrap().counts;
    assert_eq!((counts.queued, counts.open()), (5_000, 5_000));
}
