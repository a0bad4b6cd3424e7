use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::transcript::{Desk, steady};

const JOBS: &str = r#"
[job.quick]
policy = "once"
[job.quick.command]
run = ["echo", "done"]

[job.bad]
policy = "once"
[job.bad.command]
run = ["false"]

[job.long.command]
shell = "echo working; exec sleep 300"
"#;

/// A daemon that is stopped when the test is over, with all that it runs.
pub(super) struct Serving<'d> {
    desk: &'d Desk,
    child: Child,
}

impl<'d> Serving<'d> {
    pub(super) fn begin(desk: &'d Desk) -> Self {
        let mut command = desk.command(&["serve", "jobs", "--stop-jobs", "--slots", "2"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let loaded = lines.by_ref().map_while(Result::ok).any(|line| line.contains(" loaded: "));
        assert!(loaded, "the daemon loads its jobs");
        // Whoever writes must find a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { desk, child }
    }

    /// Kills it as a crash would, and lets another begin on the same state.
    pub(super) fn replace(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let desk = self.desk;
        std::mem::forget(self);
        Self::begin(desk)
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.desk.say(&["daemon", "stop", "--jobs"]);
        }
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

#[test]
fn a_daemon_is_asked_and_told() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let serving = Serving::begin(&desk);
    let told = desk.transcript(&[
        &["start", "quick", "--wait"],
        &["start", "bad", "--wait"],
        &["start", "quik"],
        &["retry", "2"],
        &["wait", "3", "--timeout", "10s", "-q"],
        &["cancel", "1", "99"],
        &["hold", "quick"],
        &["start", "quick", "--key", "mine"],
        &["start", "quick", "--key", "mine", "--json"],
        &["why", "quick"],
        &["ps", "quick state:queued"],
        &["show", "4"],
        &["jobs", "show", "quick"],
        &["wait", "4", "--timeout", "0s"],
        &["release", "quick"],
        &["wait", "4", "--timeout", "10s", "-q"],
        &["logs", "4", "--follow"],
        &["daemon", "drain"],
        &["daemon", "drain", "--undo"],
        &["daemon", "reload"],
    ]);
    insta::assert_snapshot!(steady(&told));
    drop(serving);
}

#[test]
fn yields_and_missing_programs_are_treated_as_on_a_terminal() {
    let jobs = r#"
[job.yields]
delay   = { constant = "1h" }
command = { shell = "[ $STEADFAST_ATTEMPT -ge 4 ] || exit 75" }

[job.missing]
command = { run = ["no-such-program"] }
"#;
    let desk = Desk::new().with("jobs/all.toml", jobs);
    assert_eq!(desk.say(&["serve", "jobs", "--until-idle"]).code, 1);
    insta::assert_snapshot!(steady(&desk.transcript(&[&["ps"], &["why", "yields", "--all"]])));
}

#[test]
fn a_run_that_came_after_another_names_it_and_not_itself() {
    let jobs = "[job.one.command]\nrun = [\"true\"]\n[job.two]\nafter = [\"one\"]\ncommand = { run = [\"true\"] }\n";
    let desk = Desk::new().with("jobs/all.toml", jobs);
    assert_eq!(desk.say(&["serve", "jobs", "--until-idle"]).code, 0);
    let said = desk.say(&["show", "two"]).out;
    assert!(said.contains(" (after one)\n"), "{said}");
    let said = desk.say(&["show", "one"]).out;
    assert!(said.contains(" (pending, by serve --until-idle)\n"), "{said}");
}

const DECLARED: &str = r#"
[job.hourly]
about    = "every hour"
schedule = { every = "1h" }
[job.hourly.command]
run = ["true"]

[job.yearly]
schedule = { cron = "0 0 1 1 *" }
[job.yearly.command]
run = ["true"]

[job.by-hand.parameters]
secs = { default = "0" }
[job.by-hand.command]
run = ["sleep", "{secs}"]
"#;

#[test]
fn jobs_are_what_the_daemon_has_loaded() {
    let desk = Desk::new().with("jobs/all.toml", DECLARED);
    let _serving = Serving::begin(&desk);
    assert_eq!(desk.say(&["start", "by-hand", "--wait"]).code, 0);
    assert_eq!(desk.say(&["run", "--", "true"]).code, 0);
    assert_eq!(desk.say(&["hold", "yearly"]).code, 0);
    assert_eq!(desk.say(&["wait", "hourly"]).code, 0);
    let told = desk.transcript(&[
        &["jobs", "list"],
        &["jobs", "show", "by-hand"],
        &["jobs", "show", "by-hnd"],
        &["jobs", "next", "hourly", "-n", "2"],
        &["jobs", "next", "by-hand"],
        &["jobs", "list", "-f", "jobs"],
        &["start", "by-hand", "-p", "sec=3"],
    ]);
    let days = regex::Regex::new("(Mon|Tue|Wed|Thu|Fri|Sat|Sun) TIME").unwrap();
    insta::assert_snapshot!(days.replace_all(&steady(&told), "DAY TIME"));
    let page: serde_json::Value = serde_json::from_str(&desk.say(&["jobs", "list", "--json"]).out).unwrap();
    let names: Vec<&str> = page["jobs"].as_array().unwrap().iter().map(|job| job["job"].as_str().unwrap()).collect();
    assert_eq!(names, ["by-hand", "hourly", "yearly"], "commands on terminals are no jobs");
}

#[test]
fn what_changes_something_speaks_json() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let _serving = Serving::begin(&desk);
    desk.say(&["start", "quick", "--wait"]);
    let json = |arguments: &[&str], code: i32| {
        let said = desk.say(arguments);
        assert_eq!((said.code, said.err.as_str()), (code, ""), "{arguments:?}");
        serde_json::from_str::<serde_json::Value>(&said.out).unwrap()
    };
    assert_eq!(json(&["retry", "1", "--json"], 0)[0]["runs"], serde_json::json!([2]));
    assert_eq!(desk.say(&["wait", "2"]).code, 0);
    let cancelled = json(&["cancel", "2", "99", "--json"], 4);
    assert_eq!((&cancelled[0]["done"], &cancelled[1]["problem"]["code"]), (&false.into(), &"not-found".into()));
    assert_eq!(json(&["hold", "quick", "--json"], 0)[0]["sentence"], "job quick is held");
    assert_eq!(json(&["release", "quick", "--json"], 0)[0]["done"], true);
    assert_eq!(json(&["daemon", "reload", "--json"], 0)["difference"], "nothing changed");
}

#[test]
fn what_the_daemon_logs_is_changed_while_it_runs() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let _serving = Serving::begin(&desk);
    let told = desk.transcript(&[
        &["daemon", "log-level"],
        &["daemon", "log-level", "debug", "--writer", "files"],
        &["daemon", "log-level", "loud"],
        &["daemon", "log-level", "--writer", "files"],
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn without_a_daemon_what_waits_waits_for_one() {
    let jobs = "[job.slow]\ndelay = { constant = \"1h\" }\ncommand = { run = [\"false\"] }\n";
    let desk = Desk::new().with("jobs/all.toml", jobs);
    let serving = Serving::begin(&desk);
    desk.say(&["start", "slow"]);
    until(&desk, &["ps"], "waiting");
    drop(serving);
    let mut said = desk.say(&["ps"]).out;
    assert!(said.starts_with("daemon: none runs; start `steadfast serve`\n"), "{said}");
    said = desk.say(&["show", "slow"]).out;
    assert!(said.starts_with("daemon: none runs; start `steadfast serve`\n"), "{said}");
    said = desk.say(&["why", "slow"]).out;
    assert!(said.contains("waits  daemon") && said.contains("none runs; start `steadfast serve`"), "{said}");
}

#[test]
fn a_backup_is_made_beside_a_daemon() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let _serving = Serving::begin(&desk);
    assert_eq!(desk.say(&["start", "quick", "--wait"]).code, 0);
    std::fs::create_dir_all(desk.path("copy")).unwrap();
    let said = desk.say(&["store", "backup", "copy/store.db"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let said = desk.say(&["--state", "copy", "store", "verify"]);
    assert_eq!((said.code, said.out.as_str()), (0, "ok: 1 run folded again, and all as recorded\n"), "{}", said.err);
}

#[test]
fn a_running_run_is_followed_and_cancelled() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let _serving = Serving::begin(&desk);
    desk.say(&["start", "long"]);
    let mut follow =
        desk.command(&["logs", "long", "-f"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "working");
    assert_eq!(desk.say(&["wait", "1", "--timeout", "0s"]).code, 75);
    assert_eq!(desk.say(&["cancel", "1"]).out, "run 1 is being cancelled\n");
    assert!(lines.next().is_none(), "following ends with the run");
    assert_eq!(follow.wait().unwrap().code(), Some(0));
    let said = desk.say(&["wait", "1", "--timeout", "20s"]);
    assert!(said.code == 1 && said.out.contains("cancelled"), "{}", said.out);
}

/// Waits until a command says something.
pub(super) fn until(desk: &Desk, arguments: &[&str], sign: &str) -> String {
    let begun = std::time::Instant::now();
    loop {
        let said = desk.say(arguments);
        if said.out.contains(sign) {
            return said.out;
        }
        assert!(begun.elapsed().as_secs() < 30, "`{sign}` never came: {}{}", said.out, said.err);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_run_on_a_terminal_is_written_down_by_the_daemon() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let _serving = Serving::begin(&desk);
    assert_eq!(desk.say(&["start", "quick", "--wait"]).code, 0);
    let script = "echo try $STEADFAST_ATTEMPT; [ $STEADFAST_ATTEMPT -ge 2 ]";
    let said = desk.say(&["run", "--delay", "10ms", "--name", "mine", "--", "sh", "-c", script]);
    assert_eq!((said.code, said.out.as_str()), (0, "try 1\ntry 2\n"));
    assert!(!said.err.contains("recorded"), "{}", said.err);
    assert_eq!(desk.say(&["start", "quick", "--wait"]).code, 0);
    let told = desk.transcript(&[
        &["ps", "--newest"],
        &["why", "@mine"],
        &["logs", "@mine", "--all"],
        &["events", "--run", "2"],
        &["cancel", "@mine"],
        &["retry", "@mine"],
        &["store", "verify"],
    ]);
    insta::assert_snapshot!(steady(&told));
}

#[test]
fn a_run_on_a_terminal_is_ended_by_the_daemon_when_its_process_is_killed() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let _serving = Serving::begin(&desk);
    let mut child = desk
        .command(&["run", "--name", "mine", "--", "sh", "-c", "echo $$; exec sleep 300"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let orphan = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    until(&desk, &["ps"], "running");
    for refused in [["cancel", "1"], ["hold", "1"], ["retry", "1"]] {
        let said = desk.say(&refused);
        assert!(said.code == 5 && said.err.contains("belongs to a command on a terminal"), "{}", said.err);
    }
    let why = desk.say(&["why", "1"]).out;
    assert!(!why.contains("waits"), "a daemon knows nothing that such a run waits for: {why}");
    child.kill().unwrap();
    child.wait().unwrap();
    let told = until(&desk, &["why", "1"], "gave-up");
    assert!(told.contains("interrupted"), "{told}");
    assert_eq!(desk.say(&["store", "verify"]).code, 0);
    kill_process(orphan.trim().parse().ok().and_then(Pid::from_raw).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn a_run_on_a_terminal_outlives_the_daemon_that_writes_it_down() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    // Between two attempts it waits for a file, so that a daemon can be killed and another begin meanwhile.
    let script = "echo try $STEADFAST_ATTEMPT; while [ ! -e go$STEADFAST_ATTEMPT ]; do sleep 0.02; done; [ -e go3 ]";
    let options = ["run", "--delay", "0s", "-n", "9", "--", "sh", "-c", script];
    let mut serving = Serving::begin(&desk);
    let mut child = desk.command(&options).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "try 1");
    serving.child.kill().unwrap();
    serving.child.wait().unwrap();
    std::fs::write(desk.path("go1"), "").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "try 2", "the store is written to without a daemon");
    until(&desk, &["show", "1"], "exit-nonzero");
    let serving = (std::mem::forget(serving), Serving::begin(&desk)).1;
    std::fs::write(desk.path("go2"), "").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "try 3", "and the next daemon is asked");
    std::fs::write(desk.path("go3"), "").unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !err.contains("record"), "{err}");
    let told = desk.say(&["ps"]).out;
    assert!(told.contains("succeeded") && told.contains('3'), "{told}");
    let said = desk.say(&["store", "verify"]);
    assert_eq!(said.code, 0, "{}", said.out);
    drop(serving);
}

#[test]
fn a_run_whose_process_was_killed_is_lost_and_never_started_by_a_daemon() {
    let desk = Desk::new().with("jobs/all.toml", "[group.none]\nslots = 1\n");
    let mut child = desk
        .command(&["run", "--name", "mine", "--", "sh", "-c", "echo $$ >> starts; echo began; exec sleep 300"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "began");
    // While its process lives, a daemon that comes and goes leaves the run alone.
    assert_eq!(desk.say(&["serve", "jobs", "--until-idle"]).code, 0);
    assert!(desk.say(&["ps"]).out.contains("running"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(desk.say(&["serve", "jobs", "--until-idle"]).code, 0);
    let said = desk.say(&["why", "1"]);
    assert!(said.out.contains("gave-up") && said.out.contains("interrupted"), "{}", said.out);
    let starts = std::fs::read_to_string(desk.path("starts")).unwrap();
    assert_eq!(starts.lines().count(), 1, "nobody started it again");
    let orphan = starts.trim().parse().ok().and_then(Pid::from_raw).unwrap();
    kill_process(orphan, Signal::KILL).unwrap();
}

#[test]
fn a_job_that_never_ran_is_told_as_far_as_it_is_known() {
    let desk = Desk::new().with("jobs/all.toml", DECLARED);
    let _serving = Serving::begin(&desk);
    let said = desk.say(&["why", "yearly"]);
    let waits = said.out.contains("its schedule starts it next at") && !said.out.contains("Z,");
    assert!(said.code == 0 && waits && said.err.contains("steadfast start yearly"), "{}{}", said.out, said.err);
    assert_eq!(desk.say(&["hold", "yearly"]).code, 0);
    assert!(desk.say(&["why", "yearly"]).out.contains("it is held: nothing of it begins"));
    let said = desk.say(&["why", "yearlyy"]);
    assert!(said.code == 4 && said.err.contains("help: "), "{}", said.err);
}

#[test]
fn what_is_unknown_is_told_with_what_there_is() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let _serving = Serving::begin(&desk);
    for (arguments, help) in [
        (["hold", "quik"], "help: did you mean `quick`?"),
        (["release", "nope"], "help: there are: bad, long, quick"),
        (["cancel", "99"], "help: `steadfast ps` lists runs"),
        (["hold", "99"], "help: `steadfast ps` lists runs"),
    ] {
        let said = desk.say(&arguments);
        assert!(said.code == 4 && said.err.contains(help), "{arguments:?}: {}", said.err);
    }
}
