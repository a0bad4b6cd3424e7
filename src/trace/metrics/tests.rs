use super::*;
use crate::trace::roster::Roster;
use crate::trace::story;

fn metrics() -> Metrics {
    Metrics::new(Build { version: "0.1.0".to_owned(), commit: None })
}

fn count(metrics: &Metrics, entries: &[Entry]) {
    let mut roster = Roster::default();
    for entry in entries {
        metrics.seen(entry, entry.run().and_then(|run| roster.get(run)));
        roster.fold(entry);
    }
}

/// The text with its series in order: within one family they come as a hash map has them.
fn sorted(text: &str) -> String {
    let mut families: Vec<Vec<&str>> = Vec::new();
    for line in text.lines() {
        if line.starts_with("# HELP") || line.starts_with("# EOF") {
            families.push(Vec::new());
        }
        families.last_mut().expect("the text begins with a help line").push(line);
    }
    // Buckets stay in their order: what is sorted are the jobs.
    let key =
        |line: &&str| line.split_once("job=\"").map(|(_, rest)| rest.split('"').next().unwrap_or_default().to_owned());
    for family in &mut families {
        let first = family.iter().position(|line| !line.starts_with('#')).unwrap_or(family.len());
        let is_histogram = family.iter().any(|line| line.contains("_bucket"));
        if is_histogram { family[first..].sort_by_key(key) } else { family[first..].sort_unstable() }
    }
    families.concat().join("\n") + "\n"
}

#[test]
fn runs_are_counted_and_shown() {
    let metrics = metrics();
    count(&metrics, &story::told());
    count(&metrics, &story::given_up_and_cancelled());
    metrics.store_wrote(Duration::from_micros(700));
    metrics.config_loaded(true);
    metrics.recall_success("yearly", story::BEGIN);
    let figures = JobFigures {
        runs: [(RunState::Queued, 3), (RunState::WaitingRetry, 1)].into(),
        oldest_waiting: Some(Duration::from_secs(90)),
        next_due: Some(story::BEGIN),
    };
    let snapshot = Snapshot {
        jobs: [("daily-papers".to_owned(), figures)].into(),
        slots: (2, 4),
        degraded: false,
        drops: vec![(Writer::Files, Drops { lines: 12, trouble: None })],
    };
    insta::assert_snapshot!(sorted(&metrics.render(&snapshot)));
}

#[test]
fn the_number_of_series_is_bounded() {
    let metrics = metrics();
    for job in 0..2 * MOST_JOBS as u64 {
        let mut entries = story::stopped();
        entries[0] = story::opened(43, &format!("job-{job}"));
        count(&metrics, &entries);
    }
    let text = metrics.render(&Snapshot::default());
    let runs: Vec<_> = text.lines().filter(|line| line.starts_with("steadfast_runs_total")).collect();
    assert_eq!(runs.len(), MOST_JOBS + 1);
    assert!(runs.contains(&"steadfast_runs_total{job=\"other\",ending=\"stopped\"} 500"), "{}", runs[0]);
}

#[test]
fn what_stands_no_longer_is_shown_no_longer() {
    let metrics = metrics();
    let figures = |age| JobFigures { oldest_waiting: Some(Duration::from_secs(age)), ..JobFigures::default() };
    let snapshot = |jobs: &[(&str, u64)]| Snapshot {
        jobs: jobs.iter().map(|(job, age)| ((*job).to_owned(), figures(*age))).collect(),
        ..Snapshot::default()
    };
    let _ = metrics.render(&snapshot(&[("a", 50), ("b", 7)]));
    let text = metrics.render(&snapshot(&[("a", 20)]));
    let shown: Vec<_> = text.lines().filter(|line| line.starts_with("steadfast_oldest_waiting_seconds{")).collect();
    assert_eq!(shown, ["steadfast_oldest_waiting_seconds{job=\"a\"} 20.0"]);
}
