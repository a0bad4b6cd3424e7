//! What every `--json` looks like: docs/json.md promises these shapes. Times, ids and measured numbers are others each time.

use serde_json::Value;

use super::daemon::Serving;
use super::transcript::{Desk, steady};

const JOBS: &str = r#"
[policy.mine]
extends = "http"
loop    = { attempts = 4, deadline = "1h" }

[job.grid]
about      = "a sweep"
matrix     = { lr = ["1e-3", "3e-3"], seed = [1, 2] }
parameters = { to = { default = "x" } }
policy     = "mine"
command    = { run = ["echo", "{lr} {seed}", "it's"] }

[job.hourly]
schedule = { cron = "0 * * * *" }
command  = { shell = "exit 3" }
policy   = "once"

[class.shaky]
kind  = "transient"
means = "a test that fails now and then"
when  = [{ exit = 9 }]
"#;

/// Runs a command with `--json` and returns what it answers.
fn answer(desk: &Desk, command: &str) -> Value {
    let words: Vec<&str> = command.split(' ').chain(["--json"]).collect();
    let said = desk.say(&words);
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{command}: {error}: {}{}", said.out, said.err))
}

/// The answers to several commands, with numbers that are measured left out.
fn answers(desk: &Desk, commands: &[&str]) -> String {
    let told = commands.iter().map(|command| {
        let mut answer = answer(desk, command);
        leave_out(&mut answer);
        format!("$ steadfast {command} --json\n{}\n", serde_json::to_string_pretty(&answer).unwrap())
    });
    steady(&told.collect::<Vec<_>>().join("\n"))
}

fn leave_out(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let is_measured = key.ends_with("bytes") || key == "pid" || key == "dice" || key == "engine";
                let is_taken = ["took_seconds", "cpu_seconds", "seconds", "around_seconds", "worked_seconds"];
                let is_random = key == "token" || key == "key" || key.starts_with("steadfast.") || key == "process.pid";
                if (is_measured || is_random || is_taken.contains(&key.as_str())) && !value.is_object() {
                    *value = format!("[{}]", if value.is_string() { "text" } else { "number" }).into();
                } else {
                    leave_out(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn answers_about_policies_keep_their_shape() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let told = [
        "policy show mine -f jobs",
        "policy plot mine -f jobs -n 2",
        "policy forecast mine -f jobs --outcomes 503,503@2m,lost,ok",
        "policy match mine -f jobs --http 429 --retry-after 2m",
        "policy match mine -f jobs --class shaky",
        "explain shaky -f jobs",
        "explain STEADFAST_RUN_ID",
        "explain SF0102",
    ];
    insta::assert_snapshot!(answers(&desk, &told));
    let policies = answer(&desk, "policy list -f jobs");
    let mine = policies["policies"].as_array().unwrap().iter().find(|policy| policy["name"] == "mine").unwrap();
    assert_eq!(*mine, answer(&desk, "policy show mine -f jobs")["policy"], "one shape in the list and alone");
    let classes = answer(&desk, "explain -f jobs");
    let shaky = classes["classes"].as_array().unwrap().iter().find(|class| class["name"] == "shaky").unwrap();
    assert_eq!(*shaky, answer(&desk, "explain shaky -f jobs")["class"]);
}

#[test]
fn answers_about_jobs_have_one_shape_with_and_without_a_daemon() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    let _serving = Serving::begin(&desk);
    let commands = ["jobs list -f jobs", "jobs show grid -f jobs", "jobs next -n 1 -f jobs"];
    insta::assert_snapshot!(answers(&desk, &commands));
    for command in commands {
        let mut loaded = answer(&desk, &command.replace(" -f jobs", ""));
        let mut declared = answer(&desk, command);
        // A daemon knows besides what came of a job, and when it begins it next.
        for (answer, besides) in [(&mut loaded, 2), (&mut declared, 1)] {
            for job in answer["jobs"].as_array_mut().into_iter().flatten() {
                let known = ["due_at", "past"].map(|key| job.as_object_mut().unwrap().remove(key));
                assert!(known.iter().flatten().count() <= besides, "{command}: {known:?}");
            }
        }
        assert_eq!(loaded, declared, "{command}");
    }
}

#[test]
fn answers_about_files_and_the_store_keep_their_shape() {
    let desk = Desk::new().with("jobs/all.toml", JOBS).with("bad/all.toml", "[job.a]\nrun = 1\n");
    desk.say(&["run", "-n", "2", "--delay", "10ms", "--name", "mine", "--", "sh", "-c", "exit 3"]);
    let told = [
        "check jobs",
        "check bad",
        "store info",
        "store verify",
        "store backup copy.db",
        "events",
        "trace 1",
        "why 1",
        "store prune --older-than 1d",
    ];
    // A stream is one document on each line.
    let one = |command: &&str| match *command {
        "events" => {
            let said = desk.say(&["events", "--run", "1", "--json"]);
            let lines = said.out.lines().map(|line| {
                let mut event: Value = serde_json::from_str(line).unwrap();
                leave_out(&mut event);
                event.to_string()
            });
            steady(&format!("$ steadfast events --run 1 --json\n{}\n", lines.collect::<Vec<_>>().join("\n")))
        }
        command => answers(&desk, &[command]),
    };
    insta::assert_snapshot!(told.iter().map(one).collect::<Vec<_>>().join("\n"));
    let findings = answer(&desk, "doctor");
    for finding in findings["findings"].as_array().unwrap() {
        assert!(finding["about"].is_string() && finding["sentence"].is_string(), "{finding}");
        assert!(["ok", "warn", "fail"].contains(&finding["grade"].as_str().unwrap()), "{finding}");
    }
}

#[test]
fn no_answer_has_numbers_that_readers_lose_or_keys_of_another_kind() {
    let desk = Desk::new().with("jobs/all.toml", JOBS);
    desk.say(&["run", "-n", "2", "--delay", "10ms", "--name", "mine", "--", "false"]);
    let commands =
        ["trace 1", "why 1", "show 1", "ps", "store info", "policy list", "jobs show grid -f jobs", "check jobs"];
    for command in commands {
        assert_plain(command, &answer(&desk, command));
    }
    for line in desk.say(&["events", "--json"]).out.lines() {
        assert_plain("events", &serde_json::from_str(line).unwrap());
    }
}

fn assert_plain(command: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                // The words of states and the names of OpenTelemetry are keys of tables and not of ours.
                let is_word = ["runs", "attributes"].contains(&key.as_str());
                assert!(!key.contains('-'), "{command}: the key {key}");
                if !is_word || !value.is_object() {
                    assert_plain(command, value);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| assert_plain(command, item)),
        Value::Number(number) => {
            assert!(number.as_u64().is_none_or(|number| number < 1 << 53), "{command}: {number} is beyond 2^53");
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
