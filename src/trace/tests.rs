use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

use jiff::tz::TimeZone;
use tracing::Level;

use super::*;
use crate::journal::Entry;
use crate::observe::{Observer as _, Observers};

/// Far longer than a test takes; a test that waits so long has failed.
const LONG: Duration = Duration::from_secs(20);

/// A screen that a test can read.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn looks(columns: Option<usize>) -> Looks {
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    Looks { colour: false, columns, zone, journal: false }
}

fn telemetry() -> Telemetry {
    Telemetry::new(Arc::new(Metrics::new(Build { version: "0.1.0".to_owned(), commit: None })))
}

fn hour() -> Arc<Hour> {
    Arc::new(|| story::BEGIN)
}

/// Shows entries to an observer while the writers are installed, and returns what the console then holds.
fn shown(looks: Looks, filter: &str, entries: &[Entry]) -> String {
    let paper = Paper::default();
    let filter = Filter::new(filter).unwrap();
    let console = Some(ConsoleSettings { to: Box::new(paper.clone()), looks, filter });
    let (dispatch, handle) = build(TraceSettings { console, files: None, now: hour() }).unwrap();
    tracing::dispatcher::with_default(&dispatch, || show(&telemetry(), entries));
    assert!(handle.close(LONG));
    paper.text()
}

fn show(telemetry: &Telemetry, entries: &[Entry]) {
    telemetry.define(crate::ids::Digest(7), &story::policy());
    for (seq, entry) in (1..).zip(entries) {
        telemetry.seen(seq, &Arc::new(entry.clone()));
    }
}

fn the_usual() -> Vec<Entry> {
    [story::told(), story::stopped(), story::given_up_and_cancelled()].concat()
}

#[test]
fn the_console_has_a_line_for_each_attempt() {
    insta::assert_snapshot!(shown(looks(None), "info", &the_usual()));
}

#[test]
fn the_console_fits_into_eighty_columns() {
    let text = shown(looks(Some(80)), "info", &the_usual());
    insta::assert_snapshot!(text);
    let too_wide: Vec<_> = text.lines().filter(|line| clean::columns(line) > 80).collect();
    assert!(too_wide.is_empty(), "{too_wide:?}");
}

#[test]
fn colours_only_repeat_what_the_words_say() {
    let text = shown(Looks { colour: true, ..looks(Some(80)) }, "info", &the_usual());
    let plain = anstream::adapter::strip_str(&text).to_string();
    assert_eq!(plain, shown(looks(Some(80)), "info", &the_usual()));
    insta::assert_snapshot!(text);
}

#[test]
fn the_journal_of_systemd_gets_priorities_and_no_times() {
    let looks = Looks { journal: true, colour: true, ..looks(Some(80)) };
    insta::assert_snapshot!(shown(looks, "info", &story::stopped()));
}

#[test]
fn every_kind_of_entry_has_words_for_people() {
    let text = shown(looks(None), "trace", &story::everything());
    insta::assert_snapshot!(text);
    assert!(!text.chars().any(|letter| letter != '\n' && clean::is_unsafe(letter)), "{text:?}");
}

#[test]
fn only_the_closing_of_a_failed_run_is_an_error() {
    let text = shown(looks(None), "error", &story::everything());
    let lines: Vec<_> = text.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(lines.len(), 3, "one each for the stopped, the given up and the quarantined run: {lines:#?}");
    assert!(lines.iter().all(|line| line.contains("over ✗")), "{lines:#?}");
}

/// The writers into files of a temporary folder.
fn filed(folder: &std::path::Path, filter: &str) -> (Dispatch, TraceHandle) {
    let files = FileSettings { folder: folder.join("trace"), most_bytes: 1 << 20, most_files: 2 };
    let files = Some((files, Filter::new(filter).unwrap()));
    build(TraceSettings { console: None, files, now: hour() }).unwrap()
}

fn lines(folder: &std::path::Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join("trace/00000001.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn json_lines_have_every_field() {
    let folder = tempfile::tempdir().unwrap();
    let (dispatch, handle) = filed(folder.path(), "trace");
    tracing::dispatcher::with_default(&dispatch, || {
        show(&telemetry(), &story::everything());
        let _request = tracing::info_span!(target: "steadfast::api", "request", route = "/runs").entered();
        tracing::warn!(target: "steadfast::api", status = 500, slow = true, ratio = 0.5, "a request\u{202e} failed");
    });
    assert!(handle.close(LONG));
    let text = std::fs::read_to_string(folder.path().join("trace/00000001.jsonl")).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn a_filter_changes_while_everything_runs_and_each_writer_has_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let paper = Paper::default();
    let filter = Filter::new("error").unwrap();
    let console = Some(ConsoleSettings { to: Box::new(paper.clone()), looks: looks(None), filter });
    let files = FileSettings { folder: folder.path().join("trace"), most_bytes: 1 << 20, most_files: 2 };
    let files = Some((files, Filter::new("warn").unwrap()));
    let (dispatch, handle) = build(TraceSettings { console, files, now: hour() }).unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        let say = |text: &str| {
            tracing::info!(target: "steadfast::test", "{text} info");
            tracing::debug!(target: "steadfast::test", "{text} debug");
        };
        say("first");
        assert!(handle.set_filter(Writer::Console, &Filter::new("warn,steadfast::test=info").unwrap()));
        say("second");
        assert!(handle.set_filter(Writer::Files, &Filter::new("off,steadfast::test=debug").unwrap()));
        say("third");
        assert!(handle.set_filter(Writer::Console, &Filter::new("off").unwrap()));
        say("fourth");
    });
    assert!(handle.close(LONG));
    let told: Vec<_> = paper.text().lines().map(|line| line.rsplit_once("daemon ").unwrap().1.to_owned()).collect();
    assert_eq!(told, ["second info", "third info"]);
    let told: Vec<_> = lines(folder.path()).iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, ["third info", "third debug", "fourth info", "fourth debug"]);
    assert_eq!(handle.filter(Writer::Files).as_deref(), Some("off,steadfast::test=debug"));
}

#[test]
fn a_run_that_the_store_brought_back_is_told_with_its_job_and_its_trace() {
    let folder = tempfile::tempdir().unwrap();
    let (dispatch, handle) = filed(folder.path(), "debug");
    let (past, future) = { (story::stopped()[..2].to_vec(), story::stopped()[2..].to_vec()) };
    let crate::journal::About::Run(run, crate::journal::Happened::Opened(opening)) = &past[0].about else {
        panic!("a story begins with its opening")
    };
    tracing::dispatcher::with_default(&dispatch, || {
        let observers = Observers::new(vec![Arc::new(telemetry())]);
        observers.recall(*run, opening, &past);
        for (seq, entry) in (3..).zip(future) {
            observers.seen(seq, &Arc::new(entry));
        }
    });
    assert!(handle.close(LONG));
    let lines = lines(folder.path());
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["attempt.started", "attempt.ended", "run.closed"], "nothing of the past happens anew");
    assert!(lines.iter().all(|line| line["job"] == "fetch-digits" && line["trace_id"].is_string()), "{lines:#?}");
    assert_eq!((&lines[1]["attempt"], &lines[2]["queued_ms"]), (&1.into(), &20.into()));
}

#[test]
fn a_run_that_nobody_knows_is_told_all_the_same() {
    let entries = &story::stopped()[1..];
    let text = shown(looks(None), "info", entries);
    assert!(text.lines().all(|line| line.contains("run 43")), "{text}");
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn the_trace_of_a_process_is_set_up_once() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let settings = || TraceSettings { console: None, files: None, now: hour() };
        let _ = init(settings());
        assert!(matches!(init(settings()), Err(TraceError::Twice)));
    });
}

/// A subscriber that takes note of every event's name, levels and fields, and counts events.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<BTreeMap<&'static str, Seen>>>, Arc<AtomicU64>);

/// The levels and the fields that an event was seen with.
type Seen = (BTreeSet<Level>, BTreeSet<&'static str>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Names {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        self.1.fetch_add(1, Ordering::Relaxed);
        let mut names = self.0.lock().unwrap();
        let (levels, fields) = names.entry(event.metadata().name()).or_default();
        levels.insert(*event.metadata().level());
        fields.extend(event.metadata().fields().iter().map(|field| field.name()));
    }
}

/// Whatever the engine decides is told once: beginnings and ends, and what happens between them, such as starts that were
/// void and attempts that are cut.
#[test]
fn every_step_is_told_by_one_event() {
    let names = Names::default();
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(names.clone()));
    let telemetry = telemetry();
    telemetry.define(crate::ids::Digest(7), &story::policy());
    let mut told = BTreeSet::new();
    for (seq, entry) in (1..).zip(story::everything()) {
        let crate::journal::About::Run(_, crate::journal::Happened::Stepped(step)) = &entry.about else {
            telemetry.seen(seq, &Arc::new(entry));
            continue;
        };
        names.0.lock().unwrap().clear();
        names.1.store(0, Ordering::Relaxed);
        tracing::dispatcher::with_default(&dispatch, || telemetry.seen(seq, &Arc::new(entry.clone())));
        assert_eq!(names.1.load(Ordering::Relaxed), 1, "{step:?}");
        told.extend(names.0.lock().unwrap().keys().copied());
    }
    let every = ["attempt.began", "attempt.cut", "attempt.ended", "attempt.voided", "run.decided"];
    assert_eq!(told, BTreeSet::from(every), "the story holds every kind of step");
}

/// The page names each event with its levels and fields in a row `| event | levels | fields |`.
#[test]
fn every_event_and_field_is_documented_and_nothing_else() {
    let names = Names::default();
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(names.clone()));
    tracing::dispatcher::with_default(&dispatch, || show(&telemetry(), &story::everything()));
    let everywhere = ["seq", "at_ns", "run", "job", "trace_id"];
    let mut rows = BTreeMap::new();
    for (name, (levels, fields)) in names.0.lock().unwrap().iter() {
        let levels: Vec<_> = levels.iter().rev().map(|level| level.as_str().to_ascii_lowercase()).collect();
        let fields: BTreeSet<_> = fields.iter().filter(|field| !everywhere.contains(field)).collect();
        let fields: BTreeSet<_> = fields.iter().map(|field| format!("`{}`", field.trim_end_matches("_ns"))).collect();
        rows.insert((*name).to_owned(), (levels.join(", "), fields));
    }
    let page = include_str!("../../docs/trace.md");
    let table = page.lines().filter_map(|line| {
        let cells: Vec<_> = line.strip_prefix("| `")?.trim_end_matches('|').split('|').map(str::trim).collect();
        let [name, levels, fields] = cells[..] else { return None };
        let fields = fields.split(' ').filter(|field| !field.is_empty()).map(str::to_owned);
        Some((name.trim_matches('`').to_owned(), (levels.to_owned(), fields.collect::<BTreeSet<_>>())))
    });
    let documented: BTreeMap<_, _> = table.filter(|(name, _)| name.contains('.') && name != "trace.dropped").collect();
    assert_eq!(documented, rows);
}
