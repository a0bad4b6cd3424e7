//! Where a death matters, a test can make one happen.

use regex::Regex;

use super::Check;
use super::tree::{Source, Tree};

pub(super) const CHECKS: &[Check] = &[Check {
    rule: "What makes something durable, gives it its name or sends a signal has a failpoint within three lines.",
    complaints: windows_without_failpoints,
    broken: &[
        (&[("src/exec/keep.rs", "fn f() {\n    std::fs::rename(a, b);\n}\n")], "src/exec/keep.rs:2"),
        (
            &[(
                "src/store/x.rs",
                "fn f() {\n    failpoint!(\"x::before\");\n    a();\n    b();\n    c();\n    rows.commit()?;\n}\n",
            )],
            "src/store/x.rs:6",
        ),
        (&[("src/shim/y.rs", "fn f() {\n    who.signal(Signal::KILL);\n}\n")], "src/shim/y.rs:2"),
    ],
}];

const NEAR: usize = 3;

/// Files that have such calls and no failpoints, each with its reason.
const WITHOUT: &[(&str, &str)] = &[
    ("src/clock.rs", "floor 3 knows no failpoints; its only call has two around it in the daemon"),
    ("src/store/memory.rs", "it is gone with its process"),
    ("src/sys/process.rs", "these are the signals themselves; whoever sends one has the failpoint"),
    ("src/demo/train.rs", "a program that the daemon runs, not the daemon"),
    ("src/cli/run/child.rs", "the signals of a terminal's own process, which no daemon recovers"),
];

/// Lines that need none in files that have some.
const LINES: &[(&str, &str, &str)] = &[
    ("src/shim/claim.rs", "renameat_with(CWD", "both who publish a claim have failpoints around it"),
    ("src/store/sqlite/keep.rs", "rows.commit()?", "pruning is deleted row by row and begun again by hand"),
    ("src/store/sqlite/keep.rs", "File::open(folder)", "the copy has its name; a folder has nothing more to lose"),
];

fn windows_without_failpoints(tree: &Tree) -> Vec<String> {
    let call = r"\brename\(|\brenameat_with\(|\.sync_all\(|\.sync_data\(|\.commit\(\)|\bsignal_child\(|\bprocess::send\(|\.signal\(|\bgroup\.kill\(";
    let call = Regex::new(call).expect("a regex in our own source is right");
    let excepted = |file: &&Source| WITHOUT.iter().any(|(path, _)| *path == file.path);
    let files = tree.rust().filter(|file| file.path.starts_with("src/") && !file.is_test() && !excepted(file));
    let mut complaints = Vec::new();
    for file in files {
        let lines: Vec<&str> = file.code_without_tests().lines().collect();
        let texts: Vec<&str> = file.text.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| call.is_match(line)) {
            let is_excepted = LINES.iter().any(|(path, words, _)| *path == file.path && texts[at].contains(words))
                || line.contains("fn ");
            let near = lines[at.saturating_sub(NEAR)..lines.len().min(at + NEAR + 1)].iter();
            if !is_excepted && !near.copied().any(|line| line.contains("failpoint!")) {
                complaints.push(format!("{}:{}: {}", file.path, at + 1, line.trim()));
            }
        }
    }
    complaints
}
