//! Killed at every named place.
//!
//! A case arms one failpoint, on its first or its second hit, in a daemon and in every shim that this starts. The scenario
//! makes sure that there is something to recover: a pool that sleeps while a launch request lies in its socket, a shim that dies and
//! leaves its program behind. Then a daemon without failpoints finishes, and the checker compares.

use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use steadfast::api::Client;
use steadfast::failpoint::NAMES;
use steadfast::state::StateDir;
use steadfast::sys::proc;

use super::check::{Allowed, check, reader};
use super::place::{Daemon, Place, eventually, lives, signal};

fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

fn place() -> Place {
    let mut place = Place::new();
    place.declare_policy();
    place.declare_workers("quick", 4, 5, "tidy", "");
    place.declare_workers("litter", 2, 5, "litter", "");
    place.declare_workers("stubborn", 2, 5, "stubborn", "stop = { leader = \"20ms\", all = \"20ms\" }");
    place.declare_workers("alone", 2, 300, "tidy", "limits = { open-files = 64 }");
    place.declare_workers("long", 1, 2_500, "tidy", "limits = { open-files = 64 }");
    place.declare_workers(
        "due",
        1,
        10,
        "tidy",
        "overlap = \"allow\"\nschedule = { every = \"40ms\", missed = \"skip\" }",
    );
    place.declare_workers(
        "again",
        1,
        200,
        "tidy",
        "overlap = \"replace\"\nschedule = { every = \"70ms\", missed = \"skip\" }",
    );
    let chatter = place.worker(0, "chatter");
    for output in ["file", "pipe"] {
        place.declare(&format!(
            "[job.chatter-{output}]\npolicy = \"campaign\"\ncommand = {{ run = {chatter}, output = \"{output}\", output-cap = \"64KiB\" }}\n\n"
        ));
    }
    place
}

/// Waits until a failpoint has fired, the daemon is dead, or enough has happened without either.
fn watch(place: &Place, name: &str, daemon: &mut Daemon, enough: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(4);
    while !place.was_hit(name) && daemon.has_ended().is_none() && !enough() && Instant::now() < end {
        pause(5);
    }
}

/// Waits until an attempt is announced that does not begin, because the pool sleeps.
fn wait_for_a_launch_that_nobody_takes(place: &Place) {
    let rows = reader(place);
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        pause(10);
        let log = std::fs::read_to_string(place.side().join("log")).unwrap();
        let mut select = rows.prepare("SELECT run, number FROM attempts WHERE state = 'running'").unwrap();
        let announced = select.query_map((), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).unwrap();
        let is_taken = |(run, number)| log.contains(&format!("begin {run} {number} "));
        if announced.flatten().filter(|start| !is_taken(*start)).count() > 1 {
            return;
        }
    }
}

/// Leaves to the second daemon all that can be left: a pool that sleeps while launch requests lie in its socket, and a program
/// whose shim is dead.
fn recover(place: &Place, daemon: Daemon, name: &str, armed: &str) {
    let shims = place.shims();
    shims.iter().for_each(|pid| signal(*pid, "STOP"));
    wait_for_a_launch_that_nobody_takes(place);
    daemon.kill();
    let families = proc::by_parent();
    let children = |shim: &i32| families.get(shim).into_iter().flatten();
    let holding = shims.iter().filter(|shim| children(shim).any(|child| lives(*child)));
    // The newest is one of its own, whose program sleeps long.
    holding.max().into_iter().for_each(|pid| signal(*pid, "KILL"));
    let mut second = place.start_armed(&["--until-idle", "--slots", "40"], armed);
    pause(60);
    shims.iter().for_each(|pid| signal(*pid, "CONT"));
    if name.contains("leave") || name.contains("socket::remove") {
        // Before it listens, a signal would end it as any other program.
        watch(place, name, &mut second, || Client::connect(&StateDir::at(place.state())).is_ok());
        pause(100);
        signal(second.pid(), "TERM");
    }
    watch(place, name, &mut second, || false);
    pause(20);
    second.kill();
}

/// Runs one case; returns what went wrong.
fn case(name: &str, action: &str) -> Vec<String> {
    let mut place = place();
    let armed = format!("{name}={action}");
    let mut daemon = place.start_armed(&["--until-idle", "--slots", "40"], &armed);
    let ends = || std::fs::read_to_string(place.side().join("log")).unwrap().matches("end ").count();
    // What is to be adopted must live long enough for that.
    let enough = if name.contains("adopt") { 2 } else { 8 };
    watch(&place, name, &mut daemon, || ends() >= enough);
    let killed_a_shim = !place.was_hit(name);
    if !killed_a_shim {
        // One that stands still is left by its daemon at once; after a death, whoever survived goes on for a while.
        pause(if action.starts_with("stall") { 5 } else { 100 });
        daemon.kill();
    } else {
        recover(&place, daemon, name, &armed);
    }
    place.declare_nothing();
    let mut wrong = Vec::new();
    if !place.was_hit(name) {
        wrong.push("it was never reached".to_owned());
    }
    let calm = place.calm();
    if !matches!(calm, Some(0 | 1)) {
        wrong.push(format!("the last daemon ended with {calm:?}"));
    }
    eventually("no shim is left", || place.shims().is_empty());
    place.calm();
    // Where no shim died, each attempt must come to the end that it wrote down itself. In every case runs are replaced.
    let lost = killed_a_shim || name.starts_with("shim::");
    wrong.extend(check(&place, Allowed { lost, cancelled: true, stones: action.starts_with("error"), slots: None }).0);
    if !wrong.is_empty() {
        wrong.push(place.said());
        wrong.push(format!("kept: {}", place.keep().display()));
    }
    wrong.into_iter().map(|line| format!("{armed}: {line}")).collect()
}

/// Runs cases side by side: they mostly wait.
fn sweep(cases: Vec<(&'static str, &'static str)>) {
    let all = cases.len();
    let (left, wrong) = (Mutex::new(cases), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((name, action)) = { left.lock().unwrap().pop() } {
                    let found = case(name, action);
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    println!("{all} cases, {} violations", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What happens once in a process.
const ONCE: &[&str] = &[
    "api::socket::bind",
    "api::socket::forget",
    "api::socket::open",
    "api::socket::remove::after",
    "api::socket::remove::before",
    "daemon::clock::after",
    "daemon::clock::before",
    "daemon::adopt::after",
    "daemon::adopt::before",
    "daemon::leave::after",
    "daemon::leave::before",
    "daemon::pending",
    "daemon::recall::thread",
    "shim::opened",
    "shim::ready",
    "shim::remove::after",
    "shim::remove::before",
    "store::migrate::after",
    "store::migrate::before",
];

/// What the scenario does not meet, or not for certain: each has a test of its own.
const ELSEWHERE: &[&str] = &[
    "hands::void::after",
    "hands::void::before",
    "hands::void::write",
    "store::backup::rename::after",
    "store::backup::rename::before",
    "store::backup::sync",
    "store::rest::after",
    "store::rest::before",
];

/// Every name that the scenario meets.
fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().copied().filter(|name| !ELSEWHERE.contains(name))
}

/// What is not certain to happen twice in one process of this scenario.
const SELDOM: &[&str] = &[
    "shim::signal::leader",
    "hands::adopt::after",
    "hands::adopt::before",
    "hands::remove::after",
    "hands::remove::before",
    "shim::adopt::after",
    "shim::adopt::before",
];

#[test]
fn every_failpoint_may_be_the_last_thing_that_happens() {
    sweep(names().map(|name| (name, "abort@1")).collect());
}

#[test]
fn every_failpoint_may_be_the_last_thing_that_happens_the_second_time() {
    let twice = names().filter(|name| !ONCE.contains(name) && !SELDOM.contains(name));
    sweep(twice.map(|name| (name, "abort@2")).collect());
}

#[test]
fn a_shim_may_stand_still_anywhere_while_its_daemon_dies() {
    let shims = names().filter(|name| name.starts_with("shim::"));
    sweep(shims.map(|name| (name, "stall(400)@1")).collect());
}

#[test]
fn every_call_may_fail() {
    let calls = [
        "hands::shim::folder",
        "hands::shim::spawn::before",
        "shim::claim::before",
        "shim::journal::before",
        "shim::output::write",
        "store::commit::before",
    ];
    sweep(calls.into_iter().flat_map(|name| [(name, "error@1"), (name, "error@2")]).collect());
}

/// A store at rest writes its log back; the daemon may die before and after it.
#[test]
fn a_store_may_die_while_it_rests() {
    for point in ["store::rest::before", "store::rest::after"] {
        let mut place = Place::new();
        place.declare_policy().declare_workers("quick", 5, 5, "tidy", "").declare_workers("long", 1, 2_500, "tidy", "");
        let daemon = place.start_armed(&["--until-idle"], &format!("{point}=abort@1"));
        assert_eq!(daemon.ends().code(), None, "{point}: {}", place.said());
        assert!(place.was_hit(point));
        assert!(matches!(place.calm(), Some(0 | 1)), "{}", place.said());
        let (wrong, figures) = check(&place, Allowed::default());
        assert!(wrong.is_empty(), "{point}\n{}\n{figures:?}", wrong.join("\n"));
    }
}

/// A copy is whole or has another name, whenever the one who makes it dies.
#[test]
fn a_copy_of_the_store_is_whole_or_not_there() {
    let mut place = Place::new();
    place.declare_policy().declare_workers("quick", 5, 5, "tidy", "");
    assert!(matches!(place.calm(), Some(0 | 1)), "{}", place.said());
    let runs = |path: &std::path::Path| -> i64 {
        rusqlite::Connection::open(path).unwrap().query_row("SELECT count(*) FROM runs", (), |row| row.get(0)).unwrap()
    };
    for (point, is_there) in [
        ("store::backup::sync", false),
        ("store::backup::rename::before", false),
        ("store::backup::rename::after", true),
    ] {
        let copy = place.path().join(point.replace("::", "-"));
        let back_up = |armed: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
            command.args(["store", "backup"]).arg(&copy).arg("--state").arg(place.state());
            command.env("STEADFAST_FAILPOINTS", armed).output().unwrap().status
        };
        assert_eq!(back_up(&format!("{point}=abort@1")).code(), None, "{point}");
        assert_eq!(copy.exists(), is_there, "{point}");
        if !is_there {
            assert!(back_up("").success(), "what a dead one left is in nobody's way");
        }
        assert_eq!(runs(&copy), 5, "{point}");
    }
}

/// The windows in which a run might begin twice: what was asked of a shim that has not claimed it yet, when the daemon dies.
#[track_caller]
fn is_begun_once(place: &Place, stopped: &[i32], armed: Option<&str>) {
    if let Some(point) = armed {
        // One more daemon dies: while it voids the start.
        let dying = place.start_armed(&["--until-idle", "--slots", "2"], &format!("{point}=abort@1"));
        assert_eq!(dying.ends().code(), None, "{}", place.said());
        assert!(place.was_hit(point));
    }
    let second = place.start(&["--until-idle", "--slots", "2"]);
    pause(150);
    stopped.iter().for_each(|pid| signal(*pid, "CONT"));
    assert!(matches!(second.ends().code(), Some(0 | 1)), "{}", place.said());
    // Who comes second must find the word that it is too late, so that word stays as long as somebody might come.
    eventually("no shim is left", || place.shims().is_empty());
    place.calm();
    let (wrong, figures) = check(place, Allowed::default());
    assert!(wrong.is_empty(), "{}\n{figures:?}\n{}", wrong.join("\n"), place.said());
    let void: i64 =
        reader(place).query_row("SELECT count(*) FROM attempts WHERE state = 'void'", (), |row| row.get(0)).unwrap();
    assert!(void > 0, "the start that nobody had claimed is void: {figures:?}");
}

const VOIDING: [Option<&str>; 4] =
    [None, Some("hands::void::before"), Some("hands::void::write"), Some("hands::void::after")];

#[test]
fn a_launch_in_the_socket_of_a_pool_whose_daemon_dies_is_void() {
    for armed in VOIDING {
        let mut place = Place::new();
        place.declare_policy();
        place.declare_workers("first", 1, 5, "tidy", "");
        place.declare_workers(
            "due",
            1,
            5,
            "tidy",
            "overlap = \"allow\"\nschedule = { every = \"50ms\", missed = \"skip\" }",
        );
        // More slots than programs can hold when the pool falls asleep.
        let daemon = place.start(&["--slots", "8"]);
        eventually("the pool works", || std::fs::read_to_string(place.side().join("log")).unwrap().contains("end "));
        let pool = place.shims();
        pool.iter().for_each(|pid| signal(*pid, "STOP"));
        // Programs that were begun a moment ago must have written so, or they would look like launches that lie there.
        pause(100);
        wait_for_a_launch_that_nobody_takes(&place);
        assert!(daemon.kill());
        place.declare_nothing();
        is_begun_once(&place, &pool, armed);
    }
}

#[test]
fn a_shim_of_its_own_that_has_not_claimed_when_its_daemon_dies_is_too_late() {
    for (at, point) in
        ["shim::opened", "shim::ready", "shim::claim::before", "shim::claim::write"].into_iter().enumerate()
    {
        let mut place = Place::new();
        place.declare_policy();
        place.declare_workers("alone", 1, 5, "tidy", "limits = { open-files = 64 }");
        let daemon = place.start_armed(&["--until-idle"], &format!("{point}=stall(900)"));
        eventually(point, || place.was_hit(point));
        pause(20);
        assert!(daemon.kill());
        is_begun_once(&place, &[], VOIDING[at]);
    }
}
