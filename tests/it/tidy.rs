//! The rules of the house that a machine can check, read off the source tree.
//!
//! # Theory of operation
//!
//! [`Tree`] is the text of every file that belongs to the repository, and the code of the Rust files without comments
//! and string contents. A [`Check`] is a sentence and a function from a tree to complaints, each with its file and line. Every check
//! brings small trees that break it, so that we know it can fail; `the_house_is_tidy` runs them all on the real tree.
//!
//! A table that names a module which is not there is a complaint, and so is a module that no table names.

mod code;
mod files;
mod floors;
mod tree;
mod windows;
mod words;

use tree::Tree;

/// One rule, how to see that it is broken, and trees that break it.
struct Check {
    /// What must hold, as a sentence.
    rule: &'static str,
    complaints: fn(&Tree) -> Vec<String>,
    /// Trees (path and text of each file) that must draw a complaint which holds the given words.
    broken: &'static [(&'static [(&'static str, &'static str)], &'static str)],
}

/// Returns every check.
fn checks() -> impl Iterator<Item = &'static Check> {
    [floors::CHECKS, files::CHECKS, windows::CHECKS, words::CHECKS].into_iter().flatten()
}

#[test]
fn the_house_is_tidy() {
    let tree = Tree::of_repository();
    let complaints: Vec<String> = checks()
        .filter_map(|check| {
            let found = (check.complaints)(&tree);
            (!found.is_empty()).then(|| format!("{}\n  {}\n", check.rule, found.join("\n  ")))
        })
        .collect();
    assert!(complaints.is_empty(), "the house is not tidy:\n\n{}", complaints.join("\n"));
}

#[test]
fn every_check_can_fail() {
    for check in checks() {
        assert!(!check.broken.is_empty(), "no tree breaks the rule: {}", check.rule);
        for (files, words) in check.broken {
            let found = (check.complaints)(&Tree::of(files));
            assert!(
                found.iter().any(|complaint| complaint.contains(words)),
                "no complaint with `{words}` about {files:?}\nrule: {}\ncomplaints: {found:?}",
                check.rule,
            );
        }
    }
}

/// A small tree that keeps every rule, with the things in it that a careless check would trip over.
#[test]
fn a_tidy_tree_draws_no_complaint() {
    let tree = Tree::of(&[
        ("src/lib.rs", "mod clock;\nmod dispatch;\nmod exec;\nmod sys;\n"),
        ("src/clock.rs", "//! May `unsafe` be named here? Yes: in a comment.\nuse std::time::Instant;\n"),
        (
            "src/dispatch.rs",
            "use crate::clock;\nconst NAME: &str = \"async unsafe todo!()\";\n#[cfg(test)]\nmod tests {\n    use std::time::Instant;\n}\n",
        ),
        (
            "src/exec.rs",
            "//! The hands.\n//!\n//! # Theory of operation\nmod process;\nuse crate::{clock, sys::fork};\n",
        ),
        ("src/exec/process.rs", "#[cfg(test)]\nmod tests;\n"),
        ("src/exec/process/tests.rs", "fn lifetimes<'a>(quote: char) -> bool { quote == '\"' }\n"),
        ("src/sys.rs", "fn call() { unsafe { libc::sync() } }\n"),
        ("tests/it/main.rs", "#[path = \"../support\"]\nmod support {\n    pub(crate) mod fuzz;\n}\n"),
        ("tests/support/fuzz.rs", ""),
        ("policies/net.toml", "# retries are attempts here\nattempts = 3\n"),
        ("README.md", "see https://example.invalid/home/page and a/work/folder\n"),
    ]);
    for check in checks() {
        assert_eq!((check.complaints)(&tree), Vec::<String>::new(), "{}", check.rule);
    }
}
