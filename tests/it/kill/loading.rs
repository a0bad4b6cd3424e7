//! Files that are wrong, half written or changed, and programs that cannot be started, on the real daemon.

use std::path::Path;
use std::time::Duration;

use steadfast::api::{Client, Start};
use steadfast::state::StateDir;

use super::check::reader;
use super::place::{Place, eventually, signal};

const ONE: &str = "[job.one]\ncommand = { run = [\"true\"] }\n";
const TWO: &str = "[job.two]\ncommand = { run = [\"true\"] }\n";

fn client(place: &Place) -> Client {
    let mut client = None;
    eventually("the daemon answers", || {
        client = Client::connect(&StateDir::at(place.state())).ok();
        client.is_some()
    });
    client.unwrap()
}

fn jobs(client: &mut Client) -> u64 {
    client.status().unwrap().config.jobs
}

/// Writes a file in place, as an editor that is in the middle of it.
fn write(place: &Place, text: &str) {
    std::fs::write(place.path().join("jobs/jobs.toml"), text).unwrap();
}

#[test]
fn a_half_written_file_changes_nothing_and_is_told_and_the_whole_one_is_taken_up() {
    let mut place = Place::new();
    place.declare(ONE);
    let daemon = place.start(&[]);
    let mut client = client(&place);
    // Cut in a word; and whole, but for the end of its last line, without which nobody knows that it is whole.
    for half in [format!("{ONE}[job.two]\ncommand = {{ run = [\"tr"), format!("{ONE}{}", TWO.trim_end())] {
        write(&place, &half);
        eventually("it is refused", || client.status().unwrap().config.refused.is_some());
        assert_eq!(jobs(&mut client), 1, "the configuration stays as it was");
        let start = Start { job: "one".to_owned(), ..Start::default() };
        client.start(&[start]).expect("work goes on under the old one");
        write(&place, &format!("{ONE}{TWO}"));
        eventually("it is taken up", || jobs(&mut client) == 2);
        assert_eq!(client.status().unwrap().config.refused, None);
        write(&place, ONE);
        eventually("and back", || jobs(&mut client) == 1);
    }
    drop(daemon);
}

#[test]
fn a_hangup_reads_the_files_where_nobody_watches_them() {
    let mut place = Place::new();
    place.declare(ONE);
    let daemon = place.start(&["--no-watch"]);
    let mut client = client(&place);
    write(&place, "[job.one\n");
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(client.status().unwrap().config.refused, None, "nobody looked");
    signal(daemon.pid(), "HUP");
    eventually("it is refused", || client.status().unwrap().config.refused.is_some());
    write(&place, &format!("{ONE}{TWO}"));
    signal(daemon.pid(), "HUP");
    eventually("it is taken up", || jobs(&mut client) == 2);
    assert!(place.said().contains("the files are wrong, the configuration stays as it was"), "{}", place.said());
    drop(daemon);
}

/// One job for each way in which a program cannot be started: each fails at once, with a word for it, and is not tried for ever.
#[test]
fn what_cannot_be_started_is_told_by_class_and_sentence_and_ends() {
    let mut place = Place::new();
    let locked = place.path().join("locked");
    std::fs::write(&locked, "#!/bin/sh\n").unwrap();
    let gone = place.path().join("gone");
    std::fs::create_dir(&gone).unwrap();
    let short = "loop = { attempts = 3 }\ndelay = { constant = \"5ms\", jitter = \"none\" }";
    let job = |name: &str, run: &Path, more: &str| {
        format!("[job.{name}]\n{short}\n{more}\ncommand = {{ run = [\"{}\"] }}\n\n", run.display())
    };
    place.declare(&job("missing", Path::new("no-such-program-here"), ""));
    place.declare(&job("locked", &locked, ""));
    place.declare(&format!(
        "[job.gone]\n{short}\nworkdir = \"{}\"\ncommand = {{ run = [\"true\"] }}\n\n",
        gone.display()
    ));
    let daemon = place.start(&[]);
    let mut client = client(&place);
    std::fs::remove_dir(&gone).unwrap();
    for (job, class, words) in [
        ("missing", "start-not-found", "no-such-program-here"),
        ("locked", "start-denied", "locked"),
        ("gone", "start-not-found", "gone"),
    ] {
        let start = Start { job: job.to_owned(), ..Start::default() };
        let run = client.start(&[start]).unwrap().runs[0];
        let row = client.wait(run, Duration::from_secs(20)).unwrap();
        let select = "SELECT class, count(*) FROM attempts WHERE run = ?1";
        let (found, attempts): (String, i64) =
            reader(&place).query_row(select, [run.0.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let why = format!("{:?}", client.why(run).unwrap());
        assert!(attempts <= 3, "{job}: {attempts} attempts");
        assert_eq!((found.as_str(), why.contains(words)), (class, true), "{job}: {row:?}\n{why}");
    }
    write(&place, "[job.empty]\ncommand = { run = [] }\n");
    eventually("nothing to run is refused before it runs", || client.status().unwrap().config.refused.is_some());
    drop(daemon);
}
