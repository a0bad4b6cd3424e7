//! The runs of a sweep are told apart, and every run says what it runs.

use serde_json::{Value, json};

use super::daemon::Serving;
use super::transcript::{Desk, steady};

const JOBS: &str = r#"
[job.sweep]
policy     = "once"
matrix     = { lr = ["1e-3", "3e-3"], seed = [1, 2] }
parameters = { note = { default = "it's" } }
command    = { run = ["echo", "--lr={lr}", "{seed}", "{note} of {run}", "{attempt}", "{{}}"] }

[job.script]
policy  = "once"
command = { shell = """
for i in 1 2; do
  echo $i
done
""" }
"#;

#[test]
fn runs_of_a_sweep_are_told_apart_and_say_what_they_run() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let _serving = Serving::begin(&desk);
    let waited = desk.say(&["start", "sweep", "--wait", "-q"]);
    let third = "run 3 of sweep lr=3e-3 seed=1: succeeded, 1 attempt";
    assert!(waited.code == 0 && waited.out.lines().any(|line| line == third), "{}{}", waited.out, waited.err);
    assert_eq!(desk.say(&["start", "script", "--wait", "-q"]).code, 0);
    desk.say(&["run", "--name", "mine", "--", "sh", "-c", "exit 0"]);
    let told = desk.transcript(&[&["ps", "--newest"], &["show", "2"], &["show", "script"], &["show", "@mine"]]);
    insta::assert_snapshot!(steady(&told));
    let json = |arguments: &[&str]| serde_json::from_str::<Value>(&desk.say(arguments).out).unwrap();
    let shown = json(&["show", "2", "--json"]);
    let point = json!({ "lr": "1e-3", "seed": "2" });
    assert_eq!((&shown["matrix"], &json(&["ps", "--newest", "--json"])["runs"][4]["matrix"]), (&point, &point));
    // What is shown can be typed again.
    assert_eq!(shown["command"], r"echo --lr=1e-3 2 'it'\''s of 2' '{attempt}' '{}'");
    assert_eq!(json(&["show", "@mine", "--json"])["command"], "sh -c 'exit 0'");
}
