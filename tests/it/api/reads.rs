use std::time::Duration;

use steadfast::api::{Code, RunsQuery, TraceQuery};
use steadfast::ids::RunId;

use super::house::{House, JOBS, LONG};

/// Shows a shape with what differs from run to run taken out.
fn shape(house: &House, path: &str) -> String {
    let (status, body) = house.request("GET", path, &[], "");
    let document: serde_json::Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{path}: {body}"));
    format!("{status} {path}\n{}", serde_json::to_string_pretty(&document).unwrap())
}

const FILTERS: [(&str, &str); 8] = [
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "[time]"),
    (r#""[0-9a-f]{32}""#, "\"[32 digits]\""),
    (r#""[0-9a-f]{16}""#, "\"[16 digits]\""),
    (r"user \d+, process \d+", "[caller]"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[boot]"),
    (
        r#""(pid|peak_bytes|\w*seconds|began|ended|at|process\.pid|steadfast\.cpu\.time|steadfast\.attempt\.ran|steadfast\.memory\.peak)": [\d.e-]+"#,
        "\"$1\": [number]",
    ),
    (r"/[^ \x22]*steadfast-api-[^/ \x22]*", "[folder]"),
    (r"\d+ms", "[ms]"),
];

#[test]
fn the_shapes_are_what_they_were() {
    let house = House::with(JOBS, "state", &["--slots", "1", "--no-trace-files"]);
    house.run("good");
    house.run("bad");
    let shapes = [
        "/v1/runs?limit=1",
        "/v1/runs/2",
        "/v1/runs/1/attempts/1",
        "/v1/runs/1/why",
        "/v1/runs/2/trace",
        "/v1/events?limit=4",
        "/v1/jobs/asks",
        "/v1/runs/99",
    ];
    let shapes = shapes.map(|path| shape(&house, path)).join("\n\n");
    insta::with_settings!({ filters => FILTERS.to_vec() }, { insta::assert_snapshot!(shapes) });
}

#[test]
fn a_list_is_filtered_and_turned_page_by_page() {
    let house = House::new(JOBS);
    let mut client = house.client();
    let runs = client.start(&vec![super::house::start("good"); 25]).unwrap().runs;
    let last = client.wait(runs[24], LONG).unwrap();
    house.run("bad");
    let mut query = RunsQuery { filter: Some("job:g*".to_owned()), limit: Some(10), ..RunsQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = client.runs(&query).unwrap();
        seen.extend(page.runs.iter().map(|row| row.run));
        match page.next {
            Some(next) => query.after = Some(next.to_string()),
            None => break,
        }
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.contains(&last.run));
    let wrong = RunsQuery { filter: Some("stat:running".to_owned()), ..RunsQuery::default() };
    let problem = client.runs(&wrong).unwrap_err();
    assert_eq!(problem.code, Code::Usage);
    assert!(problem.help.is_some_and(|help| help.contains("state:")));
    assert_eq!(
        client.runs(&RunsQuery { after: Some("x".to_owned()), ..RunsQuery::default() }).unwrap_err().code,
        Code::Usage
    );
}

#[test]
fn jobs_tell_what_the_files_the_loop_and_the_store_know() {
    let jobs = format!(
        "{JOBS}\n[job.nightly]\nabout = \"what happens at night\"\nschedule = {{ cron = \"30 2 * * *\" }}\ncommand = {{ run = [\"true\"] }}\n\
         [job.last]\nafter = [\"good\", \"nightly\"]\ncommand = {{ run = [\"true\"] }}\n"
    );
    let house = House::new(&jobs);
    house.run("good");
    let mut client = house.client();
    let names: Vec<_> = client.jobs().unwrap().jobs.into_iter().map(|job| job.job).collect();
    assert_eq!(names, ["asks", "bad", "good", "grid", "last", "long", "nightly", "talk"]);
    let nightly = client.job("nightly").unwrap();
    assert_eq!(nightly.upcoming.len(), 5);
    assert_eq!(nightly.job.due_at, Some(nightly.upcoming[0]));
    assert!(nightly.sentence.starts_with("its schedule starts it next at 20"), "{}", nightly.sentence);
    let last = client.job("last").unwrap();
    assert_eq!(last.job.waits_for, ["nightly"], "one of two has a success");
    assert_eq!(client.job("good").unwrap().job.past.unwrap().counts.succeeded, 1);
    assert_eq!(client.job("grid").unwrap().job.points, 4);
    assert_eq!(client.job("nobody").unwrap_err().code, Code::NotFound);
}

#[test]
fn figures_and_timelines_are_told_in_their_own_forms() {
    let house = House::new(JOBS);
    let run = house.run("bad").run;
    let mut client = house.client();
    let figures = client.metrics().unwrap();
    assert!(
        figures.contains(r#"steadfast_attempts_total{job="bad",outcome="failed",class="exit-nonzero"} 2"#),
        "{figures}"
    );
    assert!(figures.ends_with("# EOF\n"));
    let query = TraceQuery { columns: Some(80), zone: Some("Asia/Shanghai".to_owned()), ..TraceQuery::default() };
    let text = client.trace_text(run, &query).unwrap();
    assert!(text.contains("attempt 2"), "{text}");
    assert_eq!(client.trace(run).unwrap()["job"], "bad");
    assert_eq!(client.trace(RunId(99)).unwrap_err().code, Code::NotFound);
    let nowhere = TraceQuery { zone: Some("Mars/Base".to_owned()), ..TraceQuery::default() };
    assert_eq!(client.trace_text(run, &nowhere).unwrap_err().code, Code::Usage);
}

/// Returns the value of a figure, by its name and labels.
fn figure(house: &House, name: &str) -> f64 {
    let figures = house.client().metrics().unwrap();
    let line = figures.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.and_then(|line| line.split(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("no `{name}` in {figures}"))
}

#[test]
fn figures_of_the_daemon_itself_are_counted() {
    let mut house = House::with(JOBS, "state", &["--no-watch"]);
    house.run("good");
    assert_eq!(figure(&house, "steadfast_config_last_reload_successful"), 1.0);
    assert!(figure(&house, "steadfast_store_write_seconds_count") >= 3.0);
    let success = r#"steadfast_job_last_success_timestamp_seconds{job="good"}"#;
    let before = figure(&house, success);
    house.crash();
    // The store is read beside the daemon's work.
    let begun = std::time::Instant::now();
    while !house.client().metrics().unwrap().contains(success) && begun.elapsed() < LONG {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!((figure(&house, success) - before).abs() < 1.0, "an alert on silence survives a restart");
    std::fs::write(house.jobs(), "[job.good]\nbroken = 1\n").unwrap();
    assert!(house.client().reload().is_err());
    assert_eq!(figure(&house, "steadfast_config_last_reload_successful"), 0.0);
}

#[test]
fn the_document_that_is_served_is_the_one_that_is_made() {
    let house = House::new(JOBS);
    let (status, body) = house.request("GET", "/v1/openapi.json", &[], "");
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&body).unwrap(), steadfast::api::document());
}

#[test]
fn every_place_of_the_document_answers() {
    let house = House::new(JOBS);
    let document = steadfast::api::document();
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|_| path != "/v1/daemon/stop") {
            let path = path.replace("{run}", "1").replace("{attempt}", "1").replace("{job}", "good");
            let (status, body) = house.request(&method.to_uppercase(), &path, &[], "");
            let lost = body.contains("no such place") || status == 405 || status == 500 || status == 0;
            assert!(!lost, "{method} {path}: {status} {body}");
            asked += 1;
        }
    }
    assert_eq!(asked, 29);
}
