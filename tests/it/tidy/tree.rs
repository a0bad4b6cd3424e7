//! The files that the checks read.

use std::path::Path;
use std::process::Command;

use regex::Regex;

use super::code;

/// One file of the repository.
pub(super) struct Source {
    /// The path from the root of the repository, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// For a Rust file: the text with comments and the contents of strings blanked, every line in its place.
    pub(super) code: String,
}

/// Every text file of the repository.
pub(super) struct Tree {
    pub(super) files: Vec<Source>,
}

impl Tree {
    /// Makes a tree from paths and texts.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let source = |&(path, text): &(&str, &str)| Source {
            path: path.to_owned(),
            text: text.to_owned(),
            code: if path.ends_with(".rs") { code::blanked(text) } else { String::new() },
        };
        Self { files: files.iter().map(source).collect() }
    }

    /// Reads the repository: what git tracks or would track, so that a new file is seen before it is committed.
    ///
    /// Without git (an unpacked archive) every file outside `target` counts.
    pub(super) fn of_repository() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths = listed_by_git(root).unwrap_or_else(|| listed_by_walking(root, ""));
        paths.sort();
        paths.dedup();
        let texts: Vec<_> = paths
            .iter()
            .filter_map(|path| Some((path.as_str(), std::fs::read_to_string(root.join(path)).ok()?)))
            .collect();
        let files: Vec<_> = texts.iter().map(|(path, text)| (*path, text.as_str())).collect();
        assert!(files.iter().any(|(path, _)| *path == "Cargo.toml"), "the tree holds no Cargo.toml: nothing was read");
        Self::of(&files)
    }

    /// Returns the Rust files.
    pub(super) fn rust(&self) -> impl Iterator<Item = &Source> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }
}

impl Source {
    /// Tells whether the file holds tests only.
    pub(super) fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// Returns the code before the tests, which stand last in a file.
    pub(super) fn code_without_tests(&self) -> &str {
        let tests = Regex::new(r"#\[cfg\(test\)\]\s*mod \w+ \{").expect("a regex in our own source is right");
        tests.splitn(&self.code, 2).next().unwrap_or_default()
    }

    /// Returns the place of a byte as `file:line`.
    pub(super) fn place(&self, byte: usize) -> String {
        let line = 1 + self.text.as_bytes()[..byte].iter().filter(|byte| **byte == b'\n').count();
        format!("{}:{line}", self.path)
    }
}

fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(list).current_dir(root).output().ok()?;
    let paths = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| paths.split_terminator('\0').map(String::from).collect())
}

fn listed_by_walking(root: &Path, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root.join(folder)).expect("a folder of the repository can be listed");
    let mut paths = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type().expect("the file system knows what an entry is");
        if kind.is_file() {
            paths.push(path);
        } else if kind.is_dir() && name != ".git" && !name.starts_with("target") {
            paths.extend(listed_by_walking(root, &path));
        }
    }
    paths
}

#[test]
fn git_and_walking_see_the_same_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(tracked) = listed_by_git(root) else { return };
    let walked = listed_by_walking(root, "src");
    let missing: Vec<_> = tracked.iter().filter(|path| path.starts_with("src/") && root.join(path).is_file()).collect();
    assert!(missing.iter().all(|path| walked.contains(path)), "{missing:?} against {walked:?}");
}
