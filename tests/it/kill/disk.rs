//! A state folder that fills up, or cannot be written.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use steadfast::api::Client;
use steadfast::state::StateDir;

use super::check::{Allowed, check, reader};
use super::place::{Daemon, LONG, Place, eventually};

/// A process that keeps a mount namespace with a small file system where the state folder is.
struct Small(Child);

impl Small {
    /// Mounts one of so many MiB; `None` where this machine lets nobody.
    fn mount(folder: &Path, size: u32) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        Self::with(&format!("mount -t tmpfs -o mode=0700,size={size}m tmpfs {}", folder.display()))
    }

    /// Makes a mount namespace by a script of its own.
    fn with(script: &str) -> Option<Self> {
        let script = format!("{script} && echo ready && exec cat");
        let child = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut small = Self(child);
        let mut word = [0; 6];
        std::io::Read::read_exact(small.0.stdout.as_mut()?, &mut word).ok()?;
        Some(small)
    }

    /// A command that sees the small file system.
    fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        let holder = self.0.id().to_string();
        inside.args(["--target", &holder, "--user", "--mount", "--preserve-credentials"]);
        inside.arg(command.get_program()).args(command.get_args());
        inside
    }

    /// Starts a daemon that sees it.
    fn start(&self, place: &Place, flags: &[&str]) -> Daemon {
        let said = place.said_to();
        let mut command = self.inside(&place.serve(flags));
        command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
        Daemon::of(command.spawn().unwrap())
    }

    fn sh(&self, script: &str) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        self.inside(&command).stderr(Stdio::null()).status().unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a daemon says when it cannot write, and when it can again.
const FELT: &str = "nothing new begins";
const OVER: &str = "can be written again";

fn times(place: &Place, words: &str) -> u64 {
    std::fs::read_to_string(place.path().join("said")).unwrap().matches(words).count() as u64
}

fn began(place: &Place) -> usize {
    std::fs::read_to_string(place.side().join("log")).unwrap().lines().filter(|line| line.starts_with("begin")).count()
}

#[test]
fn on_a_full_disk_nothing_begins_what_runs_runs_on_and_space_is_enough_to_go_on() {
    let mut place = Place::new();
    place.declare_policy();
    place.declare_workers("quick", 300, 10, "tidy", "");
    place.declare_workers("long", 1, 2_500, "tidy", "priority = 1\nlimits = { open-files = 64 }");
    let Some(small) = Small::mount(&place.state(), 32) else {
        eprintln!("SKIPPED: no file system of its own can be mounted here, so nobody filled one up");
        return;
    };
    let state = place.state_as_seen_inside();
    let mut daemon = small.start(&place, &["--until-idle", "--slots", "3", "--no-trace-files"]);
    eventually("work begins", || began(&place) > 3);
    let mut rounds = 0;
    while rounds < 4 && daemon.has_ended().is_none() {
        std::thread::sleep(Duration::from_millis(150 + 130 * rounds));
        rounds += 1;
        small.sh(&format!("cat /dev/zero > {0}/filler; cat /dev/zero > {0}/more", state.display()));
        // The journal's file is used again and again, so a full disk is not felt at once.
        eventually("the daemon feels it", || times(&place, FELT) >= rounds || daemon.has_ended().is_some());
        std::thread::sleep(Duration::from_millis(100));
        let before = began(&place);
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(began(&place), before, "something began on a full disk\n{}", place.said());
        small.sh(&format!("rm -f {0}/filler {0}/more", state.display()));
        eventually("the daemon goes on", || times(&place, OVER) >= rounds || daemon.has_ended().is_some());
    }
    assert!(rounds >= 3, "the disk was full only {rounds} times\n{}", place.said());
    let ended = daemon.ends_within(LONG);
    assert!(matches!(ended.code(), Some(0 | 1)), "{ended}\n{}", place.said());
    let copy = place.path().join("copy");
    small.sh(&format!("cp -r {} {}", state.display(), copy.display()));
    place.see_state_at(copy);
    let (wrong, figures) = check(&place, Allowed::default());
    assert!(wrong.is_empty(), "{}\n{figures:?}\n{}", wrong.join("\n"), place.said());
    let lives: i64 = reader(&place)
        .query_row("SELECT count(*) FROM journal WHERE kind = 'daemon-woke'", (), |row| row.get(0))
        .unwrap();
    assert_eq!(lives, 1, "one daemon did it all");
}

/// A run whose output has no place goes on: what is lost is counted.
#[test]
fn a_full_log_disk_costs_output_and_kills_no_run() {
    let mut place = Place::new();
    let logs = place.state().join("logs");
    let Some(small) = Small::mount(&logs, 8) else {
        eprintln!("SKIPPED: no file system of its own can be mounted here, so nobody filled one up");
        return;
    };
    let out = "head -c 3000000 /dev/zero || exit 9";
    for output in ["file", "pipe"] {
        // One writes before and after the disk is full, and asks itself whether it may; one begins when it is full.
        let running = format!(
            "echo first; touch {0}/{output}; while [ ! -e {0}/full ]; do sleep 0.01; done; echo more; {out}",
            place.side().display()
        );
        let running = if output == "file" { running.replace(" || exit 9", "; true") } else { running };
        place.declare(&format!(
            "[job.running-{output}]\nloop = {{ attempts = 1 }}\ncommand = {{ shell = '{running}', output = \"{output}\" }}\n\
             [job.later-{output}]\nloop = {{ attempts = 1 }}\ncommand = {{ shell = '{out}; {out} >&2', output = \"{output}\" }}\nafter = [\"gate\"]\n"
        ));
    }
    let gate = format!("while [ ! -e {}/full ]; do sleep 0.01; done", place.side().display());
    place.declare(&format!("[job.gate]\ncommand = {{ shell = '{gate}' }}\n"));
    let daemon = small.start(&place, &["--until-idle", "--slots", "8"]);
    eventually("both write", || ["file", "pipe"].iter().all(|output| place.side().join(output).exists()));
    small.sh(&format!("cat /dev/zero > {}/filler", logs.display()));
    std::fs::write(place.side().join("full"), "").unwrap();
    assert_eq!(daemon.ends().code(), Some(0), "{}", place.said());
    let rows = reader(&place);
    let dropped = |job: &str| -> u64 {
        let select = "SELECT journal.body FROM journal JOIN runs ON runs.id = journal.run \
                      WHERE runs.job = ?1 AND ending = 'succeeded' AND journal.body LIKE '%dropped-bytes%'";
        let body: String = rows.query_row(select, [job], |row| row.get(0)).unwrap();
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        body["stepped"]["end"]["usage"]["dropped-bytes"].as_u64().unwrap()
    };
    assert!(dropped("running-pipe") > 2_900_000, "{}", dropped("running-pipe"));
    for job in ["later-pipe", "later-file"] {
        assert_eq!(dropped(job), 6_000_000, "{job}");
    }
    assert_eq!(dropped("running-file"), 0, "what it could not write it knows itself");
}

#[test]
fn a_store_that_cannot_be_written_for_a_while_is_gone_on_with() {
    for armed in ["store::commit::before=error@5", "store::commit::before=error@40"] {
        let mut place = Place::new();
        place.declare_policy();
        place.declare_workers("quick", 30, 10, "tidy", "");
        let ended = place.start_armed(&["--until-idle"], armed).ends();
        assert!(matches!(ended.code(), Some(0 | 1)), "{armed}: {}", place.said());
        assert!(place.said().contains("nothing new begins"), "{armed}: {}", place.said());
        let (wrong, figures) = check(&place, Allowed::default());
        assert!(wrong.is_empty(), "{armed}\n{}\n{figures:?}\n{}", wrong.join("\n"), place.said());
    }
}

/// A store that is too large to be checked before work begins is checked beside it.
#[test]
fn damage_in_a_large_store_is_said_aloud_after_a_crash() {
    let mut place = Place::new();
    place.declare_policy().declare_workers("long", 1, 1_000, "tidy", "");
    let daemon = place.start(&[]);
    std::thread::sleep(Duration::from_millis(300));
    assert!(daemon.kill());
    let file = place.state().join("store.db");
    let rows = rusqlite::Connection::open(&file).unwrap();
    rows.execute_batch("CREATE TABLE filler (x); INSERT INTO filler WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT zeroblob(3000) FROM n; PRAGMA wal_checkpoint(TRUNCATE);").unwrap();
    drop(rows);
    let length = std::fs::metadata(&file).unwrap().len();
    assert!(length > 8 << 20, "{length}");
    let daemon = place.start(&[]);
    eventually("it was looked through", || place.said().contains("and is sound"));
    assert!(daemon.kill());
    std::os::unix::fs::FileExt::write_all_at(
        &std::fs::File::options().write(true).open(&file).unwrap(),
        &[0xFF; 4096],
        (length / 2) & !4095,
    )
    .unwrap();
    let daemon = place.start(&[]);
    let mut client = Client::connect(&StateDir::at(place.state()));
    eventually("the damage is known", || {
        client = Client::connect(&StateDir::at(place.state()));
        client.as_mut().ok().and_then(|client| client.status().ok()).is_some_and(|status| status.damage.is_some())
    });
    assert!(place.said().contains("the store is damaged"), "{}", place.said());
    assert!(daemon.kill());
}

/// Found by reading: a store that could not say which jobs have runs made `--until-idle` pass them over and end well.
#[test]
fn a_job_is_not_passed_over_because_the_store_could_not_be_asked() {
    let mut place = Place::new();
    place.declare_policy().declare_workers("quick", 3, 5, "tidy", "");
    let ended = place.start_armed(&["--until-idle"], "daemon::pending=error@1").ends();
    assert!(matches!(ended.code(), Some(0 | 1)), "{}", place.said());
    assert!(place.said().contains("the runs of jobs cannot be read"), "{}", place.said());
    let (wrong, figures) = check(&place, Allowed::default());
    assert!(wrong.is_empty() && figures.runs == 3, "{}\n{figures:?}", wrong.join("\n"));
}

/// Found by limiting threads: the runtime panics where it cannot have another one, and the daemon ended with it at its start.
#[test]
fn a_daemon_that_can_have_no_more_threads_does_the_work_itself() {
    let mut place = Place::new();
    place.declare_policy().declare_workers("quick", 1, 5, "tidy", "");
    let ended = place.start_armed(&["--until-idle"], "daemon::recall::thread=error@1").ends();
    assert_eq!(ended.code(), Some(0), "{}", place.said());
    assert!(place.said().contains("no thread can be had"), "{}", place.said());
}

#[test]
fn a_disk_that_cannot_make_a_write_durable_ends_the_daemon_and_the_next_goes_on() {
    let mut place = Place::new();
    place.declare_policy();
    place.declare_workers("quick", 20, 50, "tidy", "");
    let ended = place.start_armed(&["--until-idle"], "store::sync=error@9").ends();
    assert_eq!(ended.code(), Some(70), "no job is to blame: {}", place.said());
    assert!(place.said().contains("could not make a write durable"), "{}", place.said());
    assert!(matches!(place.calm(), Some(0 | 1)), "{}", place.said());
    let (wrong, figures) = check(&place, Allowed::default());
    assert!(wrong.is_empty(), "{}\n{figures:?}\n{}", wrong.join("\n"), place.said());
}

#[test]
fn a_store_that_became_read_only_is_refused_at_the_start_and_starts_nothing() {
    let mut place = Place::new();
    place.declare_policy().declare_workers("quick", 3, 5, "tidy", "");
    assert!(matches!(place.calm(), Some(0 | 1)), "{}", place.said());
    let before = began(&place);
    place.declare_workers("more", 3, 5, "tidy", "");
    let state = place.state();
    let read_only = format!("mount --bind {0} {0} && mount -o remount,ro,bind {0}", state.display());
    let Some(small) = Small::with(&read_only) else {
        eprintln!("SKIPPED: no file system can be mounted read-only here");
        return;
    };
    let ended = small.start(&place, &["--until-idle", "--no-trace-files"]).ends();
    assert_eq!(ended.code(), Some(7), "it may not be written, and trying again would not help: {}", place.said());
    assert!(place.said().contains("Read-only file system"), "{}", place.said());
    assert!(place.said().contains(&state.display().to_string()), "it says where: {}", place.said());
    assert_eq!(began(&place), before);
    drop(small);
    assert!(matches!(place.calm(), Some(0 | 1)), "{}", place.said());
    let (wrong, figures) = check(&place, Allowed::default());
    assert!(wrong.is_empty() && figures.runs == 6, "{}\n{figures:?}", wrong.join("\n"));
}

#[test]
fn a_state_folder_that_cannot_be_written_is_refused_with_its_name() {
    let mut place = Place::new();
    place.declare("[job.one]\ncommand = { run = [\"true\"] }\n");
    // Not even the owner of the machine can write here.
    let state = Path::new("/proc/sys/steadfast");
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    let out = command.arg("serve").arg(place.path().join("jobs")).arg("--state").arg(state).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(70), "{said}");
    assert!(said.contains("/proc/sys/steadfast"), "{said}");
}
