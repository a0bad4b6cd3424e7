//! Files of jobs: what is read from good ones, and what is said of broken ones.

mod broken;
mod files;
mod good;
mod truncated;

use std::path::PathBuf;

use steadfast::job::{Reader, Reading, Text};

/// Reads one text as the file `jobs.toml` of `/srv/jobs`.
fn read(text: &str) -> Reading {
    Reader::new().read_texts(&[Text::new("jobs.toml", "/srv/jobs", text)])
}

fn corpus(kind: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(kind);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
