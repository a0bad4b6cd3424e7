//! One suite for every store, and what only the one on disk can suffer.

mod conform;
mod crash;
mod damage;
mod keep;
mod play;
mod random;
mod schema;
mod speed;
mod view;
mod words;

use std::path::Path;

use steadfast::store::{Birth, Memory, Sqlite, Store};
use steadfast_retry::Moment;

const BIRTH: Birth = Birth { store: 0x5eed, at: Moment::from_nanos(1_700_000_000_000_000_000) };

fn open(folder: &Path) -> Sqlite {
    Sqlite::open(folder, BIRTH).expect("a fresh folder takes a store")
}

/// Makes a folder in memory where there is such a thing: what is tested in it is the rules, not the disk.
fn quick_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Runs one test against each store.
fn each(test: impl Fn(&mut dyn Store)) {
    let folder = quick_folder();
    test(&mut open(folder.path()));
    test(&mut Memory::new());
}
