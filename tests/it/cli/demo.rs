use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::transcript::Desk;

/// The column of what happened, by job.
fn happened<'t>(table: &'t str, job: &str) -> &'t str {
    let line = table.lines().find(|line| line.split_whitespace().any(|word| word == job)).unwrap_or_default();
    line.split_once(job).map_or("", |(_, rest)| rest.trim())
}

#[test]
fn the_demo_tells_what_the_journal_says_and_shows_it_again() {
    let desk = Desk::new();
    let wide = |arguments: &[&str]| {
        let output = desk.command(arguments).env_remove("COLUMNS").output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, err) = wide(&["demo"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(happened(&out, "flaky").contains("net-reset twice, then succeeded at attempt 3"), "{out}");
    assert!(happened(&out, "hopeless").contains("not-found, then stopped by rule 1"), "{out}");
    assert!(happened(&out, "training").contains("begins at step 900 of 1200"), "{out}");
    assert!(out.contains("written by a finalizer  job report ended: succeeded\n"), "{out}");
    let digests: Vec<&str> =
        out.lines().filter_map(|line| line.strip_prefix("weights of ")?.split_whitespace().nth(1)).collect();
    assert!(digests.len() == 2 && digests[0] == digests[1] && digests[0].len() == 16, "{out}");
    // The commands that look further are those of this very program, and find what they promise.
    let line = out.lines().find(|line| line.contains(" logs ")).unwrap();
    assert!(line.trim().starts_with(env!("CARGO_BIN_EXE_steadfast")), "it is not on the path: {line}");
    let logs = wide(&["logs", "training", "--all"]).1;
    assert!(logs.contains("crashes at step 450\nbegins at step 400") && logs.contains(digests[0]), "{logs}");
    // Once more: nothing is started, and what is there is judged as it is now.
    let (code, again, _) = wide(&["demo"]);
    assert!(code == Some(0) && again.contains("holds a demo already"), "{again}");
    assert_eq!(happened(&again, "killed"), happened(&out, "killed"));
    std::fs::write(desk.path("state/demo/training.ckpt"), "step 1200\nbroken\n").unwrap();
    let (code, out, err) = wide(&["demo"]);
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(err.contains("`training` left no whole weights") && out.contains("none that are whole"), "{out}{err}");
    let of_other = std::fs::read_to_string(desk.path("state/demo/undisturbed.ckpt")).unwrap();
    let digit = if of_other.ends_with("0\n") { "1\n" } else { "0\n" };
    std::fs::write(desk.path("state/demo/training.ckpt"), of_other[..of_other.len() - 2].to_owned() + digit).unwrap();
    let (code, _, err) = wide(&["demo"]);
    assert!(code == Some(1) && err.contains("the weights differ"), "one bit is enough: {err}");
}

#[test]
fn a_demo_that_goes_otherwise_says_what_and_fails() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("empty")).unwrap();
    // The folder's name tries what a shell, a job and TOML each take for something else. Without `sleep` the job that was to run into its time limit is missing its program.
    let output =
        desk.command(&["demo", "--state", "it's {job} \"$1\""]).env("PATH", desk.path("empty")).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert!(
        err.contains("error: the demo did not go as it was meant to\n  slow: meant were timeout, timeout"),
        "{err}"
    );
    assert!(out.contains("start-not-found, then stopped"), "{out}");
    assert_eq!(err.lines().filter(|line| line.starts_with("  ")).count(), 1, "all else went as it was meant to: {err}");
}

#[test]
fn a_demo_wants_a_folder_of_its_own() {
    let desk = Desk::new().with("state/mine", "of somebody");
    let said = desk.say(&["demo"]);
    assert_eq!((said.code, said.out.as_str()), (5, ""));
    assert!(
        said.err.contains("`/here/state` holds something else") && said.err.contains("help: name a new one"),
        "{}",
        said.err
    );
    assert_eq!(std::fs::read_dir(desk.path("state")).unwrap().count(), 1);
}

#[test]
fn a_demo_that_is_stopped_says_what_is_not_finished() {
    let desk = Desk::new();
    let mut child = desk.command(&["demo"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    // The one job whose first end is seconds away is under way once another has ended.
    assert!(lines.by_ref().any(|line| line.contains("hopeless") && line.contains("over")));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let last = lines.last().unwrap();
    assert!(last.starts_with("stopped; not finished: ") && last.contains("slow") && last.contains("report"), "{last}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
