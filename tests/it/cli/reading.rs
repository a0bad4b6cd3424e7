use super::transcript::{Desk, steady};

fn after_two_runs() -> Desk {
    let desk = Desk::new();
    let reset = "echo hi; echo 'read: Connection reset by peer' >&2; exit 9";
    desk.say(&["run", "-n", "2", "--delay", "10ms", "--name", "fetch", "--", "sh", "-c", reset]);
    desk.say(&["run", "--name", "fine", "--", "sh", "-c", "printf 'one\\ntwo\\nthree\\n'"]);
    desk
}

#[test]
fn runs_of_a_terminal_are_written_down_and_read_again() {
    let desk = after_two_runs();
    let told = desk.transcript(&[
        &["ps"],
        &["ps", "ending:failed"],
        &["ps", "sate:running"],
        &["show", "1"],
        &["show", "1#2"],
        &["show", "@fine"],
        &["why", "1"],
        &["why", "@fetch", "--all"],
        &["logs", "1"],
        &["logs", "1#1", "--stream", "err"],
        &["logs", "@fine", "--tail", "2"],
        &["events", "--run", "2"],
        &["trace", "1"],
        &["wait", "2"],
        &["wait", "1"],
    ]);
    insta::assert_snapshot!(steady(&told));
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let desk = Desk::new();
    insta::assert_snapshot!("before-the-first-run", desk.transcript(&[&["ps"], &["store", "info"], &["start", "x"]]));
    let desk = after_two_runs();
    insta::assert_snapshot!(
        "after-two-runs",
        desk.transcript(&[
            &["show", "9"],
            &["show", "1#7"],
            &["show", "@fetsh"],
            &["logs", "1#9"],
            &["logs", "1#x"],
            &["cancel", "1"],
            &["daemon", "status"],
        ])
    );
}

#[test]
fn reading_commands_speak_json() {
    let desk = after_two_runs();
    for arguments in [
        &["ps", "--json"][..],
        &["show", "1", "--json"],
        &["show", "1#1", "--json"],
        &["why", "1", "--json"],
        &["trace", "1", "--json"],
        &["wait", "2", "--json"],
        &["store", "info", "--json"],
        &["doctor", "--json"],
    ] {
        let said = desk.say(arguments);
        let read = serde_json::from_str::<serde_json::Value>(&said.out);
        assert!(read.is_ok(), "{arguments:?}: {}{}", said.out, said.err);
    }
    let events = desk.say(&["events", "--json"]).out;
    assert!(events.lines().count() > 8);
    assert!(events.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}

#[test]
fn old_runs_are_pruned_and_the_newest_kept() {
    let desk = after_two_runs();
    desk.say(&["run", "--name", "fine", "--", "true"]);
    let said = desk.say(&["store", "prune", "--older-than", "0s", "--json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&said.out).unwrap()["runs"], 1);
    assert_eq!(desk.say(&["show", "2"]).code, 4);
    assert_eq!(desk.say(&["show", "3"]).code, 0);
}

#[test]
fn the_doctor_names_what_it_looked_at() {
    let desk = after_two_runs();
    let said = desk.say(&["doctor"]);
    for about in ["clock", "kernel", "cgroup", "sqlite", "state", "disk", "space", "store", "daemon", "service"] {
        let is_graded = |line: &str| ["ok ", "warn ", "fail "].iter().any(|grade| line.starts_with(grade));
        assert!(said.out.lines().any(|line| line.contains(about) && is_graded(line)), "{about}: {}", said.out);
    }
    let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    std::fs::set_permissions(desk.path("state"), open).unwrap();
    assert!(desk.say(&["doctor"]).out.contains("help: chmod 700 /here/state"));
}
