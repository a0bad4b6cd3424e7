//! Which files there are, how long they are, and what their first lines say.

use std::collections::BTreeSet;

use regex::Regex;

use super::Check;
use super::tree::{Source, Tree};

pub(super) const CHECKS: &[Check] = &[
    Check {
        rule: "A file is at most 450 lines long; a second noun that grew up in it moves out.",
        complaints: long_files,
        broken: &[(&[("src/drawer.rs", LONG)], "src/drawer.rs: 451 lines")],
    },
    Check {
        rule: "A module with children is `foo.rs` beside `foo/`, never `foo/mod.rs`.",
        complaints: mod_files,
        broken: &[(&[("src/exec/mod.rs", "")], "src/exec/mod.rs")],
    },
    Check {
        rule: "Every Rust file is reached by a `mod`.",
        complaints: dead_files,
        broken: &[
            (&[("src/lib.rs", "mod a;\n"), ("src/a.rs", "// mod b;\n"), ("src/a/b.rs", "")], "src/a/b.rs"),
            (&[("src/lib.rs", "mod a { mod b; }\n"), ("src/b.rs", "")], "src/b.rs"),
            (
                &[("tests/it/main.rs", "#[path = \"../support/x.rs\"]\nmod y;\n"), ("tests/support/y.rs", "")],
                "tests/support/y.rs",
            ),
        ],
    },
    Check {
        rule: "A file of more than 100 lines begins with a page, `//! …`, that says what it is about. Tests are excepted.",
        complaints: files_without_page,
        broken: &[
            (&[("src/exec/pool.rs", LONG)], "src/exec/pool.rs"),
            (&[("crates/steadfast-retry/src/delay.rs", LONG)], "delay.rs"),
        ],
    },
    Check {
        rule: "No function is longer than 60 lines: it fits on a screen. Tests are excepted.",
        complaints: long_functions,
        broken: &[
            (&[("src/exec/pool.rs", LONG_FUNCTION)], "src/exec/pool.rs:1: `long` has 61 lines"),
            (&[("xtask/src/bench.rs", LONG_FUNCTION)], "xtask/src/bench.rs:1: `long`"),
        ],
    },
    Check {
        rule: "The front file of a subsystem has a `# Theory of operation` in its module page.",
        complaints: front_files_without_theory,
        broken: &[
            (&[("src/exec.rs", "//! The hands.\n"), ("src/exec/pool.rs", "")], "src/exec.rs"),
            (&[("src/exec.rs", "/// # Theory of operation\nfn f() {}\n"), ("src/exec/pool.rs", "")], "src/exec.rs"),
        ],
    },
];

/// One line more than a file may have.
const LONG: &str = match std::str::from_utf8(&[b'\n'; MOST_LINES + 1]) {
    Ok(text) => text,
    Err(_) => panic!("line ends are text"),
};

const MOST_LINES: usize = 450;

/// A file that is longer than this needs a page.
const MOST_LINES_WITHOUT_PAGE: usize = 100;

/// The most lines of one function, from its `fn` to its last brace.
const MOST_LINES_OF_FUNCTION: usize = 60;

/// A function of one line more than it may have.
const LONG_FUNCTION: &str = concat!(
    "fn long<T: Into<[u8; 3]>>(a: T) -> u8 {\n    if a { b() }\n",
    "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
    "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
    "}\nfn short() {}\n",
);

/// Files that may be longer, each with its reason.
const LONG_WITH_REASON: &[(&str, &str)] = &[("src/api/client.rs", "one method per route, each with its documentation")];

fn long_files(tree: &Tree) -> Vec<String> {
    let excepted = |file: &Source| LONG_WITH_REASON.iter().any(|(path, _)| *path == file.path);
    let long = tree.rust().filter(|file| !file.is_test() && !excepted(file));
    let long = long.map(|file| (file, file.text.lines().count())).filter(|(_, lines)| *lines > MOST_LINES);
    long.map(|(file, lines)| format!("{}: {lines} lines", file.path)).collect()
}

fn files_without_page(tree: &Tree) -> Vec<String> {
    let silent = tree.rust().filter(|file| !file.is_test() && !file.text.starts_with("//! "));
    let long = silent.map(|file| (file, file.text.lines().count())).filter(|(_, n)| *n > MOST_LINES_WITHOUT_PAGE);
    long.map(|(file, lines)| format!("{}: {lines} lines", file.path)).collect()
}

fn long_functions(tree: &Tree) -> Vec<String> {
    let begins = Regex::new(r"\bfn\s+(\w+)").expect("a regex in our own source is right");
    let mut complaints = Vec::new();
    for file in tree.rust().filter(|file| !file.is_test()) {
        let code = file.code_without_tests();
        for found in begins.captures_iter(code) {
            let at = found.get_match().start();
            let lines = body(&code[at..]).map_or(0, |body| body.lines().count());
            if lines > MOST_LINES_OF_FUNCTION {
                complaints.push(format!("{}: `{}` has {lines} lines", file.place(at), &found[1]));
            }
        }
    }
    complaints
}

/// Returns a function from its `fn` to its last brace; `None` if it has no body.
fn body(code: &str) -> Option<&str> {
    let (mut open, mut within) = (0_usize, 0_usize);
    for (at, letter) in code.char_indices() {
        match letter {
            '(' | '[' => within += 1,
            ')' | ']' => within = within.saturating_sub(1),
            '{' => open += 1,
            '}' if open <= 1 => return Some(&code[..=at]),
            '}' => open -= 1,
            ';' if open == 0 && within == 0 => return None,
            _ => {}
        }
    }
    None
}

fn mod_files(tree: &Tree) -> Vec<String> {
    tree.rust().filter(|file| file.path.ends_with("/mod.rs")).map(|file| file.path.clone()).collect()
}

fn front_files_without_theory(tree: &Tree) -> Vec<String> {
    let fronts = tree.rust().filter(|file| {
        let Some(module) = file.path.strip_prefix("src/").and_then(|path| path.strip_suffix(".rs")) else {
            return false;
        };
        let folder = format!("src/{module}/");
        !module.contains('/') && tree.rust().any(|child| child.path.starts_with(&folder) && !child.is_test())
    });
    let silent = fronts.filter(|file| !file.text.lines().any(|line| line.trim_end() == "//! # Theory of operation"));
    silent.map(|file| file.path.clone()).collect()
}

fn dead_files(tree: &Tree) -> Vec<String> {
    let mut reached = BTreeSet::new();
    let mut left: Vec<&Source> = tree.rust().filter(|file| is_crate_root(&file.path)).collect();
    while let Some(file) = left.pop() {
        if reached.insert(file.path.as_str()) {
            let children = declared_files(file);
            left.extend(tree.rust().filter(|candidate| children.contains(&candidate.path)));
        }
    }
    // Programs that must not compile are handed to the compiler one by one.
    let reached_otherwise = |path: &str| reached.contains(path) || path.contains("/tests/misuse/");
    tree.rust().map(|file| &file.path).filter(|path| !reached_otherwise(path)).cloned().collect()
}

/// Tells whether cargo (or, under `ui/`, trybuild) takes the file as a crate of its own.
fn is_crate_root(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let kind = folder.rsplit('/').next().unwrap_or_default();
    let grown_alone = ["tests", "examples", "benches", "bin"].contains(&kind) && !folder.starts_with("tests/");
    let inside_source = folder.contains("src/") && kind != "bin";
    ["lib.rs", "main.rs", "build.rs"].contains(&name) || grown_alone && !inside_source || path.contains("/ui/")
}

/// Returns the files that the `mod` lines of a file ask for; of two spellings, both.
fn declared_files(file: &Source) -> Vec<String> {
    let declaration = Regex::new(
        r"(?:#\[path\s*=(\s*)\]\s*)?(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?\bmod\s+(\w+)\s*([;{])|[{}]",
    )
    .expect("a regex in our own source is right");
    let (own_folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let stem = name.trim_end_matches(".rs");
    let children = if is_crate_root(&file.path) { own_folder.to_owned() } else { format!("{own_folder}/{stem}") };

    // Where the modules of each open brace live.
    let mut folders = vec![children];
    let mut files = Vec::new();
    for found in declaration.captures_iter(&file.code) {
        let folder = folders.last().cloned().unwrap_or_default();
        let Some(module) = found.get(2) else {
            match &found[0] {
                "{" => folders.push(folder),
                _ => drop(folders.pop()),
            }
            continue;
        };
        let given = found.get(1).map(|path| file.text[path.range()].trim().trim_matches('"'));
        let beside = if folders.len() == 1 { own_folder } else { &folder };
        let target = given.map_or_else(|| format!("{folder}/{}", module.as_str()), |path| format!("{beside}/{path}"));
        match (&found[3], given) {
            ("{", _) => folders.push(target),
            (_, Some(_)) => files.push(normal(&target)),
            (_, None) => files.extend([normal(&format!("{target}.rs")), normal(&format!("{target}/mod.rs"))]),
        }
    }
    files
}

/// Resolves the `..` of a path.
fn normal(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
