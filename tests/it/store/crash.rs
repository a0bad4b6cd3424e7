//! A process that writes is killed, or its disk fills up: what was acknowledged is there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use steadfast::store::{Backlog, Report, Sqlite, Store, Writer};

use super::words::{bad_life, batch, good_life};

/// Tells the test binary, started again, where it is to write until it dies.
const FOLDER: &str = "STEADFAST_TEST_STORE_FOLDER";

/// Begins the child's lines, to tell them from the harness's.
const ACKNOWLEDGED: &str = "acknowledged ";

/// The child's part: whole lives of runs, handed to the writer as fast as it takes them, each acknowledged with a line.
#[test]
#[allow(clippy::disallowed_methods, reason = "the parent below hands the folder over in a variable")]
fn the_child_that_writes_until_it_dies() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    steadfast::failpoint::arm_from_environment().unwrap();
    let mut store = super::open(Path::new(&folder));
    let first = store.recover().unwrap().newest_run + 1;
    let failed = std::sync::Arc::new(AtomicU64::new(0));
    let noticed = std::sync::Arc::clone(&failed);
    let report = move |report| match report {
        Report::Durable { through, .. } => say(&format!("{ACKNOWLEDGED}{through}")),
        Report::Failed { error, .. } => {
            noticed.store(1, Ordering::SeqCst);
            say(&format!("failed {error}"));
        }
        Report::Probed(_) => {}
    };
    let writer =
        Writer::start(store, Backlog { waiting_bytes: 64 << 10, group_bytes: 16 << 10, ..Backlog::default() }, report)
            .unwrap();
    for run in first.. {
        if failed.load(Ordering::SeqCst) > 0 {
            break;
        }
        let life = if run % 3 == 0 { bad_life(run, "index") } else { good_life(run, "crawl") };
        writer.submit(writer.epoch(), [(run, batch(life))]);
    }
    drop(writer);
}

fn say(line: &str) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let mut out = std::io::stdout().lock();
    // A parent that is gone wants to know nothing more.
    let _ = out.write_all(format!("\n{line}\n").as_bytes()).and_then(|()| out.flush());
}

#[allow(clippy::disallowed_methods, reason = "a test of a process needs one")]
fn child(shell: Option<&str>, folder: &Path, failpoints: &str) -> Child {
    let binary = std::env::current_exe().unwrap();
    let mut command = match shell {
        None => Command::new(&binary),
        Some(script) => {
            let mut command = Command::new("sh");
            command.arg("-c").arg(format!("{script} exec \"$@\"")).arg("sh").arg(&binary);
            command
        }
    };
    let name = "store::crash::the_child_that_writes_until_it_dies";
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(FOLDER, folder);
    command.env(steadfast::failpoint::VARIABLE, failpoints);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Asserts that all runs up to the acknowledged one are there, whole, and that nothing else is wrong.
fn all_is_kept(store: &mut Sqlite, acknowledged: u64) {
    let found = store.recover().unwrap();
    assert!(
        found.newest_run >= acknowledged,
        "run {acknowledged} was acknowledged, {} is the newest",
        found.newest_run
    );
    assert!(found.begun.is_empty(), "a batch is a whole life, so there is no half one");
    for run in 1..=acknowledged {
        let (_, ending) = store.opening(steadfast::ids::RunId(run)).unwrap().expect("an acknowledged run is there");
        assert!(ending.is_some());
    }
    let verified = store.verify().unwrap();
    assert!(verified.wrong.is_empty(), "{:?}", verified.wrong);
}

#[test]
fn whatever_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..12_u64 {
        let mut child = child(None, folder.path(), "");
        let out = BufReader::new(child.stdout.take().unwrap());
        // How long it may live is counted in what it has done, so the test needs no clock: between 1 and 23 commits.
        let commits = 1 + (round * 7) % 23;
        let mut lines = out.lines().map_while(Result::ok);
        let mut seen = 0;
        for line in lines.by_ref() {
            if let Some(run) = line.strip_prefix(ACKNOWLEDGED) {
                acknowledged = run.parse().unwrap();
                seen += 1;
            }
            if seen == commits {
                break;
            }
        }
        child.kill().unwrap();
        // What it had acknowledged between the last line that was read and the kill counts as well.
        for line in lines {
            if let Some(run) = line.strip_prefix(ACKNOWLEDGED) {
                acknowledged = run.parse().unwrap();
            }
        }
        child.wait().unwrap();
        assert_eq!(seen, commits, "the child died on its own in round {round}");
        all_is_kept(&mut super::open(folder.path()), acknowledged);
    }
}

/// Lets a child write until it reports a failure; returns what it had acknowledged and what it said.
fn write_until_it_fails(shell: &str, folder: &Path) -> Option<(u64, String)> {
    let (acknowledged, failure) = write_until_it_ends(child(Some(shell), folder, ""));
    failure.map(|failure| (acknowledged, failure))
}

fn write_until_it_ends(mut child: Child) -> (u64, Option<String>) {
    let out = BufReader::new(child.stdout.take().unwrap());
    let (mut acknowledged, mut failure) = (0, None);
    for line in out.lines().map_while(Result::ok) {
        if let Some(run) = line.strip_prefix(ACKNOWLEDGED) {
            acknowledged = run.parse().unwrap();
        }
        if let Some(error) = line.strip_prefix("failed ") {
            failure = Some(error.to_owned());
        }
    }
    child.wait().unwrap();
    (acknowledged, failure)
}

#[test]
fn a_fault_at_any_commit_leaves_exactly_what_was_acknowledged() {
    for commit in 1..=5 {
        for (fault, kept) in [("before=error", true), ("before=abort", true), ("after=abort", false)] {
            let folder = super::quick_folder();
            let (acknowledged, failure) =
                write_until_it_ends(child(None, folder.path(), &format!("store::commit::{fault}@{commit}")));
            assert_eq!(failure.is_some(), fault.ends_with("error"), "{fault} at commit {commit}");
            let mut store = super::open(folder.path());
            all_is_kept(&mut store, acknowledged);
            // After the commit and before its word was passed on, a group is durable that nobody was told of.
            assert_eq!(store.recover().unwrap().newest_run == acknowledged, kept, "{fault} at commit {commit}");
        }
    }
}

#[test]
fn a_kill_during_a_migration_leaves_the_version_before() {
    let folder = super::quick_folder();
    assert_eq!(write_until_it_ends(child(None, folder.path(), "store::migrate::before=abort")), (0, None));
    let mut store = super::open(folder.path());
    all_is_kept(&mut store, 0);
    store.append(&batch(good_life(1, "crawl"))).unwrap();
}

#[test]
fn a_file_that_may_not_grow_fails_the_append_and_keeps_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    // The signal that comes with the limit is ignored, so the write itself fails, as on a failing disk.
    let limited = write_until_it_fails("trap '' XFSZ; ulimit -f 2048;", folder.path());
    let (acknowledged, failure) = limited.expect("the limit of 1 MiB is reached");
    assert!(acknowledged > 0);
    assert!(failure.contains("the store cannot be read or written") || failure.contains("is full"), "{failure}");
    let mut store = super::open(folder.path());
    all_is_kept(&mut store, acknowledged);
    store.append(&batch(good_life(1_000_000, "crawl"))).unwrap();
}

#[test]
fn a_full_disk_fails_the_append_and_keeps_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let (Some(small), Some(saved)) = (small.to_str(), folder.path().to_str()) else { panic!("a folder has a name") };
    // A file system of 2 MiB in a mount namespace of its own; what is on it is carried out when the child has ended.
    let script = format!(
        "exec unshare --user --map-root-user --mount sh -c 'mount -t tmpfs -o size=2m tmpfs {small} || exit 1; \
         \"$@\"; cp {small}/store.db* {saved}/' sh \"$@\";"
    );
    let Some((acknowledged, failure)) = write_until_it_fails(&script, Path::new(small)) else {
        eprintln!("SKIPPED: no file system of its own can be mounted here, so nobody filled one up");
        return;
    };
    assert!(acknowledged > 0);
    assert!(failure.contains("the store's disk is full"), "{failure}");
    all_is_kept(&mut super::open(folder.path()), acknowledged);
}
