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
    let logs = || -> Vec<String> {
        let entries = std::fs::read_dir(desk.path("state/logs")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert!(logs().iter().any(|name| name.starts_with("2-")), "{:?}", logs());
    let said = desk.say(&["store", "prune", "--older-than", "0s", "--json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&said.out).unwrap()["runs"], 1);
    assert!(!logs().iter().any(|name| name.starts_with("2-")), "{:?}", logs());
    assert!(logs().iter().any(|name| name.starts_with("1-")), "the newest run of its job is kept whole");
    assert_eq!(desk.say(&["show", "2"]).code, 4);
    assert_eq!(desk.say(&["show", "3"]).code, 0);
    for _ in 0..2 {
        desk.say(&["run", "--name", "fine", "--", "true"]);
    }
    let said = desk.say(&["store", "prune", "--older-than", "0s"]);
    let told =
        regex::Regex::new("^deleted 2 runs with [0-9]+ files of output, and [0-9]+ lines of the journal\n$").unwrap();
    assert!(told.is_match(&said.out), "{}", said.out);
}

#[test]
fn every_face_says_the_same_of_how_long_an_attempt_ran() {
    let desk = Desk::new().with("jobs/all.toml", "[job.nap.command]\nrun = [\"sleep\", \"0.2\"]\n");
    assert_eq!(desk.say(&["serve", "jobs", "--until-idle"]).code, 0);
    let json = |arguments: &[&str]| serde_json::from_str::<serde_json::Value>(&desk.say(arguments).out).unwrap();
    let show = json(&["show", "1", "--json"]);
    let attempt = &show["attempts"][0];
    let took = attempt["usage"]["took_seconds"].as_f64().unwrap();
    assert_eq!((attempt["seconds"].as_f64(), show["worked_seconds"].as_f64()), (Some(took), Some(took)));
    let trace = json(&["trace", "1", "--json"]);
    let pieces = trace["root"]["children"].as_array().unwrap();
    let drawn = pieces.iter().find(|piece| piece["kind"] == "attempt").unwrap();
    assert_eq!(drawn["attributes"]["steadfast.attempt.ran"].as_f64(), Some(took));
    // What passed until the start was durable and the exit was heard of has a name of its own.
    let around = attempt["around_seconds"].as_f64().unwrap();
    let time = |key: &str| serde_json::from_value::<steadfast::store::view::Time>(drawn[key].clone()).unwrap();
    let whole = time("ended_at").since(time("began_at")).as_secs_f64();
    assert!((took + around - whole).abs() < 0.002, "{took} + {around} is not {whole}");
    assert!(desk.say(&["trace", "1"]).out.contains("to start and record"));
}

#[test]
fn nothing_is_cut_where_nobody_said_how_wide() {
    let desk = Desk::new();
    let line = format!("fatal: {} was refused", "a-very-long-word ".repeat(20).trim());
    desk.say(&["run", "-n", "1", "--", "sh", "-c", &format!("echo '{line}' >&2; exit 1")]);
    let unbounded = |arguments: &[&str]| {
        let output = desk.command(arguments).env_remove("COLUMNS").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for arguments in [&["ps"][..], &["why", "1"], &["show", "1"], &["events"], &["trace", "1"], &["explain"]] {
        let out = unbounded(arguments);
        assert!(!out.contains('…') && !out.is_empty(), "{arguments:?}: {out}");
    }
    // With a width, why goes on below.
    let narrow = desk.say(&["why", "1"]).out;
    assert!(!narrow.contains('…') && narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
}

#[test]
fn a_log_in_a_pipe_has_every_byte_that_was_written() {
    let desk = Desk::new();
    let all: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    std::fs::write(desk.path("bytes"), &all).unwrap();
    assert_eq!(desk.say(&["run", "--", "cat", "bytes"]).code, 0);
    assert!(desk.command(&["logs", "1"]).output().unwrap().stdout == all, "a pipe has the bytes as they were");
    let said = desk.say(&["logs", "1", "--json"]);
    let documents = said.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let hex: String = documents.map(|line| line["hex"].as_str().unwrap().to_owned()).collect();
    assert!(hex.starts_with("000102") && hex.len() == 600_000, "{}", hex.len());
}

#[test]
fn a_log_speaks_json_line_by_line() {
    let desk = after_two_runs();
    let said = desk.say(&["logs", "1", "--all", "--stream", "err", "--json"]);
    let lines: Vec<serde_json::Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<_> =
        lines.iter().map(|line| (line["piece"].clone(), line["stream"].clone(), line["text"].clone())).collect();
    let text = "read: Connection reset by peer\n";
    assert_eq!(seen, [("1".into(), "err".into(), text.into()), ("2".into(), "err".into(), text.into())]);
    assert!(lines.iter().all(|line| line["at"].is_string()) && said.err.is_empty(), "{}", said.err);
}

/// Says whether a check of the store found nothing, and over how many runs.
fn verified(desk: &Desk, arguments: &[&str]) -> u64 {
    let said = desk.say(&[arguments, &["store", "verify", "--json"]].concat());
    let found: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &found["wrong"]), (0, &serde_json::json!([])), "{}{}", said.out, said.err);
    found["runs"].as_u64().unwrap()
}

/// Jobs whose definitions hold places in files and words for people, which are no part of their names.
const JOBS: &str = r#"
[job.told]
about   = "a job with everything that a digest leaves out"
catch   = [ { class = "net-*", attempts = 4 } ]
finally = [ { on = "always", run = ["true"] } ]
[job.told.parameters]
since = { default = "now", help = "from when on" }
[job.told.command]
run = ["echo", "{since}"]
"#;

#[test]
fn a_store_of_jobs_and_of_commands_is_sound() {
    let desk = after_two_runs().with("jobs/all.toml", JOBS);
    assert_eq!(desk.say(&["serve", "jobs", "--until-idle"]).code, 0);
    assert_eq!(verified(&desk, &[]), 3);
    let rows = rusqlite::Connection::open(desk.path("state/store.db")).unwrap();
    let damage = "UPDATE documents SET body = replace(body, 'now', 'not') WHERE body LIKE '%from when on%'";
    assert_eq!(rows.execute(damage, ()).unwrap(), 1);
    let said = desk.say(&["store", "verify"]);
    assert!(said.code == 1 && said.out.contains("is not what it was"), "{}", said.out);
}

#[test]
fn what_belongs_to_somebody_else_is_denied_and_not_called_empty() {
    let desk = after_two_runs().with("jobs/all.toml", JOBS);
    // The folder is shut: nobody can even see whether a store is in it.
    let as_nobody = |arguments: &[&str]| {
        let plain = desk.command(arguments);
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(plain.get_program());
        command.args(plain.get_args()).current_dir("/").env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).output().unwrap()
    };
    let is_root = rustix::process::getuid().is_root();
    if !is_root || !as_nobody(&["--version"]).status.success() {
        eprintln!("skipped: only root with setpriv, and a program that others may run, can ask as somebody else");
        return;
    }
    let jobs = desk.path("jobs").display().to_string();
    for arguments in
        [&["ps"][..], &["why", "1"], &["store", "info"], &["cancel", "1"], &["daemon", "status"], &["serve", &jobs]]
    {
        let said = as_nobody(arguments);
        let err = String::from_utf8_lossy(&said.stderr).to_lowercase();
        assert_eq!(said.status.code(), Some(7), "{arguments:?}: {err}");
        assert!(err.contains("permi") && !err.contains("nothing has run"), "{arguments:?}: {err}");
    }
}

#[test]
fn a_backup_is_a_store_of_its_own() {
    let desk = after_two_runs();
    std::fs::create_dir_all(desk.path("copy")).unwrap();
    let said = desk.say(&["store", "backup", "copy/store.db"]);
    assert_eq!((said.code, said.out.as_str()), (0, "wrote copy/store.db\n"), "{}", said.err);
    assert_eq!(verified(&desk, &["--state", "copy"]), 2);
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(desk.path("copy/store.db")).unwrap());
    assert_eq!(mode & 0o777, 0o600, "a copy is nobody else's either");
    let said = desk.say(&["store", "backup", "copy/store.db"]);
    assert_eq!(said.code, 5, "a file that is there is left alone");
    assert!(said.err.starts_with("error: copy/store.db is there already"), "{}", said.err);
    std::fs::write(desk.path("copy/store.db"), "no store at all ".repeat(500)).unwrap();
    let said = desk.say(&["--state", "copy", "store", "verify"]);
    let (is_advice, is_circle) = (said.err.contains("put a backup in the place of"), said.err.contains("store verify"));
    assert_eq!((said.code, is_advice, is_circle), (1, true, false), "{}", said.err);
}

#[test]
fn the_doctor_names_what_it_looked_at() {
    let desk = after_two_runs();
    let said = desk.say(&["doctor"]);
    for about in ["clock", "kernel", "cgroup", "sqlite", "state", "disk", "space", "store", "daemon", "service"] {
        let is_graded = |line: &str| ["ok ", "warn ", "fail "].iter().any(|grade| line.starts_with(grade));
        assert!(said.out.lines().any(|line| line.contains(about) && is_graded(line)), "{about}: {}", said.out);
    }
    assert!(!said.out.contains("decisions"), "{}", said.out);
    // What a daemon writes that decides otherwise than the one before it.
    let rows = rusqlite::Connection::open(desk.path("state/store.db")).unwrap();
    let select =
        "INSERT INTO journal (at, kind, run, body) SELECT at, 'diverged', run, body FROM journal WHERE run = 1 LIMIT 1";
    assert_eq!(rows.execute(select, ()).unwrap(), 1);
    drop(rows);
    let said = desk.say(&["doctor"]);
    let told = said.out.lines().find(|line| line.contains("decisions")).unwrap_or(&said.out);
    assert!(
        told.starts_with("warn") && told.contains("run 1 went on") && said.out.contains("steadfast retry 1"),
        "{}",
        said.out
    );
    let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    std::fs::set_permissions(desk.path("state"), open).unwrap();
    assert!(desk.say(&["doctor"]).out.contains("help: chmod 700 /here/state"));
}

#[test]
fn where_nothing_was_started_the_list_is_empty() {
    let desk = Desk::new();
    let said = desk.say(&["ps", "--json"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&said.out).unwrap(), serde_json::json!({ "runs": [] }));
    let desk = desk.with("jobs/all.toml", "[group.none]\nslots = 1\n");
    assert_eq!(desk.say(&["serve", "jobs", "--until-idle"]).code, 0);
    let said = desk.say(&["ps"]);
    assert!(
        said.code == 0 && said.err.starts_with("nothing was started yet; next: steadfast jobs list"),
        "{}",
        said.err
    );
    desk.say(&["run", "--", "true"]);
    assert!(desk.say(&["ps", "ending:failed"]).err.starts_with("no run is like that"));
}

#[test]
fn a_long_list_goes_on_with_the_command_that_it_names() {
    let desk = Desk::new();
    (0..5).for_each(|_| assert_eq!(desk.say(&["run", "--name", "fine", "--", "true"]).code, 0));
    let runs = |arguments: &[&str]| {
        let said = desk.say(arguments);
        let first = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
        (said.out.lines().skip(1).map(first).collect::<Vec<_>>().join(" "), said.err)
    };
    let (page, more) = runs(&["ps", "-n", "2", "--newest", "job:@fine"]);
    assert_eq!((page.as_str(), more.as_str()), ("5 4", "there are more: steadfast ps -n 2 --before 4 'job:@fine'\n"));
    let (page, more) = runs(&["ps", "-n", "2", "--before", "4", "job:@fine"]);
    assert_eq!((page.as_str(), more.as_str()), ("3 2", "there are more: steadfast ps -n 2 --before 2 'job:@fine'\n"));
    assert_eq!(runs(&["ps", "-n", "2", "--before", "2", "job:@fine"]), ("1".to_owned(), String::new()));
    assert_eq!(runs(&["ps", "-n", "3"]).1, "there are more: steadfast ps -n 6\n");
}

#[test]
fn times_are_those_of_the_wall_and_name_their_zone() {
    let desk = after_two_runs();
    let at = |zone: &str, arguments: &[&str]| {
        let output = desk.command(arguments).env("TZ", zone).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for arguments in [&["show", "1"][..], &["trace", "1"]] {
        let (here, there) = (at("UTC", arguments), at("Asia/Shanghai", arguments));
        assert!(here.contains(" UTC") && there.contains(" CST") && !there.contains(" UTC"), "{here}{there}");
    }
    let opened = |out: String| serde_json::from_str::<serde_json::Value>(&out).unwrap()["opened_at"].clone();
    let json = &["show", "1", "--json"];
    assert_eq!(opened(at("Asia/Shanghai", json)), opened(at("UTC", json)), "programs get UTC");
}

#[test]
fn a_finalizer_has_one_name_everywhere() {
    let jobs =
        "[job.told]\nfinally = [{ on = \"always\", run = [\"echo\", \"bye\"] }]\ncommand = { run = [\"true\"] }\n";
    let desk = Desk::new().with("jobs/all.toml", jobs);
    let served = desk.say(&["serve", "jobs", "--until-idle"]);
    for (arguments, said) in
        [("serve", served.err), ("show", desk.say(&["show", "1"]).out), ("trace", desk.say(&["trace", "1"]).out)]
    {
        assert!(said.contains("finalizer f0.1"), "{arguments}: {said}");
    }
    assert_eq!(desk.say(&["logs", "1#f0.1"]).out, "bye\n");
    assert!(desk.say(&["logs", "--help"]).out.contains("12#f0.1"));
}

#[test]
fn who_ran_a_command_is_known_without_a_variable() {
    let desk = Desk::new();
    assert!(desk.command(&["run", "--", "true"]).env_remove("USER").status().unwrap().success());
    let by = serde_json::from_str::<serde_json::Value>(&desk.say(&["show", "1", "--json"]).out).unwrap()["by"].clone();
    assert!(by != "somebody" && by.as_str().is_some_and(|by| !by.is_empty()), "{by}");
}
