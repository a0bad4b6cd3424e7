//! Files that are wrong, half written or changed, and programs that cannot be started, on the real daemon.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use steadfast::api::{Client, Start};
use steadfast::state::StateDir;

use super::check::reader;
use super::place::{Daemon, Place, eventually, signal};

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

/// How often the journal says that files were taken up.
fn loaded(place: &Place) -> u64 {
    let select = "SELECT count(*) FROM journal WHERE kind = 'daemon-loaded'";
    reader(place).query_row(select, [], |row| row.get::<_, i64>(0)).unwrap().cast_unsigned()
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_named_pipe_is_no_file_of_jobs_and_nobody_waits_for_who_writes_to_it() {
    let place = Place::new();
    let pipe = place.path().join("pipe.toml");
    make_pipe(&pipe);
    let mut check = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    let said = place.said_to();
    check.arg("check").arg(&pipe).stdout(said.try_clone().unwrap()).stderr(said);
    let ended = Daemon::of(check.spawn().unwrap()).ends_within(Duration::from_secs(20));
    let told = place.said();
    assert_eq!((ended.code(), told.contains("it is no plain file")), (Some(3), true), "{told}");
}

#[test]
fn a_named_pipe_in_a_watched_folder_is_told_and_work_goes_on() {
    let mut place = Place::new();
    place.declare(ONE);
    let daemon = place.start(&[]);
    let mut client = client(&place);
    let pipe = place.path().join("jobs/pipe.toml");
    make_pipe(&pipe);
    eventually("it is refused", || client.status().unwrap().config.refused.is_some());
    let wrong = client.status().unwrap().config.refused.unwrap();
    assert!(wrong.contains("it is no plain file") && wrong.contains("pipe.toml"), "{wrong}");
    let run = client.start(&[Start { job: "one".to_owned(), ..Start::default() }]).unwrap().runs[0];
    client.wait(run, Duration::from_secs(20)).expect("work goes on under the old configuration");
    std::fs::remove_file(pipe).unwrap();
    eventually("it is well again", || client.status().unwrap().config.refused.is_none());
    drop(daemon);
}

#[test]
fn links_that_lead_round_in_a_circle_hold_nobody_up() {
    let mut place = Place::new();
    place.declare(ONE);
    for name in ["x", "y"] {
        std::os::unix::fs::symlink(".", place.path().join("jobs").join(name)).unwrap();
    }
    assert_eq!(place.calm(), Some(0), "{}", place.said());
}

/// A program that never leaves a folder alone: with the files themselves, an edit is taken up all the same; beside
/// them, it is not even heard.
#[test]
fn an_edit_is_taken_up_while_a_program_writes_into_the_folder_all_the_time() {
    let mut place = Place::new();
    place.declare(ONE);
    let daemon = place.start(&[]);
    let mut client = client(&place);
    let over = AtomicBool::new(false);
    let noise = place.path().join("jobs/noise.toml");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // A comment, as a whole: nobody ever reads the half of it.
                std::fs::write(noise.with_extension("new"), "# noise\n").unwrap();
                std::fs::rename(noise.with_extension("new"), &noise).unwrap();
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        write(&place, &format!("{ONE}{TWO}"));
        let end = Instant::now() + Duration::from_secs(20);
        while jobs(&mut client) != 2 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(jobs(&mut client), 2, "{}", place.said());
    drop(daemon);
}

#[test]
fn a_touch_that_changes_nothing_leaves_nothing_in_the_journal_and_a_wish_does() {
    let mut place = Place::new();
    place.declare(ONE);
    let daemon = place.start(&[]);
    let mut client = client(&place);
    eventually("the first are there", || loaded(&place) == 1);
    eventually("one is told as one", || place.said().contains(" 1 job loaded: first"));
    let before = loaded(&place);
    write(&place, &format!("# a word more\n{ONE}"));
    eventually("it is read again", || place.said().contains("read the files again: nothing changed"));
    client.reload().unwrap();
    // Entries are written in their order: what was before a run that is over is on the disk.
    let run = client.start(&[Start { job: "one".to_owned(), ..Start::default() }]).unwrap().runs[0];
    client.wait(run, Duration::from_secs(20)).unwrap();
    assert_eq!(loaded(&place), before + 1, "one for the wish, none for the touch");
    drop(daemon);
}

#[test]
fn what_is_wrong_is_told_in_lines_whoever_asked_and_the_status_names_the_place() {
    let mut place = Place::new();
    place.declare(ONE);
    let daemon = place.start(&["--no-watch"]);
    let mut client = client(&place);
    write(&place, "[job.one]\ncommand = { run = [] }\n");
    client.reload().expect_err("a command of nothing");
    let said = place.said();
    let told: Vec<&str> = said.lines().skip_while(|line| !line.contains("the files are wrong")).collect();
    assert!(told.len() > 3 && told[1].starts_with("    error[SF0203]") && told[2].contains("jobs.toml:2:"), "{said}");
    assert!(!said.contains("\\n"), "{said}");
    let mut status = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    let status = status.args(["daemon", "status", "--state"]).arg(place.state()).output().unwrap();
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    let refused = status.lines().find(|line| line.trim_start().starts_with("refused")).unwrap_or(&status);
    assert!(refused.contains("jobs.toml:2:") && refused.contains("error[SF0203]"), "{status}");
    drop(daemon);
}
