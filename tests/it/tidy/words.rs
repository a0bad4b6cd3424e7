//! Words that have no place, or one place only.

use regex::Regex;

use super::Check;
use super::tree::{Source, Tree};

pub(super) const CHECKS: &[Check] = &[
    Check {
        rule: "`unsafe` stands in `src/sys` only.",
        complaints: unsafe_outside_sys,
        broken: &[
            (&[("src/exec.rs", "fn f() {\n    unsafe { g() }\n}\n")], "src/exec.rs:2"),
            (&[("src/system.rs", "unsafe fn f() {}\n")], "src/system.rs:1"),
            (&[("crates/steadfast-retry/src/sys.rs", "unsafe impl Send for X {}\n")], "sys.rs:1"),
        ],
    },
    Check {
        rule: "Nothing is handed in unfinished.",
        complaints: unfinished,
        broken: &[
            (&[("src/exec.rs", "fn f() { todo!() }\n")], "`todo!`"),
            (&[("src/exec.rs", "fn f() { unimplemented!(\"later\") }\n")], "`unimplemented!`"),
            (&[("tests/it/main.rs", "\n\ndbg!(x);\n")], "tests/it/main.rs:3: `dbg!`"),
            (&[("packaging/unit", concat!("# FIX", "ME: later\n"))], "packaging/unit:1"),
        ],
    },
    Check {
        rule: "Types of the configuration are never serde's `untagged` or `flatten`: these lose the place of a mistake.",
        complaints: placeless_serde,
        broken: &[
            (&[("src/job/file.rs", "#[serde(untagged)]\nenum E {}\n")], "src/job/file.rs:1: `untagged`"),
            (&[("crates/steadfast-retry/src/toml.rs", "#[serde(default, flatten)]\nx: X,\n")], "`flatten`"),
            (&[("src/evidence.rs", "#[serde(\n    deny_unknown_fields,\n    untagged,\n)]\n")], "`untagged`"),
        ],
    },
    Check {
        rule: "No file names a folder of the machine that it was written on.",
        complaints: machine_paths,
        broken: &[
            (&[("README.md", concat!("cd /ho", "me/me/steadfast\n"))], "README.md:1"),
            (&[("tests/it/x.rs", concat!("\nlet p = \"/wo", "rk/x\";\n"))], "tests/it/x.rs:2"),
            (&[("a.toml", concat!("x = '/ro", "ot/.cargo'\n"))], "a.toml:1"),
        ],
    },
    Check {
        rule: "No TOML key speaks of retries: what is counted are attempts, the first included.",
        complaints: retries_keys,
        broken: &[
            (&[("policies/net.toml", "[loop]\nretries = 3\n")], "policies/net.toml:2: `retries`"),
            (&[("policies/net.toml", "loop = { max-retries = 3 }\n")], "`max-retries`"),
            (&[("jobs/a.toml", "job.x.loop.retries=3\n")], "`retries`"),
        ],
    },
];

fn unsafe_outside_sys(tree: &Tree) -> Vec<String> {
    let shipped = tree.rust().filter(|file| file.path.starts_with("src/") || file.path.contains("/src/"));
    let outside = shipped.filter(|file| file.path != "src/sys.rs" && !file.path.starts_with("src/sys/"));
    outside.flat_map(|file| places(file, &file.code, r"\bunsafe\b", "belongs into `src/sys`")).collect()
}

fn unfinished(tree: &Tree) -> Vec<String> {
    let macros = |file| places(file, &file.code, r"\b(?:todo|unimplemented|dbg)!", "is not finished");
    let marks = |file: &Source| places(file, &file.text, concat!("FIX", "ME"), "is not finished");
    tree.rust().flat_map(macros).chain(tree.files.iter().flat_map(marks)).collect()
}

fn placeless_serde(tree: &Tree) -> Vec<String> {
    let folders = ["src/job", "src/evidence", "src/config", "crates/"];
    let config = tree.rust().filter(|file| folders.iter().any(|folder| file.path.starts_with(folder)));
    let pattern = r"\bserde\s*\([^\]]*?\b(untagged|flatten)\b";
    config.flat_map(|file| places(file, &file.code, pattern, "loses the place of a mistake")).collect()
}

/// Finds absolute paths only: not the inside of an address or of a longer path.
fn machine_paths(tree: &Tree) -> Vec<String> {
    let pattern = r"(?m)(?:^|[^\w./~}-])(/(?:home|root|work)/)";
    tree.files.iter().flat_map(|file| places(file, &file.text, pattern, "is a folder of one machine")).collect()
}

fn retries_keys(tree: &Tree) -> Vec<String> {
    // The broken corpus shows what is said to whoever writes such a key.
    let ours = |path: &str| path.ends_with(".toml") && !path.starts_with("tests/corpus/broken/");
    let files = tree.files.iter().filter(|file| ours(&file.path));
    let pattern = r"(?m)^[^#\n]*?([\w-]*retries[\w-]*)\s*=";
    files.flat_map(|file| places(file, &file.text, pattern, "is no key of ours")).collect()
}

/// Returns a complaint for each place where the pattern (its group, if it has one) is found in the text or code of a file.
fn places(file: &Source, within: &str, pattern: &str, complaint: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).expect("a regex in our own source is right");
    let found = pattern.captures_iter(within).filter_map(|found| found.iter().flatten().last());
    found.map(|found| format!("{}: `{}` {complaint}", file.place(found.start()), found.as_str())).collect()
}
