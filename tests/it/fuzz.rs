//! The readers of what others wrote, under mutated input.
//!
//! The suite tries each target a fixed number of times with a fixed seed. `cargo xtask fuzz` runs the same test by the
//! clock: `STEADFAST_FUZZ_SECONDS` (per target), `STEADFAST_FUZZ_TARGET` (this one only), `STEADFAST_SEED`.

use std::collections::BTreeSet;
use std::env;
use std::time::{Duration, SystemTime};

use steadfast::ids::{RunId, Token};
use steadfast::job::{Diagnostic, Reader, Rendering, Text};
use steadfast_retry::table::{PolicyErrors, PolicySet};
use steadfast_retry::{Class, ClassPattern, Policy, Pretty, parse_duration};

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
    Target {
        name: "policy",
        read: policies_are_read_or_told,
        samples: &["[policy.x]\nloop = { attempts = 3 }\n", "policy.inline = { catch = [ { class = \"net-*\" } ] }"],
        folders: &["policies", "tests/corpus/good", "tests/corpus/broken"],
        tokens: POLICY_TOKENS,
        tries: 10_000,
    },
    Target {
        name: "job",
        read: jobs_are_read_or_told,
        samples: &["[job.hello.command]\nrun = [\"echo\", \"{job}\"]\n"],
        folders: &["tests/corpus/good", "tests/corpus/broken"],
        tokens: JOB_TOKENS,
        tries: 1_000,
    },
];

const POLICY_TOKENS: &[&str] = &[
    "[policy.x]\n",
    "[policy.y]\nextends = \"x\"\n",
    "extends = \"x\"\n",
    "loop = { attempts = 0 }\n",
    "loop = { attempts = \"unlimited\", ceiling = 4294967295 }\n",
    "deadline = \"1h30m\"",
    "attempt-min",
    "delay = { exponential = \"1s\", factor = 1.001, cap = \"213503982334601d\" }\n",
    "jitter = 0.333",
    "list = []",
    "catch = [ { class = \"*\", stop = true } ]\n",
    "finally = [ { on = \"always\", run = [] } ]\n",
    "inherit-finally = false\n",
    "\"\"\"",
    "'''",
    "\\u0000",
    "\u{feff}",
    "ä",
    "1979-05-27T07:32:00Z",
    "nan",
    " = ",
    ", ",
    "\r\n",
];

const JOB_TOKENS: &[&str] = &[
    "[job.x.command]\nrun = [\"true\"]\n",
    "[job.x]\nafter = [\"x\"]\n",
    "after = { any = [\"x\"] }\n",
    "schedule = { cron = \"30 8 * * Mon-Fri\", zone = \"Europe/Berlin\" }\n",
    "schedule = { every = \"1h\", missed = { all = 3 } }\n",
    "schedule = { at = \"2026-03-29T02:30:00\", jitter = \"1m\" }\n",
    "matrix = { a = [1, 2.0, \"3\", true, 1e-3] }\n",
    "succeeds = 9\n",
    "overlap = { queue = 1 }\n",
    "policy = \"http\"\n",
    "shell = \"echo {{a}} {a}\"\n",
    "[group.g]\nslots = 1\n",
    "[class.c]\nwhen = [ { exit = [\"3-1\"], output = \"(\" } ]\n",
    "[policy.http]\nextends = \"http\"\n",
    "parameters",
    "env = { PATH = \"\" }\n",
    "{{",
    "}",
    "\"\"\"",
    "\\u0000",
    "ä",
    " = ",
    "\r\n",
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

/// Whatever a text says, it is a set of policies or a list of mistakes with their places, and a policy can be stored.
fn policies_are_read_or_told(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let lines = lines_of(text);
    let told = |errors: PolicyErrors| {
        assert!(!errors.as_slice().is_empty(), "it is refused without a word");
        for error in errors {
            let (span, line) = (error.span(), error.origin().line);
            assert!(span.start <= span.end && span.end <= text.len(), "{span:?} is not in the text: {error}");
            assert!((1..=lines).contains(&line) && error.column() > 0, "no such place: {error}");
            assert!(!error.message().is_empty(), "a mistake without words at {line}");
        }
    };
    let set = match PolicySet::parse(text, "fuzz.toml") {
        Ok(set) => set,
        Err(errors) => return told(errors),
    };
    for name in set.names() {
        match set.resolve(name) {
            Ok(resolved) => {
                let place = resolved.origins.values().find(|origin| !(1..=lines).contains(&origin.line));
                assert!(place.is_none(), "a value was written at {place:?}");
                let stored = serde_json::to_string(&resolved.policy).expect("a policy can be stored");
                let read: Policy = serde_json::from_str(&stored).expect("a stored policy can be read");
                assert_eq!(resolved.policy, read, "stored as {stored}");
            }
            Err(errors) => told(errors),
        }
    }
}

/// Whatever a text says, it is a configuration or a list of mistakes with their places, which can be drawn.
fn jobs_are_read_or_told(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let reading = Reader::new().read_texts(&[Text::new("fuzz.toml", "/srv", text)]);
    let refused = reading.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(reading.config.is_none(), refused, "a configuration is there if nothing is wrong");
    for told in &reading.diagnostics {
        let places = [Some(&told.span), told.related.as_ref().map(|other| &other.span)];
        for span in places.into_iter().flatten() {
            assert!(text.get(span.clone()).is_some(), "{span:?} is not in the text: {told}");
        }
        assert!((1..=lines_of(text)).contains(&told.line) && told.column > 0, "no such place: {told}");
        assert!(!told.message.is_empty() && !told.help.is_empty(), "no remedy: {told}");
        assert!(!Rendering { colour: false, width: 60 }.show(told).is_empty(), "nothing to be seen: {told}");
    }
}

fn lines_of(text: &str) -> u32 {
    u32::try_from(text.matches('\n').count() + 1).expect("an input is short")
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
