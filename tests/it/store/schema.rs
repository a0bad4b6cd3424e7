//! What the tables refuse on their own, should a bug get past the words.

use rusqlite::Connection;

use super::words::{Run, bad_life, good_life, ticked, write};

#[test]
fn the_schema_refuses_what_must_never_be() {
    let folder = super::quick_folder();
    let mut store = super::open(folder.path());
    let mut open = Run::new(3);
    let lives = [good_life(1, "crawl"), bad_life(2, "crawl"), vec![open.opened("crawl"), open.begins()]].concat();
    write(&mut store, lives).unwrap();
    write(&mut store, [ticked("crawl", 5, steadfast::journal::TickFate::Overlapped)]).unwrap();
    let path = store.path().to_owned();
    drop(store);
    let rows = Connection::open(path).unwrap();
    rows.pragma_update(None, "foreign_keys", true).unwrap();
    for (statement, says) in [
        (
            "INSERT INTO attempts (run, number, token, state, began_at) VALUES (3, 1, zeroblob(16), 'running', 1)",
            "UNIQUE",
        ),
        (
            "INSERT INTO attempts (run, number, token, state, began_at) VALUES (3, 2, zeroblob(16), 'running', 1)",
            "UNIQUE",
        ),
        (
            "INSERT INTO attempts (run, number, token, state, began_at) VALUES (77, 1, zeroblob(16), 'running', 1)",
            "FOREIGN KEY",
        ),
        ("UPDATE attempts SET state = 'failed' WHERE run = 1", "an attempt that has ended never changes"),
        ("UPDATE attempts SET state = 'failed', ended_at = 1 WHERE run = 3", "CHECK"),
        ("UPDATE attempts SET state = 'succeeded' WHERE run = 3", "CHECK"),
        (
            "UPDATE runs SET state = 'queued', ending = NULL, closed_at = NULL WHERE id = 1",
            "a closed run never changes",
        ),
        ("UPDATE runs SET ending = 'succeeded' WHERE id = 2", "a closed run never changes"),
        ("UPDATE runs SET state = 'closed' WHERE id = 3", "CHECK"),
        ("UPDATE runs SET state = 'waiting' WHERE id = 3", "CHECK"),
        ("UPDATE journal SET body = '{}' WHERE seq = 1", "a line of the journal never changes"),
        ("INSERT INTO ticks (job, due) VALUES ('crawl', 5)", "UNIQUE"),
        ("UPDATE counts SET n = n - 100", "CHECK"),
        ("UPDATE lanes SET queued = -1", ""),
        ("UPDATE runs SET definition = zeroblob(16) WHERE id = 3", "FOREIGN KEY"),
    ] {
        match rows.execute(statement, ()) {
            Err(error) => assert!(error.to_string().contains(says), "{statement}: {error}"),
            Ok(changed) => assert_eq!(changed, 0, "{statement}"),
        }
    }
}
