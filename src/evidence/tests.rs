//! A case is one line of facts, as somebody who runs jobs would tell them, and the class that they come to.

mod codes;
mod forms;
mod library;
mod rows;
mod search;
mod weighing;

use std::time::Duration;

use serde::de::DeserializeOwned;
use steadfast_retry::Class;

use super::{Act, Classes, Evidence, ExitCodes, Fact, Part, Stream, Verdict, classify};

/// Checks what a line of facts comes to: a class, or `succeeded`.
#[track_caller]
fn check(facts: &str, expected: &str) {
    let verdict = judge(facts);
    let came_to = verdict.class.as_ref().map_or(verdict.conclusion.as_str(), Class::as_str);
    assert_eq!(came_to, expected, "\n{facts}\n{verdict}");
}

fn judge(facts: &str) -> Verdict {
    judge_by(Classes::shipped(), facts)
}

fn judge_by(classes: &Classes, facts: &str) -> Verdict {
    classify(classes, &evidence(classes, facts), &ExitCodes::one(0))
}

/// Reads facts separated by commas, such as ``program curl, exit 22, stderr `curl: (22) …` ``.
fn evidence(classes: &Classes, facts: &str) -> Evidence {
    let mut evidence = Evidence::default();
    for fact in split(facts) {
        let (key, rest) = fact.split_once(' ').unwrap_or((fact, ""));
        match key {
            "program" => evidence.program = Evidence::of_program(rest).program,
            "progress" => evidence.progress = word(rest),
            "stderr" | "stdout" | "kernel" | "torch" => {
                let stream = if key == "torch" { Stream::Report } else { word(key) };
                let bytes = rest.trim_matches('`').as_bytes();
                evidence.facts.extend(classes.search(&[Part { stream, bytes }]));
            }
            _ => evidence.push(single(key, rest)),
        }
    }
    evidence
}

fn single(key: &str, rest: &str) -> Fact {
    let long = Duration::from_secs(60);
    let number = || rest.parse::<u16>().unwrap_or_else(|_| panic!("`{key}` needs a number, not `{rest}`"));
    match key {
        "exit" => Fact::Exit(number().into()),
        "signal" => Fact::Signal { number: word::<super::Signal>(rest).0, core: false },
        "oom" => Fact::OomKill(word(rest)),
        "xid" => Fact::Xid(number().into()),
        "gpu" => Fact::Gpu(word(rest)),
        "host" => Fact::Host(word(rest)),
        "intent" => Fact::Intent(word(rest)),
        "stalled" => Fact::Act(Act::Stalled { what: word(rest), quiet: long }),
        "attempt-timeout" => Fact::Act(Act::AttemptTimeout { limit: long }),
        "deadline" => Fact::Act(Act::Deadline { limit: long }),
        "memory-guard" => Fact::Act(Act::MemoryGuard),
        "stopped" => Fact::Act(Act::Stopped),
        "status" => Fact::Status(number()),
        "error" => Fact::Error(word(rest)),
        "not-started" => Fact::NotStarted { errno: number().into(), what: "train.py".into() },
        "report" => Fact::from_notify(&format!("X_FAIL={rest}")).expect("a report"),
        "request" => Fact::from_notify(&format!("X_REQUEST={rest}")).expect("a request"),
        "retry-after" => Fact::from_notify(&format!("X_RETRY_AFTER={rest}")).expect("a delay"),
        _ => panic!("`{key}` is no fact"),
    }
}

/// Splits at commas outside backticks.
fn split(facts: &str) -> Vec<&str> {
    let mut quoted = false;
    let parts = facts.split(|c| {
        quoted ^= c == '`';
        c == ',' && !quoted
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn word<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_value(text.into()).unwrap_or_else(|error| panic!("`{text}`: {error}"))
}
