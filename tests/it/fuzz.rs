//! The readers of what others wrote, under mutated input.
//!
//! The suite tries each target a fixed number of times with a fixed seed. `cargo xtask fuzz` runs the same test by the
//! clock: `STEADFAST_FUZZ_SECONDS` (per target), `STEADFAST_FUZZ_TARGET` (this one only), `STEADFAST_SEED`.

use std::collections::BTreeSet;
use std::env;
use std::time::{Duration, SystemTime};

use steadfast::ids::{RunId, Token};
use steadfast_retry::{Class, ClassPattern, Pretty, parse_duration};

use crate::support::fuzz::{Bound, Finding, Target, hunt};

/// Everything that reads bytes which we did not write.
const TARGETS: &[Target] = &[
    Target {
        name: "class",
        read: class_names_mean_what_they_say,
        samples: &["http-busy", "net-*", "*", "gpu-oom-own"],
        folders: &[],
        tokens: &["-", "*", "**", "--", "net", "a", "ß", "\u{1F980}"],
        tries: 50_000,
    },
    Target {
        name: "duration",
        read: durations_are_read_as_they_are_written,
        samples: &["250ms", "1.5s", "1h30m", "2d", "90", "1h 2m 3.000000004s"],
        folders: &[],
        tokens: &["ns", "us", "µs", "ms", "s", "m", "h", "d", ".", "1.", ".5", "18446744073709551615", " "],
        tries: 50_000,
    },
    Target {
        name: "ids",
        read: ids_are_read_as_they_are_written,
        samples: &["1", "18446744073709551615", "000000000000000000000000000000ff"],
        folders: &[],
        tokens: &["0x", "-", "+", "_", "ffffffffffffffff"],
        tries: 50_000,
    },
];

fn class_names_mean_what_they_say(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(class) = Class::new(text.to_owned()) {
        let own = ClassPattern::new(text.to_owned()).expect("a class name is a pattern");
        assert!(own.matches(&class), "a name does not match itself");
        assert_eq!(class.as_str(), text);
    }
    if let Ok(pattern) = ClassPattern::new(text.to_owned()) {
        assert_eq!(pattern.as_str(), text);
        if let Ok(class) = Class::new(text.replace('*', "x")) {
            assert!(pattern.matches(&class), "a star does not stand for a letter");
        }
    }
}

fn durations_are_read_as_they_are_written(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    match parse_duration(text) {
        Ok(span) => assert_eq!(parse_duration(&Pretty(span).to_string()), Ok(span), "written as {}", Pretty(span)),
        Err(bad) => assert!(bad.to_string().len() < 400, "the message repeats the whole input"),
    }
}

fn ids_are_read_as_they_are_written(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(run) = text.parse::<RunId>() {
        assert_eq!(run.to_string().parse(), Ok(run));
    }
    if let Ok(token) = text.parse::<Token>() {
        assert_eq!(token.to_string().parse(), Ok(token));
    }
}

/// Reads a variable that bounds a campaign.
fn bound_from_outside(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("`{name}={text}` is no number")))
}

#[test]
fn every_target_survives() {
    let seconds = bound_from_outside("STEADFAST_FUZZ_SECONDS");
    let wanted = env::var("STEADFAST_FUZZ_TARGET").ok();
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert!(
        wanted.as_ref().is_none_or(|wanted| names.contains(&wanted.as_str())),
        "no fuzz target {wanted:?}\nhelp: there are {names:?}",
    );

    // The suite must not pass today and fail tomorrow; a campaign looks where nobody looked yet.
    let fresh = || SystemTime::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_secs());
    let seed = bound_from_outside("STEADFAST_SEED").unwrap_or_else(|| seconds.map_or(1, |_| fresh()));
    for target in TARGETS.iter().filter(|target| wanted.as_ref().is_none_or(|wanted| wanted == target.name)) {
        println!("fuzz target `{}`, seed {seed}", target.name);
        let bound = seconds.map_or(Bound::Tries(target.tries), |seconds| Bound::Time(Duration::from_secs(seconds)));
        match hunt(target, seed, bound) {
            Ok(tries) => println!("fuzz target `{}`: {tries} inputs survived", target.name),
            Err(finding) => panic!("{}", finding.report()),
        }
    }
}

/// A target with a bug planted in it, of a kind that some mutation is made for.
const fn planted(read: fn(&[u8])) -> Target {
    Target {
        name: "planted",
        read,
        samples: &["loop = { attempts = 3 }", ""],
        folders: &[],
        tokens: &["deadline", "forever"],
        tries: 0,
    }
}

const TOO_DEEP: Target = planted(|input| {
    let depth = input.split(|byte| *byte != b'[').map(<[u8]>::len).max().unwrap_or(0);
    assert!(depth < 200, "too deep");
});

const TWO_WORDS: Target = planted(|input| {
    let holds = |word: &[u8]| input.windows(word.len()).any(|window| window == word);
    assert!(!(holds(b"deadline") && holds(b"forever")), "no end");
});

const NOT_TEXT: Target = planted(|input| {
    assert!(!input.windows(2).any(|window| window == b"=\xff"), "not a letter");
});

fn finding_in(target: &Target, seed: u64) -> Finding {
    hunt(target, seed, Bound::Tries(50_000)).expect_err("a bug is planted")
}

#[test]
fn planted_bugs_are_found_and_made_small() {
    for (target, message, smallest) in
        [(TOO_DEEP, "too deep", 200), (TWO_WORDS, "no end", 15), (NOT_TEXT, "not a letter", 2)]
    {
        let finding = finding_in(&target, 1);
        assert_eq!(finding.message, message);
        assert_eq!(finding.input.len(), smallest, "{finding}");
    }
}

#[test]
fn a_seed_meets_the_same_input_again() {
    assert_eq!(finding_in(&TWO_WORDS, 7), finding_in(&TWO_WORDS, 7));
    let inputs: BTreeSet<_> = (1..=20).map(|seed| finding_in(&TWO_WORDS, seed).input).collect();
    assert!(inputs.len() > 1, "twenty seeds go the same way");
}

#[test]
fn a_finding_says_how_to_meet_it_again() {
    let finding = finding_in(&NOT_TEXT, 7).to_string();
    assert!(finding.contains("`cargo xtask fuzz planted --seed 7`"), "{finding}");
}

#[test]
fn a_hunt_ends_at_its_bound_and_tries_every_sample() {
    let calm = planted(|_| {});
    assert_eq!(hunt(&calm, 1, Bound::Tries(100)), Ok(100));
    assert_eq!(hunt(&calm, 1, Bound::Tries(0)), Ok(2), "both samples are tried whatever the bound");
    let picky = planted(|input| assert!(!input.starts_with(b"loop"), "a sample"));
    assert!(hunt(&picky, 1, Bound::Tries(0)).is_err());
}
