use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{PolicyErrors, PolicySet, Resolved};
use crate::{AttemptLimit, Class, Policy};

fn set(text: &str) -> PolicySet {
    PolicySet::parse(text, "p.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

fn policy(text: &str) -> Policy {
    set(text).get("x").unwrap_or_else(|errors| panic!("{errors}"))
}

fn resolved(text: &str) -> Resolved {
    set(text).resolve("x").unwrap_or_else(|errors| panic!("{errors}"))
}

/// Everything that is wrong with a text: of reading it, else of putting its policies together.
fn mistakes(text: &str) -> Vec<String> {
    let wrong = PolicySet::parse(text, "p.toml").and_then(|set| set.check());
    let errors = wrong.expect_err("the text is wrong").into_iter();
    errors.map(|error| error.to_string().replace("p.toml:", "")).collect()
}

#[track_caller]
fn refused(inside: &str, message: &str) {
    let told = mistakes(&format!("[policy.x]\n{inside}\n"));
    assert_eq!(told, [message], "{inside}");
}

#[test]
fn an_empty_table_is_the_default() {
    let empty = policy("[policy.x]\n");
    assert_eq!((empty.limits(), empty.delay()), (Policy::DEFAULT.limits(), Policy::DEFAULT.delay()));
    assert!(empty.catch().is_empty() && empty.finally().is_empty());
}

#[test]
fn every_key_reaches_the_policy() {
    let all = policy(
        r#"
        [policy.x]
        loop = { attempts = 8, deadline = "6h", attempt-timeout = "1m", attempt-min = "2s", interruptions = 5, ceiling = 40, free-guard = 4, without-progress = true, obey-server = "1h" }
        delay = { exponential = "2s", factor = 1.5, cap = "5m", jitter = 0.25 }
        catch = [
          { class = "http-busy", attempts = 30, obey-server = "2h" },
          { class = ["net-*", "timeout"], delay = { linear = "5s", cap = "1m", jitter = "equal" } },
          { class = "yielded", free = true, delay = { constant = "0s" } },
          { class = "auth-denied", stop = true },
        ]
        finally = [{ on = "failed", run = ["page", "{job}"], timeout = "2m", attempts = 1, delay = "9s" }]
        "#,
    );
    assert_eq!(
        serde_json::to_value(&all).expect("a policy is data"),
        serde_json::json!({
            "name": "x",
            "loop": {
                "attempts": { "at-most": 8 }, "deadline": "6h", "attempt-timeout": "1m", "attempt-min": "2s",
                "interruptions": 5, "ceiling": 40, "free-guard": 4, "without-progress": true, "obey-server": "1h",
            },
            "delay": {
                "shape": { "exponential": { "first": "2s", "factor": 1500 } }, "cap": "5m", "jitter": { "fraction": 250 },
            },
            "catch": [
                { "classes": ["http-busy"], "attempts": 30, "stops": false, "free": false, "obey-server": "2h", "origin": { "file": "p.toml", "line": 6 } },
                { "classes": ["net-*", "timeout"], "delay": { "shape": { "linear": "5s" }, "cap": "1m", "jitter": "equal" }, "stops": false, "free": false, "origin": { "file": "p.toml", "line": 7 } },
                { "classes": ["yielded"], "delay": { "shape": { "constant": "0s" }, "jitter": "none" }, "stops": false, "free": true, "origin": { "file": "p.toml", "line": 8 } },
                { "classes": ["auth-denied"], "stops": true, "free": false, "origin": { "file": "p.toml", "line": 9 } },
            ],
            "finally": [
                { "on": "failed", "run": ["page", "{job}"], "timeout": "2m", "attempts": 1, "delay": "9s", "origin": { "file": "p.toml", "line": 11 } },
            ],
        })
    );
}

#[test]
fn sub_tables_say_the_same_as_inline_ones() {
    let inline = "[policy.x]\nloop = { attempts = 4 }\ndelay = { list = [\"1s\", \"5s\"] }\n";
    let headed = "[policy.x.loop]\nattempts = 4\n[policy.x.delay]\nlist = [\"1s\", \"5s\"]\n";
    assert_eq!(policy(inline), policy(headed));
}

#[test]
fn attempts_are_a_number_or_a_word() {
    let endless = policy("[policy.x]\nloop = { attempts = \"unlimited\", ceiling = 50 }");
    assert_eq!(endless.limits().attempts, AttemptLimit::Unlimited);
    refused(
        "loop = { attempts = \"many\" }",
        "2:21: policy `x`: invalid type: string \"many\", expected a whole number of calls, the first included, or \"unlimited\"",
    );
}

#[test]
fn mixed_forms_say_what_they_expect_and_where() {
    for (inside, message) in [
        (
            "loop = { deadline = 90 }",
            "2:21: policy `x`: invalid type: integer `90`, expected a duration such as \"250ms\", \"30s\" or \"1h30m\"",
        ),
        (
            "loop = { deadline = \"90\" }",
            "2:21: policy `x`: `90` is no duration: a unit is missing; write for example \"250ms\", \"30s\", \"1h30m\" or \"2d\"",
        ),
        (
            "loop = { ceiling = -1 }",
            "2:20: policy `x`: invalid value: integer `-1`, expected a whole number from 0 to 4294967295",
        ),
        (
            "delay = { exponential = \"1s\", factor = 0.5 }",
            "2:40: policy `x`: 0.5 is no factor such as 2 or 1.5, at least 1, with at most three digits behind the point",
        ),
        (
            "delay = { exponential = \"1s\", factor = 1.2345 }",
            "2:40: policy `x`: 1.2345 is no factor such as 2 or 1.5, at least 1, with at most three digits behind the point",
        ),
        (
            "delay = { constant = \"1s\", jitter = 1.5 }",
            "2:37: policy `x`: 1.5 is no jitter, expected \"none\", \"full\", \"equal\" or a share from 0 to 1 such as 0.25, with at most three digits behind the point",
        ),
        (
            "delay = { list = [\"1s\", \"5\"] }",
            "2:25: policy `x`: `5` is no duration: a unit is missing; write for example \"250ms\", \"30s\", \"1h30m\" or \"2d\"",
        ),
        (
            "catch = [{ class = [\"net-*\", \"Net\"] }]",
            "2:30: policy `x`: `Net` is no class name: names are kebab-case, such as `net-reset`, patterns may hold `*`",
        ),
        ("catch = [{ attempts = 3 }]", "2:10: policy `x`: missing key `class`"),
        ("catch = [{ clas = \"net-*\" }]", "2:12: policy `x`: unknown key `clas`\nhelp: did you mean `class`?"),
    ] {
        refused(inside, message);
    }
}

#[test]
fn a_delay_has_one_shape_and_only_keys_that_it_uses() {
    for (inside, message) in [
        (
            "delay = { cap = \"1m\" }",
            "2:9: policy `x`: the delay has no shape\nhelp: give exactly one of constant, linear, exponential, fibonacci, decorrelated or list",
        ),
        (
            "delay = { linear = \"1s\", constant = \"2s\" }",
            "2:20: policy `x`: a delay has one shape, and here are `constant` and `linear`\nhelp: give exactly one of constant, linear, exponential, fibonacci, decorrelated or list",
        ),
        (
            "delay = { linear = \"1s\", factor = 2 }",
            "2:35: policy `x`: `factor` is not used by the shape `linear`\nhelp: leave `factor` out; beside `linear` may stand: cap, jitter",
        ),
        (
            "delay = { decorrelated = \"1s\", jitter = \"full\" }",
            "2:41: policy `x`: `jitter` is not used by the shape `decorrelated`\nhelp: leave `jitter` out; beside `decorrelated` may stand: cap",
        ),
        (
            "catch = [{ class = \"a\", delay = { constant = \"1s\", cap = \"2s\" } }]",
            "2:58: policy `x`: `cap` is not used by the shape `constant`\nhelp: leave `cap` out; beside `constant` may stand: jitter",
        ),
        (
            "delay = { list = [] }",
            "2:18: policy `x`: the list of delays is empty\nhelp: write for example [\"1s\", \"5s\", \"1m\"], whose last value repeats",
        ),
        (
            "delay = { exponential = \"10m\" }",
            "2:9: policy `x`: the first delay, 10m, is above the default cap of 5m\nhelp: set `cap` to at least 10m",
        ),
    ] {
        refused(inside, message);
    }
}

#[test]
fn a_policy_that_could_never_end_or_begin_is_refused_at_its_place() {
    for (inside, message) in [
        (
            "loop = { attempts = \"unlimited\" }",
            "2:21: policy `x`: `attempts`: unlimited attempts need a `deadline` or a `ceiling` of their own",
        ),
        (
            "loop = { attempt-min = \"2h\", deadline = \"1h\" }",
            "2:24: policy `x`: `attempt-min`: it is longer than the deadline, so no attempt could begin",
        ),
        (
            "catch = [\n{ class = \"a\", stop = true, attempts = 3 }]",
            "3:23: policy `x`: `stop`: a rule that stops the run needs no attempts, delay or free",
        ),
        (
            "finally = [{ on = \"always\", run = [] }]",
            "2:35: policy `x`: `run` names no program\nhelp: write the program and its arguments, such as [\"scripts/page.sh\", \"{job}\"]",
        ),
    ] {
        refused(inside, message);
    }
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let text = "[policy.a]\nextend = \"b\"\n[policy.b]\nloop = { atempts = 3 }\n[policy.C]\n[polic.d]\n";
    assert_eq!(
        mistakes(text),
        [
            "2:1: policy `a`: unknown key `extend`\nhelp: did you mean `extends`?",
            "4:10: policy `b`: unknown key `atempts`\nhelp: did you mean `attempts`?",
            "5:9: `C` is no policy name: names are kebab-case, such as `model-download`",
            "6:2: unknown key `polic`\nhelp: did you mean `policy`?",
        ]
    );
    let one_policy = "[policy.x]\ndelay = { cap = \"1m\" }\ncatch = [{ class = \"a\", attempts = 0 }]\n";
    assert_eq!(mistakes(one_policy).len(), 2, "both the delay and the rule are told");
}

const FAMILY: &str = r#"
[policy.http]
loop = { attempts = 5, deadline = "1h" }
delay = { linear = "1s" }
catch = [{ class = "http-*", attempts = 9 }]
finally = [{ on = "always", run = ["clean"] }]

[policy.x]
extends = "http"
loop = { attempts = 7 }
catch = [{ class = "http-busy", attempts = 30 }]
finally = [{ on = "failed", run = ["page"] }]
"#;

#[test]
fn a_child_is_laid_over_its_parent() {
    let Resolved { policy, origins } = resolved(FAMILY);
    assert_eq!(policy.limits().attempts, AttemptLimit::AtMost(7));
    assert_eq!(policy.limits().deadline, Some(core::time::Duration::from_secs(3600)), "kept from the parent");
    assert_eq!(policy.rule_for(&Class::known("http-busy")).expect("a rule").1.attempts, Some(30), "own rules first");
    let commands: Vec<&str> = policy.finally().iter().map(|finalizer| finalizer.run[0].as_str()).collect();
    assert_eq!(commands, ["clean", "page"], "finalizers are appended");
    let origins: Vec<String> = origins.iter().map(|(key, origin)| format!("{key} {}", origin.line)).collect();
    assert_eq!(
        origins,
        ["catch.1 11", "catch.2 5", "delay 4", "finally.1 6", "finally.2 12", "loop.attempts 10", "loop.deadline 3"]
    );
}

#[test]
fn a_child_replaces_the_delay_whole_and_may_drop_finalizers() {
    let text = FAMILY.replace("loop = { attempts = 7 }", "delay = { constant = \"3s\" }\ninherit-finally = false");
    let Resolved { policy, origins } = resolved(&text);
    assert_eq!(policy.delay().to_string(), "constant 3s");
    assert_eq!(policy.finally().len(), 1);
    assert_eq!(origins.get("finally.1").map(|origin| origin.line), Some(13));
    assert_eq!(origins.get("finally.2"), None, "dropped finalizers leave no place behind");
}

#[test]
fn circles_and_unknown_parents_are_told() {
    assert_eq!(
        mistakes("[policy.a]\nextends = \"b\"\n[policy.b]\nextends = \"c\"\n[policy.c]\nextends = \"b\"\n"),
        [
            "4:11: policy `b`: `extends` goes in a circle: c -> b -> c\nhelp: remove one `extends` of them",
            "6:11: policy `c`: `extends` goes in a circle: b -> c -> b\nhelp: remove one `extends` of them",
        ]
    );
    assert_eq!(
        mistakes("[policy.http]\n[policy.a]\nextends = \"htpp\"\n"),
        ["3:11: policy `a`: it extends `htpp`, which is no policy\nhelp: did you mean `http`?"]
    );
    let asked = set("[policy.http]\n").get("htp").unwrap_err().to_string();
    assert_eq!(asked, "(asked for):1:1: no policy is named `htp`\nhelp: did you mean `http`?");
}

#[test]
fn a_long_line_of_parents_is_walked_without_recursion() {
    let mut text = String::from("[policy.p0]\nloop = { attempts = 9 }\n");
    for child in 1..2_000 {
        text += &format!("[policy.p{child}]\nextends = \"p{}\"\n", child - 1);
    }
    assert_eq!(set(&text).get("p1999").expect("a chain is no circle").limits().attempts, AttemptLimit::AtMost(9));
}

#[test]
fn files_are_joined_and_a_users_policy_stands_before_a_shipped_one() {
    let mut own = set("[policy.http]\nloop = { attempts = 2 }\n");
    let doubled: PolicyErrors = own.extend(set("[policy.http]\n")).unwrap_err();
    assert_eq!(
        doubled.to_string(),
        "p.toml:1:9: policy `http`: it is declared twice, first at p.toml:1\nhelp: rename one of them"
    );
    own.stand_behind(set("[policy.http]\nloop = { attempts = 4 }\n[policy.x]\nextends = \"http\"\n"));
    assert_eq!(own.get("x").expect("a shipped policy").limits().attempts, AttemptLimit::AtMost(2));
}

#[test]
fn a_pattern_that_matches_no_known_class_is_told() {
    let known = [Class::known("net-reset"), Class::known("http-busy")];
    let written = set("[policy.x]\ncatch = [{ class = [\"net-*\", \"http-bsy\", \"gpu-*\"], stop = true }]\n");
    let told: Vec<String> =
        written.check_classes(&known).unwrap_err().into_iter().map(|error| error.to_string()).collect();
    assert_eq!(
        told,
        [
            "p.toml:2:30: policy `x`: the pattern `http-bsy` matches no known class\nhelp: did you mean `http-busy`?",
            "p.toml:2:42: policy `x`: the pattern `gpu-*` matches no known class",
        ]
    );
}

#[test]
fn the_runners_tables_are_left_alone_and_named() {
    let shared = set("[policy.x]\n[job.y]\npolicy = \"x\"\n[class.z]\n");
    assert_eq!(shared.unread(), ["class", "job"]);
}

#[test]
fn bytes_become_lines_and_columns_of_characters() {
    let told = mistakes("# Grüße\n[policy.x]\nloop = { \"ä\" = 1 }\n");
    assert!(told[0].starts_with("3:10: policy `x`: unknown key `ä`\nhelp: known keys are: attempts, deadline"));
    assert_eq!(mistakes("[policy.x\n")[0].split(": ").next(), Some("1:10"), "the parser's own errors have places");
    let long = ["1:1: the file is longer than 256 KiB\nhelp: split it into several files of one folder"];
    assert_eq!(mistakes(&"#\n".repeat(200_000)), long);
}

#[cfg(feature = "schema")]
#[test]
fn the_schema_knows_the_keys_and_forms() {
    let schema = serde_json::to_value(schemars::schema_for!(super::PolicyTable)).expect("a schema is JSON");
    assert_eq!(schema["additionalProperties"], serde_json::json!(false));
    let keys: Vec<&str> = schema["properties"].as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["catch", "delay", "extends", "finally", "inherit-finally", "loop"]);
    let limits = &schema["$defs"]["LoopTable"]["properties"];
    assert_eq!(limits["attempts"]["oneOf"][1]["const"], "unlimited");
    assert_eq!(schema["$defs"]["RuleTable"]["required"], serde_json::json!(["class"]));
    assert_eq!(schema["$defs"]["FinalizerTable"]["properties"]["on"]["enum"][1], "gave-up");
}
