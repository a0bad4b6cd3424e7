use super::transcript::Desk;

const JOBS: &str = r#"
[job.daily]
about    = "papers of the day"
schedule = { cron = "30 2 * * *", zone = "Europe/Berlin", jitter = "2m" }
policy   = "polite-http"
[job.daily.command]
run = ["fetch", "{job}"]

[job.sweep]
after  = ["daily"]
matrix = { lr = [1e-3, 3e-3], seed = [1, 2, 3] }
[job.sweep.command]
shell = "train"

[job.by-hand.parameters]
since = { required = true }
[job.by-hand.command]
run = ["fetch", "{since}"]
"#;

const BROKEN: &str = r#"
[job.one]
polcy = "http"
[job.one.command]
run = []

[policy.two]
loop = { atempts = 3, deadline = 90 }

[job.three]
schedule = { cron = "61 * * * *" }
[job.three.command]
shell = "x"
"#;

#[test]
fn jobs_are_listed_shown_and_due() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    insta::assert_snapshot!(desk.transcript(&[
        &["check", "jobs"],
        &["jobs", "list", "--file", "jobs"],
        &["jobs", "show", "sweep", "-f", "jobs"],
        &["jobs", "next", "-f", "jobs", "--from", "2026-03-27T12:00:00Z", "-n", "3"],
        &["jobs", "next", "sweep", "-f", "jobs"],
        &["jobs", "show", "dayly", "-f", "jobs"],
    ]));
}

#[test]
fn a_broken_file_is_told_in_one_go() {
    let desk = Desk::new().with("broken.toml", BROKEN);
    insta::assert_snapshot!(desk.transcript(&[
        &["check", "broken.toml"],
        &["check", "broken.toml", "--format", "github"],
        &["check", "gone"],
        &["run", "--file", "broken.toml", "--exit-code", "steadfast", "--", "true"],
    ]));
}

#[test]
fn check_speaks_json() {
    let desk = Desk::new().with("broken.toml", BROKEN).with("jobs/all.toml", JOBS);
    let answer = |path: &str| {
        let said = desk.say(&["check", path, "--json"]);
        (said.code, serde_json::from_str::<serde_json::Value>(&said.out).unwrap())
    };
    let (code, broken) = answer("broken.toml");
    assert_eq!((code, &broken["ok"]), (3, &false.into()));
    assert!(broken["diagnostics"].as_array().unwrap().iter().any(|one| one["code"] == "SF0102" && one["line"] == 3));
    let (code, sound) = answer("jobs");
    assert_eq!((code, &sound["ok"], &sound["read"]["jobs"]), (0, &true.into(), &3.into()));
}

#[test]
fn a_first_file_is_written_once_and_is_sound() {
    let desk = Desk::new();
    insta::assert_snapshot!(desk.transcript(&[&["init"], &["init"], &["check", "jobs"]]));
}

#[test]
fn classes_keys_and_codes_are_explained() {
    let desk = Desk::new();
    insta::assert_snapshot!(desk.transcript(&[
        &["explain", "net-reset"],
        &["explain", "gpu-*"],
        &["explain", "schedule.jitter"],
        &["explain", "sf0102"],
        &["explain", "net-rest"],
        &["explain", "$STEADFAST_RUN_ID"],
        &["explain", "STEADFAST_PREV_STP"],
    ]));
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    let desk = Desk::new();
    let mut command = desk.command(&["schema"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output =
        command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn colours_are_only_where_they_are_wanted() {
    let desk = Desk::new();
    let with = |name: &str, value: &str, arguments: &[&str]| {
        desk.command(arguments).env(name, value).output().unwrap().stdout.contains(&0x1b)
    };
    assert!(!with("TERM", "xterm", &["policy", "list"]), "a pipe shows none");
    assert!(with("TERM", "xterm", &["policy", "list", "--color", "always"]));
    assert!(with("CLICOLOR_FORCE", "1", &["policy", "list"]));
    assert!(!with("CLICOLOR_FORCE", "1", &["policy", "list", "--color", "never"]));
}

#[test]
fn only_files_that_are_read_are_written() {
    let desk = Desk::new();
    for name in ["models", "papers", "training"] {
        let said = desk.say(&["init", name]);
        assert!(said.code == 2 && said.err.contains(&format!("there is no template `{name}` yet")), "{}", said.err);
    }
    let said = desk.say(&["init", "nightly"]);
    assert!(said.code == 2 && said.err.contains("help: steadfast init nightly.toml"), "{}", said.err);
    assert!(["models", "papers", "training", "nightly"].iter().all(|name| !desk.path(name).exists()));
}

/// The list stands where the daemon's environment is read; the page that explains it is written by hand.
#[test]
fn what_jobs_inherit_is_told_in_full() {
    let source = include_str!("../../../src/daemon/awake.rs");
    let list = source.split_once("const INHERITED").unwrap().1.split_once("= [").unwrap().1.split_once(']').unwrap().0;
    let names: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    assert!(names.contains(&"PATH") && names.len() > 10, "{names:?}");
    let page = Desk::new().say(&["explain", "job.env"]).out;
    let told: Vec<&str> = page.split([' ', ',', ':', '\n']).collect();
    for name in names.into_iter().chain(["LC_*", "*_PROXY"]) {
        assert!(told.contains(&name), "{name} is inherited, and not told: {page}");
    }
}

#[test]
fn without_a_daemon_it_is_said_first_which_files_are_looked_at() {
    let desk = Desk::new();
    let said = desk.say(&["jobs", "list"]);
    assert!(
        said.code == 4 && said.err.starts_with("error: no daemon runs") && said.err.contains("help: "),
        "{}",
        said.err
    );
    let desk = desk.with("Cargo.toml", "[package]\nname = \"x\"\n").with("b.toml", JOBS);
    let said = desk.say(&["jobs", "list"]);
    let first = said.err.lines().next().unwrap();
    assert_eq!(first, "no daemon runs; looking at files of the current folder: Cargo.toml, b.toml");
    assert!(said.code == 3 && said.err.ends_with("files of jobs elsewhere are named with --file\n"), "{}", said.err);
}
