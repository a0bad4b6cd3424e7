//! A damaged file is refused or does no harm; it never ends the process.

use std::path::Path;

use steadfast::ids::RunId;
use steadfast::store::{Sqlite, Store, StoreError};

use super::BIRTH;
use super::words::{Run, bad_life, good_life, write};

/// Does everything that a daemon does at its start, and checks the whole.
fn use_everything(folder: &Path) -> Result<Vec<String>, StoreError> {
    let mut store = Sqlite::open(folder, BIRTH)?;
    store.recover()?;
    store.queued("/crawl", None, 100)?;
    for run in 1..=40 {
        store.opening(RunId(run))?;
    }
    let wrong = store.verify()?.wrong;
    write(&mut store, good_life(1_000, "crawl"))?;
    Ok(wrong)
}

#[test]
fn a_flipped_bit_is_refused_or_found_or_does_no_harm() {
    let folder = super::quick_folder();
    let mut store = super::open(folder.path());
    for run in 1..=40 {
        let life = if run % 2 == 0 { good_life(run, "crawl") } else { bad_life(run, "index") };
        write(&mut store, life).unwrap();
    }
    write(&mut store, [Run::new(41).opened("crawl")]).unwrap();
    let path = store.path().to_owned();
    drop(store);
    let sound = std::fs::read(&path).unwrap();
    let (mut refused, mut found) = (0, 0);
    // A step that shares no factor with the size visits the whole file, header and pages alike.
    for round in 0..160 {
        let mut bytes = sound.clone();
        let place = if round < 30 { round * 3 + 7 } else { (round * 7919 * 31) % bytes.len() };
        bytes[place] ^= 1 << (round % 8);
        std::fs::write(&path, &bytes).unwrap();
        for beside in ["store.db-wal", "store.db-shm"] {
            let _ = std::fs::remove_file(folder.path().join(beside));
        }
        match use_everything(folder.path()) {
            Ok(wrong) => found += usize::from(!wrong.is_empty()),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 10, "{refused} of 160 were refused");
    assert!(found > 10, "{found} of 160 were found by the check");
}

#[test]
fn a_torn_log_loses_its_tail_and_nothing_else() {
    let folder = super::quick_folder();
    let mut store = super::open(folder.path());
    for run in 1..=20 {
        write(&mut store, good_life(run, "crawl")).unwrap();
    }
    // A copy taken while the store is open is what a power cut leaves: the log was not folded in.
    let (main, log) = (folder.path().join("store.db"), folder.path().join("store.db-wal"));
    let (main, log) = (std::fs::read(main).unwrap(), std::fs::read(log).unwrap());
    let copy = super::quick_folder();
    let mut newest = 0;
    for cut in (0..log.len()).step_by(log.len() / 23).chain([log.len()]) {
        std::fs::write(copy.path().join("store.db"), &main).unwrap();
        std::fs::write(copy.path().join("store.db-wal"), &log[..cut]).unwrap();
        let _ = std::fs::remove_file(copy.path().join("store.db-shm"));
        match Sqlite::open(copy.path(), BIRTH) {
            Ok(mut store) => {
                let found = store.recover().unwrap();
                assert!(found.newest_run >= newest, "a longer log never knows less");
                newest = found.newest_run;
                assert_eq!(store.verify().unwrap().wrong, Vec::<String>::new());
            }
            Err(error) => panic!("a torn log is normal after a power cut: {error}"),
        }
    }
    assert_eq!(newest, 20);
}

#[test]
fn another_kind_of_file_is_refused_and_left_alone() {
    let folder = super::quick_folder();
    let path = folder.path().join("store.db");
    std::fs::write(&path, "not a store at all, but something that somebody needs".repeat(100)).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(Sqlite::open(folder.path(), BIRTH), Err(StoreError::Corrupt(_))));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    std::fs::remove_file(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE recipes (name TEXT); PRAGMA user_version = 1;").unwrap();
    drop(other);
    let error = Sqlite::open(folder.path(), BIRTH).unwrap_err();
    assert!(error.to_string().contains("no store of this program"), "{error}");
}
