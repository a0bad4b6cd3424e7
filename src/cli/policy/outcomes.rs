//! Outcomes as somebody types them: `503 net-reset@2m exit=1*3 lost ok`.

use steadfast_retry::{Class, Outcome, parse_duration};

use crate::cli::failure::Failure;
use crate::evidence::{Classes, Evidence, ExitCodes, Fact, classify};

/// The most outcomes that one word may stand for.
const MOST: usize = 10_000;

/// Reads a list of outcomes.
pub(super) fn read(text: &str, classes: &Classes) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes = Vec::new();
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        let (word, times) = match word.split_once('*') {
            Some((word, times)) => match times.parse() {
                Ok(times) if (1..=MOST).contains(&times) => (word, times),
                Ok(_) | Err(_) => return Err(Failure::usage(format_args!("`{word}` says no number of times"))),
            },
            None => (word, 1),
        };
        let outcome = outcome(word, classes)?;
        outcomes.extend(std::iter::repeat_n(outcome, times));
    }
    if outcomes.is_empty() {
        return Err(Failure::usage("no outcome is given").help("write for example --outcomes '503 net-reset ok'"));
    }
    Ok(outcomes)
}

fn outcome(word: &str, classes: &Classes) -> Result<Outcome, Failure> {
    let (word, asked) = match word.split_once('@') {
        Some((word, asked)) => (word, Some(parse_duration(asked).map_err(Failure::usage)?)),
        None => (word, None),
    };
    let outcome = match word {
        "ok" => return Ok(Outcome::Succeeded),
        "lost" => return Ok(Outcome::Interrupted),
        "cancelled" => return Ok(Outcome::Cancelled),
        _ => fact(word)?.map(|fact| seen(fact, classes)),
    };
    let outcome = match outcome {
        Some(outcome) => outcome,
        None => match classes.describe(word) {
            Some(def) => Outcome::Failed(steadfast_retry::Failure::of(def.name.clone())),
            None if word == Class::ERROR.as_str() => Outcome::Failed(steadfast_retry::Failure::of(Class::ERROR)),
            None => {
                let unknown = Failure::usage(format_args!("`{word}` is no outcome and no class"));
                return Err(match classes.nearest(word) {
                    Some(meant) => unknown.help(format_args!("did you mean `{meant}`?")),
                    None => unknown.help("write `ok`, `lost`, a class, an HTTP status such as 503, or exit=1"),
                });
            }
        },
    };
    Ok(match (outcome, asked) {
        (Outcome::Failed(failure), Some(asked)) => Outcome::Failed(failure.server_asks(asked)),
        (outcome, _) => outcome,
    })
}

/// The fact that a word stands for: an HTTP status or an exit code.
fn fact(word: &str) -> Result<Option<Fact>, Failure> {
    if let Some(code) = word.strip_prefix("exit=") {
        let code = code.parse().map_err(|_| Failure::usage(format_args!("`{code}` is no exit code")))?;
        return Ok(Some(Fact::Exit(code)));
    }
    let status = word.parse().ok().filter(|status| (100..600).contains(status));
    Ok(status.map(Fact::Status))
}

fn seen(fact: Fact, classes: &Classes) -> Outcome {
    let mut evidence = Evidence::default();
    evidence.push(fact);
    classify(classes, &evidence, &ExitCodes::one(0)).outcome()
}
