//! Who may use whom, and which floors touch nothing.

use regex::Regex;

use super::Check;
use super::tree::{Source, Tree};

pub(super) const CHECKS: &[Check] = &[
    Check {
        rule: "A floor uses the floors below it, never one above.",
        complaints: upward_uses,
        broken: &[
            (
                &[("src/dispatch.rs", "use crate::daemon::Loop;\n")],
                "src/dispatch.rs:1: `dispatch` (floor 4) uses `daemon::Loop` (floor 6)",
            ),
            (
                &[("src/exec/pool.rs", "use crate::{\n    clock,\n    api::{Request, Reply},\n};\n")],
                "`exec::pool` (floor 5) uses `api::Reply` (floor 7)",
            ),
            (&[("src/job.rs", "fn f() {\n    crate::store::open();\n}\n")], "src/job.rs:2"),
            (
                &[("crates/steadfast-retry/src/delay.rs", "use crate::engine::RunState;\n")],
                "`delay` (floor 0) uses `engine::RunState` (floor 1)",
            ),
            (
                &[("crates/steadfast-retry/src/policy.rs", "use crate::world;\n")],
                "`policy` (floor 1) uses `world` (floor 2)",
            ),
        ],
    },
    Check {
        rule: "Every module has its floor in the tables in tests/it/tidy/floors.rs.",
        complaints: modules_without_floor,
        broken: &[
            (&[("src/drawer.rs", "")], "src/drawer.rs: `drawer` has no floor"),
            (&[("crates/steadfast-retry/src/drawer.rs", "")], "`drawer` has no floor"),
        ],
    },
    Check {
        rule: "The tables in tests/it/tidy/floors.rs name no module that is not there.",
        complaints: floors_without_module,
        broken: &[
            (&[("src/dispatch.rs", ""), ("src/main.rs", "")], "`clock` has a floor and is nowhere"),
            (&[("crates/steadfast-retry/src/lib.rs", "")], "`delay` has a floor and is nowhere"),
        ],
    },
    Check {
        rule: "Floors 0, 1 and 4 hold no `async` and read no clock, no file and no environment.",
        complaints: impure_decisions,
        broken: &[
            (&[("src/dispatch/queue.rs", "async fn next() {}\n")], "src/dispatch/queue.rs:1: `async`"),
            (&[("src/dispatch.rs", "\nuse std::time::Instant;\n")], "src/dispatch.rs:2: `Instant`"),
            (&[("crates/steadfast-retry/src/engine/step.rs", "use std::{env, fmt};\n")], "`std::env`"),
            (&[("crates/steadfast-retry/src/moment.rs", "fn now() { SystemTime::now(); }\n")], "`SystemTime`"),
            (&[("crates/steadfast-retry/src/policy.rs", "fn f() { std::fs::read(p); }\n")], "`std::fs::read`"),
        ],
    },
];

/// The runner's floors, by module; the longest name that fits decides, so that `store::entry` may have a floor of its own.
const RUNNER: &[(&str, u8)] = &[
    ("clock", 3),
    ("evidence", 3),
    ("ids", 3),
    ("job", 3),
    ("observe", 3),
    ("dispatch", 4),
    ("exec", 5),
    ("failpoint", 5),
    ("shim", 5),
    ("store", 5),
    // The seam and what crosses it are words; the stores behind it are hands.
    ("store::Batch", 3),
    ("store::Begun", 3),
    ("store::Document", 3),
    ("store::JobRecord", 3),
    ("store::Place", 3),
    ("store::Queued", 3),
    ("store::Recovered", 3),
    ("store::Store", 3),
    ("store::StoreError", 3),
    ("store::SweepRecord", 3),
    ("demo", 5),
    ("journal", 3),
    ("launch", 3),
    ("schedule", 3),
    ("state", 3),
    ("sys", 5),
    ("terminal", 5),
    ("trace", 5),
    ("daemon", 6),
    ("api", 7),
    ("cli", 8),
];

/// The library's floors.
const LIBRARY: &[(&str, u8)] = &[
    ("attempt_no", 0),
    ("class", 0),
    ("delay", 0),
    ("dice", 0),
    ("duration", 0),
    ("limits", 0),
    ("moment", 0),
    ("outcome", 0),
    ("because", 1),
    ("decision", 1),
    ("engine", 1),
    ("event", 1),
    ("finalizer", 1),
    ("flaw", 0),
    ("forecast", 1),
    ("ledger", 1),
    ("policy", 1),
    ("rule", 1),
    ("attempts", 2),
    ("call", 2),
    ("classify", 2),
    ("exit", 2),
    ("http", 2),
    ("macros", 2),
    ("nearest", 0),
    ("registry", 2),
    ("report", 2),
    ("run", 2),
    ("table", 2),
    ("trace", 2),
    ("world", 2),
];

/// The floors that decide.
const PURE: [u8; 3] = [0, 1, 4];

/// What such a floor may not even name from `std`.
const IMPURE: [&str; 7] = ["env", "fs", "net", "process", "thread", "time::Instant", "time::SystemTime"];

/// A crate of the house.
struct House {
    source: &'static str,
    /// The file without which it is not there at all.
    root: &'static str,
    floors: &'static [(&'static str, u8)],
}

static HOUSES: [House; 2] = [
    House { source: "src/", root: "src/main.rs", floors: RUNNER },
    House { source: "crates/steadfast-retry/src/", root: "crates/steadfast-retry/src/lib.rs", floors: LIBRARY },
];

impl House {
    /// Returns the files of this crate that are modules, each with its module (`exec::pool`).
    ///
    /// `main` and `lib` stand outside: they put the house together and may use all of it.
    fn modules<'t>(&self, tree: &'t Tree) -> impl Iterator<Item = (String, &'t Source)> {
        tree.rust().filter(|file| !file.is_test()).filter_map(|file| {
            let module = file.path.strip_prefix(self.source)?.strip_suffix(".rs")?.replace('/', "::");
            (module != "lib" && module != "main").then_some((module, file))
        })
    }

    /// Returns the floor that the table gives to a module or to what is in it.
    fn named(&self, path: &str) -> Option<u8> {
        let fits = |name: &str| path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        self.floors.iter().filter(|(name, _)| fits(name)).max_by_key(|(name, _)| name.len()).map(|(_, floor)| *floor)
    }
}

fn upward_uses(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for house in &HOUSES {
        for (module, file) in house.modules(tree) {
            let Some(own) = house.named(&module) else { continue };
            for (at, used) in paths_from("crate", file.code_without_tests()) {
                // A name that the table does not know is a type or function of the crate's root, or has its own complaint.
                let Some(floor) = house.named(&used).filter(|floor| *floor > own) else { continue };
                complaints.push(format!("{}: `{module}` (floor {own}) uses `{used}` (floor {floor})", file.place(at)));
            }
        }
    }
    complaints
}

fn modules_without_floor(tree: &Tree) -> Vec<String> {
    let unnamed = |house: &House| {
        let modules = house.modules(tree).filter(|(module, _)| house.named(module).is_none());
        modules.map(|(module, file)| format!("{}: `{module}` has no floor", file.path)).collect::<Vec<_>>()
    };
    HOUSES.iter().flat_map(unnamed).collect()
}

/// A name with `::` is of something inside a module; where a house is not in the tree at all, nothing is said of it.
fn floors_without_module(tree: &Tree) -> Vec<String> {
    let gone = |house: &'static House| {
        let there = tree.files.iter().any(|file| file.path == house.root);
        let names = house.floors.iter().map(|(name, _)| *name).filter(move |name| there && !name.contains("::"));
        names.filter(move |name| !house.modules(tree).any(|(module, _)| module == *name))
    };
    HOUSES.iter().flat_map(gone).map(|name| format!("`{name}` has a floor and is nowhere")).collect()
}

fn impure_decisions(tree: &Tree) -> Vec<String> {
    let word = Regex::new(r"\b(async|Instant|SystemTime)\b").expect("a regex in our own source is right");
    let mut complaints = Vec::new();
    for house in &HOUSES {
        for (module, file) in house.modules(tree) {
            if !house.named(&module).is_some_and(|floor| PURE.contains(&floor)) {
                continue;
            }
            let code = file.code_without_tests();
            let words = word.find_iter(code).map(|found| (found.start(), found.as_str().to_owned()));
            let uses = paths_from("std", code).into_iter();
            let uses = uses
                .filter(|(_, used)| IMPURE.iter().any(|path| used == path || used.starts_with(&format!("{path}::"))));
            let found = words.chain(uses.map(|(at, used)| (at, format!("std::{used}"))));
            complaints.extend(found.map(|(at, name)| format!("{}: `{name}` in a floor that decides", file.place(at))));
        }
    }
    complaints
}

/// Returns the paths that begin with `root::`, without it, and where; a group in braces is taken apart.
fn paths_from(root: &str, code: &str) -> Vec<(usize, String)> {
    let begin = Regex::new(&format!(r"\b{root}\s*::\s*")).expect("a regex in our own source is right");
    let paths = begin
        .find_iter(code)
        .flat_map(|found| expanded(&code[found.end()..]).into_iter().map(move |path| (found.start(), path)));
    paths.collect()
}

/// Takes apart what follows a `::`, which is a name and more, or a group.
fn expanded(rest: &str) -> Vec<String> {
    if let Some(group) = rest.strip_prefix('{') {
        return members(group).into_iter().flat_map(|member| expanded(member.trim())).collect();
    }
    let name_end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
    let (name, rest) = rest.split_at(name_end);
    let inner = rest.trim_start().strip_prefix("::").map(|rest| expanded(rest.trim_start())).unwrap_or_default();
    match (name, inner.as_slice()) {
        ("", _) => Vec::new(),
        (name, []) => vec![name.to_owned()],
        (name, inner) => inner.iter().map(|path| format!("{name}::{path}")).collect(),
    }
}

/// Splits the inside of a group at its own commas, up to its closing brace.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut members) = (0, 0, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(&group[begin..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&group[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    members
}

#[test]
fn groups_are_taken_apart() {
    let paths = |code| paths_from("crate", code).into_iter().map(|(_, path)| path).collect::<Vec<_>>();
    assert_eq!(paths("use crate::exec::pool;"), ["exec::pool"]);
    assert_eq!(paths("use crate::{a, b::{c, d::*}, self};"), ["a", "b::c", "b::d", "self"]);
    assert_eq!(paths("pub(crate) fn f() -> crate::Reply { crate::api::call::<u8>() }"), ["Reply", "api::call"]);
}
