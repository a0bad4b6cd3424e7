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
struct Serving<'d> {
    desk: &'d Desk,
    child: Child,
}

impl<'d> Serving<'d> {
    fn begin(desk: &'d Desk) -> Self {
        let mut command = desk.command(&["serve", "jobs", "--stop-jobs", "--slots", "2"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let loaded = lines.by_ref().map_while(Result::ok).any(|line| line.contains("jobs loaded"));
        assert!(loaded, "the daemon loads its jobs");
        // Whoever writes must find a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { desk, child }
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
        &["wait", "3", "--timeout", "10s"],
        &["cancel", "1", "99"],
        &["hold", "quick"],
        &["start", "quick", "--key", "mine"],
        &["start", "quick", "--key", "mine", "--json"],
        &["why", "quick"],
        &["wait", "4", "--timeout", "0s"],
        &["release", "quick"],
        &["wait", "4", "--timeout", "10s"],
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
fn until(desk: &Desk, arguments: &[&str], sign: &str) -> String {
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
