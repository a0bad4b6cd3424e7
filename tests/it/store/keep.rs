//! Locks, versions, backups, checks, pruning: what the owner of the file does with it.

use steadfast::ids::RunId;
use steadfast::journal::TickFate;
use steadfast::store::{Check, Keep, Pruned, Sqlite, Store, StoreError, is_locked};

use super::words::{Run, at, bad_life, good_life, slept, ticked, woke, write};
use super::{BIRTH, open};

#[test]
fn a_second_daemon_is_refused_with_the_holders_number() {
    let folder = super::quick_folder();
    assert!(!is_locked(folder.path()));
    let store = open(folder.path());
    let error = Sqlite::open(folder.path(), BIRTH).unwrap_err();
    assert_eq!(error, StoreError::Held(format!("process {}", std::process::id())));
    assert!(is_locked(folder.path()));
    drop(store);
    assert!(!is_locked(folder.path()));
    open(folder.path());
}

#[test]
fn a_store_of_a_newer_program_is_refused_and_left_alone() {
    let folder = super::quick_folder();
    let path = open(folder.path()).path().to_owned();
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Sqlite::open(folder.path(), BIRTH).unwrap_err();
    assert_eq!(error, StoreError::Newer { found: 99, known: 1 });
    assert!(error.to_string().contains("help: use the newer program"));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn an_empty_file_becomes_a_store_once() {
    let folder = super::quick_folder();
    std::fs::write(folder.path().join("store.db"), "").unwrap();
    let name = open(folder.path()).info().unwrap().store;
    assert_eq!(name, format!("{:032x}", BIRTH.store));
    let other = steadfast::store::Birth { store: 1, ..BIRTH };
    let again = Sqlite::open(folder.path(), other).unwrap().info().unwrap();
    assert_eq!((again.store, again.version), (name, 1), "a store keeps its name");
}

#[test]
fn a_backup_is_a_store_of_that_moment() {
    let folder = super::quick_folder();
    let mut store = open(folder.path());
    write(&mut store, good_life(1, "crawl")).unwrap();
    let copy = super::quick_folder();
    let to = copy.path().join("store.db");
    store.backup(&to).unwrap();
    write(&mut store, good_life(2, "crawl")).unwrap();
    let refused = format!("{} is there already\nhelp: give the name of a new file", to.display());
    assert_eq!(store.backup(&to).unwrap_err().to_string(), refused, "a file that is there is left alone");
    let mut copy = open(copy.path());
    assert_eq!(copy.recover().unwrap().newest_run, 1);
    assert_eq!(copy.verify().unwrap().wrong, Vec::<String>::new());
}

#[test]
fn a_check_finds_rows_that_do_not_follow_from_the_journal() {
    let folder = super::quick_folder();
    let mut store = open(folder.path());
    let mut run = Run::new(2);
    write(&mut store, good_life(1, "crawl")).unwrap();
    write(&mut store, [run.opened("crawl"), run.begins(), run.fails("net-reset"), Run::new(3).opened("index")])
        .unwrap();
    assert_eq!(store.verify().unwrap().wrong, Vec::<String>::new());
    let rows = rusqlite::Connection::open(store.path()).unwrap();
    for (damage, says) in [
        ("UPDATE counts SET n = n + 1 WHERE word = 'succeeded'", "a counter is wrong: crawl succeeded"),
        ("UPDATE lanes SET queued = 7", "the counter of a lane is wrong: /index"),
        ("DELETE FROM attempts WHERE run = 2", "A2, the attempts are not numbered 1, 2, 3: run 2"),
        (
            "UPDATE runs SET state = 'running', due_at = NULL WHERE id = 2",
            "run 2 is not where its journal leads: it should be waiting",
        ),
        ("DELETE FROM runs WHERE id = 3", "A1, a run of the journal is lost: run 3"),
        ("UPDATE documents SET body = body || ' '", "is not what it was"),
    ] {
        assert!(rows.execute(damage, ()).unwrap() > 0);
        let wrong = store.verify().unwrap().wrong;
        assert!(wrong.iter().any(|line| line.contains(says)), "`{damage}` gives {wrong:#?}");
    }
}

#[test]
fn old_runs_are_pruned_and_what_is_needed_is_kept() {
    let folder = super::quick_folder();
    let mut store = open(folder.path());
    for run in 1..=600 {
        let life = if run % 2 == 0 { good_life(run, "crawl") } else { bad_life(run, "index") };
        write(&mut store, life).unwrap();
    }
    let mut waiting = Run::new(601);
    let life = [waiting.opened("crawl"), waiting.begins(), waiting.fails("net-reset")];
    write(&mut store, life.into_iter().chain([ticked("crawl", 5, TickFate::Overlapped), woke(), slept()])).unwrap();
    let entries = store.info().unwrap().entries;
    let mut gone = Vec::new();
    let pruned = store.prune(Keep { since: at(1_000_000), newest: 10 }, |run| gone.push(run)).unwrap();
    assert_eq!(gone, (1..=590).map(RunId).collect::<Vec<_>>());
    assert_eq!((pruned.runs, pruned.documents), (590, 0));
    assert_eq!(store.info().unwrap().entries, entries - pruned.entries);
    assert_eq!(store.verify().unwrap().wrong, Vec::<String>::new());
    assert_eq!(store.opening(RunId(590)).unwrap(), None);
    assert!(store.opening(RunId(591)).unwrap().is_some());
    let found = store.recover().unwrap();
    assert_eq!((found.newest_run, found.begun.len()), (601, 1));
    assert_eq!(store.prune(Keep { since: at(1_000_000), newest: 10 }, |_| ()).unwrap(), Pruned::default());
    let all = store.prune(Keep { since: at(1_000_000), newest: 0 }, |_| ()).unwrap();
    assert_eq!(all.runs, 8, "the newest run, success and ending of each job are kept");
}

#[test]
fn an_unclean_stop_is_noticed_and_checked() {
    let folder = super::quick_folder();
    let mut store = open(folder.path());
    write(&mut store, [woke()]).unwrap();
    drop(store);
    assert!(!open(folder.path()).owes_check(), "a small store is checked at once");
    Check::quickly(folder.path()).unwrap();
    assert!(matches!(Check::quickly(super::quick_folder().path()), Err(StoreError::Missing(_))));
}

#[test]
fn the_engine_is_new_enough_to_be_trusted_with_a_log() {
    // Versions before 3.51.3 could lose a checkpoint that met a commit.
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
}
