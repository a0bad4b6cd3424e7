//! What `doctor` looks at in the state folder: who owns it, its disk, the store, the daemon. It mends nothing.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::Finding;
use crate::api::Client;
use crate::cli::store::bytes;
use crate::state::StateDir;
use crate::store::view::View;
use crate::store::{Check, StoreError, is_locked};
use crate::sys::{files, socket};

/// Looks at the state folder and what is in it.
pub(super) fn look(state: &StateDir) -> Vec<Finding> {
    let mut findings = vec![engine()];
    let root = state.root();
    match std::fs::metadata(root) {
        Ok(folder) => {
            findings.push(owner(root, folder.uid(), folder.mode()));
            findings.push(disk(root));
            findings.extend(room(root));
            findings.push(holes(root));
            findings.push(store(state));
            findings.extend(diverged(state));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let place = root.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
            findings.push(Finding::ok("state", format_args!("{} will be made with the first run", root.display())));
            findings.push(disk(place));
            findings.extend(room(place));
        }
        Err(error) => {
            let what = format!("{} cannot be looked at: {error}", root.display());
            findings.push(Finding::fail("state", what, "name a folder of your own with --state DIR"));
        }
    }
    findings.push(daemon(state));
    findings
}

/// The oldest engine without the defects that a write-ahead log met before.
const OLDEST_ENGINE: i32 = 3_051_003;

fn engine() -> Finding {
    let version = rusqlite::version();
    if rusqlite::version_number() < OLDEST_ENGINE {
        let remedy = "build with the engine that comes along (the default)";
        return Finding::fail("sqlite", format_args!("{version} may lose entries after a crash"), remedy);
    }
    Finding::ok("sqlite", version)
}

fn owner(root: &Path, user: u32, mode: u32) -> Finding {
    let place = root.display();
    if user != socket::own_user() {
        let what = format!("{place} belongs to user {user}, and you are user {}", socket::own_user());
        return Finding::fail("state", what, "name a folder of your own with --state DIR");
    }
    if mode & 0o077 != 0 {
        let what = format!("others may look into {place} (mode {:o})", mode & 0o777);
        return Finding::warn("state", what, format_args!("chmod 700 {place}"));
    }
    Finding::ok("state", format_args!("{place} is yours alone"))
}

/// File systems by the number that the kernel gives them.
const DISKS: [(u64, &str, Fit); 13] = [
    (0xEF53, "ext4", Fit::Good),
    (0x5846_5342, "XFS", Fit::Good),
    (0x9123_683E, "Btrfs", Fit::Good),
    (0x2FC1_2FC1, "ZFS", Fit::Good),
    (0xF2F5_2010, "F2FS", Fit::Good),
    (0x794C_7630, "overlay", Fit::Layered),
    (0x0102_1994, "tmpfs", Fit::Passing),
    (0x6969, "NFS", Fit::Remote),
    (0x517B, "SMB", Fit::Remote),
    (0xFF53_4D42, "CIFS", Fit::Remote),
    (0xFE53_4D42, "SMB2", Fit::Remote),
    (0x0102_1997, "9p", Fit::Remote),
    (0x6573_5546, "FUSE", Fit::Doubtful),
];

#[derive(Clone, Copy)]
enum Fit {
    Good,
    Layered,
    Passing,
    Remote,
    Doubtful,
}

fn disk(folder: &Path) -> Finding {
    let elsewhere = "name a folder on a local disk with --state DIR";
    let kind = rustix::fs::statfs(folder).map_or(0, |disk| disk.f_type as u64 & 0xFFFF_FFFF);
    let Some((_, name, fit)) = DISKS.iter().find(|(number, ..)| *number == kind) else {
        return Finding::ok("disk", format_args!("a file system of kind {kind:x}"));
    };
    match fit {
        Fit::Good => Finding::ok("disk", name),
        Fit::Layered => Finding::warn(
            "disk",
            format_args!("{name}: it goes with the container"),
            "mount a volume for the state folder",
        ),
        Fit::Passing => {
            Finding::warn("disk", format_args!("{name}: what is kept there is gone after a restart"), elsewhere)
        }
        Fit::Remote => Finding::fail("disk", format_args!("{name}: locks cannot be trusted over a network"), elsewhere),
        Fit::Doubtful => {
            Finding::warn("disk", format_args!("{name}: nobody can say whether locks hold there"), elsewhere)
        }
    }
}

fn room(folder: &Path) -> Option<Finding> {
    const LITTLE: u64 = 256 << 20;
    const ENOUGH: u64 = 2 << 30;
    let left = files::room(std::fs::File::open(folder).ok()?)?;
    let said = format!("{} left", bytes(left));
    let remedy =
        "make room, prune old runs (steadfast store prune --older-than 30d), or name another disk with --state DIR";
    Some(match left {
        ENOUGH.. => Finding::ok("space", said),
        LITTLE.. => Finding::warn("space", said, remedy),
        _ => Finding::fail("space", format_args!("{said}: logs are cut and the journal may stop"), remedy),
    })
}

fn holes(root: &Path) -> Finding {
    if files::can_punch(root) {
        return Finding::ok("logs", "the middle of a long log can be given back while it grows");
    }
    Finding::warn(
        "logs",
        "this disk cannot give back the middle of a file: output = \"file\" is captured by pipes instead",
        "use ext4, XFS or Btrfs for the state folder where training runs write much",
    )
}

fn store(state: &StateDir) -> Finding {
    let sound = View::open(state.root()).and_then(|_| Check::quickly(state.root()));
    match sound {
        Ok(()) if is_locked(state.root()) => Finding::ok("store", "sound, and open for writing by a daemon"),
        Ok(()) => Finding::ok("store", "sound"),
        Err(StoreError::Missing(_)) => Finding::ok("store", "none yet"),
        Err(error) => {
            let told = error.to_string();
            let (what, remedy) = told.split_once("\nhelp: ").unwrap_or((&told, "see `steadfast store verify`"));
            Finding::fail("store", what, remedy)
        }
    }
}

/// Tells of decisions that the code, or the classes that it has now, would make otherwise. Nothing is wrong with the runs.
fn diverged(state: &StateDir) -> Option<Finding> {
    const NAMED: usize = 5;
    // What keeps the store from being read has a line already.
    let runs = View::open(state.root()).and_then(|view| view.diverged()).ok()?;
    let newest = *runs.first()?;
    let named: Vec<String> = runs.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if runs.len() > NAMED { format!(" and {} more", runs.len() - NAMED) } else { String::new() };
    let (runs, decisions) = match runs.len() {
        1 => ("run", "a decision that was"),
        _ => ("runs", "decisions that were"),
    };
    Some(Finding::warn(
        "decisions",
        format_args!(
            "{runs} {}{more} went on under {decisions} recorded, and would be made otherwise today",
            named.join(", ")
        ),
        format_args!(
            "what was recorded holds, as it should after an upgrade; `steadfast show {newest}` tells both, and where today's \
             is meant, `steadfast retry {newest}` runs it anew"
        ),
    ))
}

fn daemon(state: &StateDir) -> Finding {
    let answered = Client::connect(state).ok().and_then(|mut client| client.status().ok());
    match answered {
        Some(status) => match status.degraded {
            Some(why) => {
                Finding::fail("daemon", format_args!("it begins nothing: {why}"), "mend that; it goes on by itself")
            }
            None => Finding::ok("daemon", format_args!("{} as process {}", status.version, status.pid)),
        },
        None if is_locked(state.root()) => Finding::warn(
            "daemon",
            "something holds the store, and does not answer",
            "a daemon that is just starting, or `steadfast run` writing; look again",
        ),
        None => Finding::ok("daemon", "none runs; `steadfast run` needs none"),
    }
}
