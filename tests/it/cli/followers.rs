//! Whoever follows or waits: what is told meanwhile, and that it goes on with the next daemon where it was.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStderr, ChildStdout, Stdio};

use serde_json::Value;

use super::daemon::{Serving, until};
use super::transcript::{Desk, steady};

/// Each attempt says two lines and waits in between for a file; the third succeeds.
const JOBS: &str = r#"
[job.steps]
loop  = { attempts = 5 }
delay = { constant = "50ms", jitter = "none" }
[job.steps.command]
shell = """
n=$STEADFAST_ATTEMPT
echo attempt $n begins
while [ ! -e ../go$n ]; do sleep 0.02; done
echo attempt $n ends
[ $n -ge 3 ]
"""

[job.late]
loop  = { deadline = "300ms", attempts = "unlimited" }
delay = { constant = "50ms", jitter = "none" }
[job.late.command]
run = ["false"]

[job.cut]
loop = { attempts = 1, attempt-timeout = "200ms" }
[job.cut.command]
run = ["sleep", "300"]

[job.bad]
policy = "once"
[job.bad.command]
run = ["false"]

[job.good.command]
run = ["true"]

[job.patient]
delay = { constant = "1h", jitter = "none" }
[job.patient.command]
run = ["false"]
"#;

/// A command that goes on while the test does something.
struct Follower {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
}

impl Follower {
    fn begin(desk: &Desk, arguments: &[&str]) -> Self {
        let mut command = desk.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let err = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, out, err }
    }

    /// Reads lines of stdout up to one that says something.
    fn hears(&mut self, sign: &str) -> Vec<String> {
        heard(&mut self.out, sign)
    }

    /// The same of stderr.
    fn is_told(&mut self, sign: &str) -> Vec<String> {
        heard(&mut self.err, sign)
    }

    /// Waits for its end; returns the exit code and what was left to say.
    fn ends(mut self) -> (Option<i32>, Vec<String>, Vec<String>) {
        let out = self.out.map_while(Result::ok).collect();
        let err = self.err.map_while(Result::ok).collect();
        (self.child.wait().unwrap().code(), out, err)
    }
}

fn heard(lines: &mut impl Iterator<Item = std::io::Result<String>>, sign: &str) -> Vec<String> {
    let mut heard = Vec::new();
    for line in lines.map_while(Result::ok) {
        let is_it = line.contains(sign);
        heard.push(line);
        if is_it {
            return heard;
        }
    }
    panic!("`{sign}` was not said: {heard:?}");
}

fn go(desk: &Desk, attempt: u32) {
    std::fs::write(desk.path(&format!("go{attempt}")), "").unwrap();
}

const AWAY: &str = "the daemon went away; the next one is waited for, at most 1m";

#[test]
fn a_waiter_outlives_the_daemon_and_hears_of_every_attempt_once() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let serving = Serving::begin(&desk);
    let mut starter = Follower::begin(&desk, &["start", "steps", "--wait"]);
    until(&desk, &["ps"], "running");
    let waiter = Follower::begin(&desk, &["wait", "steps", "--json"]);
    go(&desk, 1);
    let mut told = starter.is_told("#1 ");
    let serving = serving.replace();
    go(&desk, 2);
    told.extend(starter.is_told("#2 "));
    let serving = serving.replace();
    go(&desk, 3);
    let (code, out, err) = starter.ends();
    told.extend(err);
    assert_eq!((code, out.join("\n").as_str()), (Some(0), "run 1 of steps: succeeded, 3 attempts"), "{told:?}");
    // Where both go before anything was heard of the second, it is one absence.
    assert!((1..=2).contains(&told.iter().filter(|line| *line == AWAY).count()), "{told:?}");
    told.retain(|line| line != AWAY);
    assert_eq!(told.len(), 3, "one line for each attempt: {told:?}");
    assert!(
        told[0].starts_with("run 1: #1 exit 1 after ") && told[0].contains("; #2 in 50ms (exit-nonzero"),
        "{told:?}"
    );
    assert!(told[2].starts_with("run 1: #3 succeeded after "), "{told:?}");
    let (code, out, err) = waiter.ends();
    let rows: Value = serde_json::from_str(&out.join("\n")).unwrap();
    assert_eq!((code, &rows[0]["ending"]), (Some(0), &"succeeded".into()), "{err:?}");
    drop(serving);
}

#[test]
fn a_log_is_followed_across_daemons_and_nothing_is_told_twice() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let serving = Serving::begin(&desk);
    desk.say(&["start", "steps"]);
    until(&desk, &["ps"], "running");
    let mut follower = Follower::begin(&desk, &["logs", "steps", "-f"]);
    let mut out = follower.hears("attempt 1 begins");
    let serving = serving.replace();
    go(&desk, 1);
    out.extend(follower.hears("attempt 2 begins"));
    // A whole attempt, and the end, while nobody can tell the follower.
    let serving = serving.replace();
    go(&desk, 2);
    go(&desk, 3);
    let (code, rest, err) = follower.ends();
    out.extend(rest);
    let said = |number: u32| [format!("attempt {number} begins"), format!("attempt {number} ends")];
    assert_eq!((code, out), (Some(0), (1..=3).flat_map(said).collect::<Vec<_>>()), "{err:?}");
    assert!(err.iter().any(|line| line == AWAY), "{err:?}");
    drop(serving);
}

#[test]
fn events_are_followed_across_daemons_without_a_gap() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let mut serving = Serving::begin(&desk);
    let mut follower = Follower::begin(&desk, &["events", "-f", "--after", "0", "--json"]);
    let mut heard = follower.hears("daemon-loaded");
    for number in 1..=3 {
        desk.say(&["start", "good", "--wait", "-q"]);
        heard.extend(follower.hears(r#""kind":"closed""#));
        if number < 3 {
            serving = serving.replace();
        }
    }
    follower.child.kill().unwrap();
    let mut err = String::new();
    for line in follower.err.map_while(Result::ok) {
        err.push_str(&line);
    }
    let stored = desk.say(&["events", "--after", "0", "--json"]).out;
    let number = |line: &str| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap();
    let (heard, stored): (Vec<u64>, Vec<u64>) =
        (heard.iter().map(|line| number(line)).collect(), stored.lines().map(number).collect());
    assert_eq!(heard, stored[..heard.len()], "{err}");
    assert!(err == AWAY || err == AWAY.repeat(2), "{err}");
    drop(serving);
}

#[test]
fn a_run_that_a_time_limit_ended_gives_124() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let _serving = Serving::begin(&desk);
    assert_eq!(desk.say(&["start", "late", "--wait"]).code, 124);
    assert_eq!(desk.say(&["start", "cut", "--wait"]).code, 124);
    assert_eq!(desk.say(&["wait", "late", "cut"]).code, 124);
    assert_eq!(desk.say(&["start", "bad", "--wait"]).code, 1);
    assert_eq!(desk.say(&["wait", "late", "bad"]).code, 1, "one that failed otherwise");
}

#[test]
fn many_runs_are_waited_for_by_their_events() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let _serving = Serving::begin(&desk);
    let said = desk.say(&["start", "good", "bad", "--count", "40", "--wait"]);
    assert_eq!((said.code, said.out.lines().count()), (1, 80), "{}", said.err);
    let told = |sign: &str| said.err.lines().filter(|line| line.contains(sign)).count();
    assert_eq!((told(": #1 succeeded"), told("; gave up after 1 attempt")), (40, 40), "{}", said.err);
    let quiet = desk.say(&["start", "good", "bad", "--count", "2", "--wait", "--quiet"]);
    assert_eq!((quiet.out.lines().count(), quiet.err.as_str()), (4, ""));
    let any = desk.say(&["wait", "1", "2", "--any"]);
    assert_eq!((any.code, any.out.lines().count(), any.err.as_str()), (0, 2, ""));
}

#[test]
fn a_start_is_asked_again_under_its_own_key() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let _serving = Serving::begin(&desk);
    assert_eq!(desk.say(&["start", "good", "good"]).code, 0, "twice the same job are two runs");
    let key = |run: &str| {
        let shown: Value = serde_json::from_str(&desk.say(&["show", run, "--json"]).out).unwrap();
        shown["key"].as_str().unwrap().to_owned()
    };
    assert!(key("1").starts_with("start-") && key("1") != key("2"), "{} {}", key("1"), key("2"));
    // The answer was lost, so the same start comes again: it opens nothing.
    assert_eq!(desk.say(&["start", "good", "--key", &key("1")]).out, "run 1\n");
}

#[test]
fn events_take_a_job_for_its_newest_run() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let _serving = Serving::begin(&desk);
    desk.say(&["start", "bad", "--wait"]);
    desk.say(&["start", "good", "--wait"]);
    let by_name = desk.say(&["events", "--run", "good"]);
    assert_eq!((by_name.code, &by_name.out), (0, &desk.say(&["events", "--run", "2"]).out));
    assert!(steady(&by_name.out).contains("closed: succeeded"), "{}", by_name.out);
    let unknown = desk.say(&["events", "--run", "goood"]);
    assert_eq!((unknown.code, unknown.err.contains("did you mean `good`?")), (4, true), "{}", unknown.err);
}
