//! Nothing in a state folder is for anybody but its owner.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::place::{Place, eventually, signal};

/// Everything below a folder, itself included, that somebody else may read, write or enter; and how much was looked at.
fn open_to_others(folder: &Path) -> (Vec<String>, usize) {
    let (mut open, mut seen, mut left) = (Vec::new(), 0, vec![folder.to_owned()]);
    while let Some(path) = left.pop() {
        // What is gone by now was looked at while it was there, or will be again.
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        seen += 1;
        let mode = meta.permissions().mode();
        if mode & 0o077 != 0 {
            open.push(format!("{} has mode {:o}", path.display(), mode & 0o7777));
        }
        if meta.is_dir() {
            left.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
    (open, seen)
}

fn any_below(folder: &Path, ends: &str) -> bool {
    let names: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    names.iter().any(|path| path.to_string_lossy().ends_with(ends) || (path.is_dir() && any_below(path, ends)))
}

#[test]
fn a_state_folder_is_its_owners_alone_at_every_moment() {
    let mut place = Place::new();
    place.declare_policy();
    place.declare_workers("quick", 20, 10, "chatter", "");
    place.declare_workers("alone", 2, 400, "chatter", "limits = { open-files = 64 }");
    let chatter = place.worker(300, "chatter");
    place
        .declare(&format!("[job.file]\npolicy = \"campaign\"\ncommand = {{ run = {chatter}, output = \"file\" }}\n\n"));
    let mut command = place.serve(&["--until-idle"]);
    // The mask of somebody who shares everything, which jobs inherit and files of ours do not.
    let mut masked = Command::new("sh");
    masked.args(["-c", "umask 0; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    masked.stdin(std::process::Stdio::null()).stdout(place.said_to()).stderr(place.said_to());
    command = masked;
    let mut daemon = super::place::Daemon::of(command.spawn().unwrap());
    let (mut open, mut most) = (Vec::new(), 0);
    while daemon.has_ended().is_none() {
        let (found, seen) = open_to_others(&place.state());
        open.extend(found);
        most = most.max(seen);
        std::thread::sleep(Duration::from_millis(2));
    }
    open.sort();
    open.dedup();
    assert_eq!(open, Vec::<String>::new());
    assert!(most > 15, "only {most} things were there at once");
    assert!(any_below(&place.state(), ".log"), "somebody wrote something");
    assert!(matches!(daemon.ends().code(), Some(0 | 1)), "{}", place.said());
    let copy = place.path().join("copy.db");
    let store = ["store", "backup"].map(std::ffi::OsStr::new);
    let out = Command::new(env!("CARGO_BIN_EXE_steadfast"))
        .args(store)
        .arg(&copy)
        .arg("--state")
        .arg(place.state())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(open_to_others(&copy).0, Vec::<String>::new(), "a copy holds what the store holds");
}

/// Jobs keep the mask of whoever started the daemon: what they write is theirs to share.
#[test]
fn the_mask_of_jobs_is_that_of_whoever_started_the_daemon() {
    let mut place = Place::new();
    let out = place.side().join("made");
    place.declare(&format!("[job.one]\ncommand = {{ run = [\"touch\", \"{}\"] }}\n", out.display()));
    let serve = place.serve(&["--until-idle"]);
    let mut masked = Command::new("sh");
    masked.args(["-c", "umask 027; exec \"$0\" \"$@\""]).arg(serve.get_program()).args(serve.get_args());
    assert!(masked.output().unwrap().status.success());
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o640);
    eventually("no shim is left", || place.shims().is_empty());
    for pid in place.shims() {
        signal(pid, "TERM");
    }
}
