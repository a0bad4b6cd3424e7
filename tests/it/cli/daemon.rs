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
