//! One writer per state folder, on a disk whose locks can be trusted.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock, statfs};
use rustix::io::Errno;

use crate::store::StoreError;

/// The lock of a state folder, held as long as this lives.
///
/// The kernel gives it back when the process ends in whatever way; the number in the file is for people.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Gives the lock back by name: a child that is just being started holds a copy of the file, and with it a lock that is
    /// only let go.
    fn drop(&mut self) {
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

impl Lock {
    /// Takes the lock of a folder.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Held`] with the holder's process id if somebody holds it.
    pub(super) fn take(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("lock");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = open.map_err(|error| StoreError::of_file(&path, &error))?;
        let mut tries = 0;
        while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error != Errno::WOULDBLOCK {
                return Err(StoreError::Io(format!("{}: {error}", path.display())));
            }
            let holder = holder(&mut file);
            if tries >= TRIES || holder.is_none_or(lives) {
                return Err(StoreError::Held(
                    holder.map_or("another process".to_owned(), |pid| format!("process {pid}")),
                ));
            }
            tries += 1;
            pause();
        }
        // The number is a courtesy: on a full disk the lock holds without it.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { file })
    }
}

/// How often the lock of a dead holder is tried again.
const TRIES: u32 = 200;

/// Waits for a moment. A daemon that is killed while it starts a shim leaves a child that holds a copy of the lock until it
/// has become another program: some hundred microseconds, in which a successor must not be turned away.
#[expect(clippy::disallowed_methods, reason = "the kernel has no word for a lock whose holder is dead")]
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(10));
}

/// Reads whose lock it is, as far as the holder could say.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn lives(pid: u32) -> bool {
    crate::sys::proc::stat(pid.cast_signed()).is_some_and(|stat| !stat.is_dead())
}

/// Says whether some process holds the lock of a folder.
#[must_use]
pub fn is_locked(folder: &Path) -> bool {
    let Ok(file) = File::open(folder.join("lock")) else { return false };
    flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
}

/// File systems over a network, by the number that `statfs` gives: their locks and their shared memory lie.
const NETWORK: [(u64, &str); 8] = [
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB2"),
    (0x0102_1997, "9p"),
    (0x0BD0_0BD0, "Lustre"),
    (0x00C3_6400, "Ceph"),
    (0x5346_414F, "AFS"),
];

/// The number of file systems in user space, of which nobody can say what is below.
const FUSE: u64 = 0x6573_5546;

/// Refuses a folder on a network file system, and returns a warning for one that may be one.
///
/// # Errors
///
/// Returns [`StoreError::Io`] with the kind of the file system.
pub(super) fn check_disk(folder: &Path) -> Result<Option<String>, StoreError> {
    let Ok(seen) = statfs(folder) else { return Ok(None) };
    judge(seen.f_type as u64 & 0xFFFF_FFFF, folder)
}

fn judge(kind: u64, folder: &Path) -> Result<Option<String>, StoreError> {
    if let Some((_, name)) = NETWORK.iter().find(|(number, _)| *number == kind) {
        return Err(StoreError::Io(format!(
            "{} lies on {name}, where locks cannot be trusted\nhelp: give a folder on a local disk with `--state`",
            folder.display()
        )));
    }
    let doubtful = kind == FUSE;
    Ok(doubtful.then(|| format!("{} lies on a file system in user space, whose locks may not hold", folder.display())))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::judge;

    #[test]
    fn a_network_file_system_is_refused_by_name() {
        let refused = judge(0x6969, Path::new("/mnt/state")).unwrap_err().to_string();
        assert!(refused.contains("/mnt/state lies on NFS"), "{refused}");
        assert!(judge(0x6573_5546, Path::new("/mnt/x")).unwrap().is_some());
        assert_eq!(judge(0xEF53, Path::new("/")).unwrap(), None);
    }
}
