//! Files: created by one only, locked, reserved and punched.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};

/// Creates a file that nobody created before, for the owner only.
///
/// # Errors
///
/// `AlreadyExists` where somebody was first.
pub fn create_new(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a folder, and those above it, for the owner only. One that is there stays as it is.
///
/// # Errors
///
/// The file system refuses.
pub fn make_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Takes the lock of an open file, without waiting. Returns whether it was free.
///
/// The lock belongs to the open file and is handed on to whoever inherits the descriptor.
///
/// # Errors
///
/// The file system has no locks.
pub fn lock(file: impl AsFd) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Says whether somebody holds the lock of a file. A file that is not there is held by nobody.
///
/// # Errors
///
/// The file cannot be opened, or the file system has no locks.
pub fn is_locked(path: &Path) -> io::Result<bool> {
    match File::open(path) {
        Ok(file) => Ok(!lock(&file)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reserves space behind a file's end, so that small writes succeed on a disk that fills up.
///
/// # Errors
///
/// The disk has no such space, or its file system reserves none.
pub fn reserve(file: impl AsFd, from: u64, bytes: u64) -> io::Result<()> {
    Ok(fallocate(file, FallocateFlags::KEEP_SIZE, from, bytes)?)
}

/// Gives the space of a range back; it reads as zeros from then on and the file keeps its length.
///
/// # Errors
///
/// The file system cannot.
pub fn punch(file: impl AsFd, from: u64, to: u64) -> io::Result<()> {
    Ok(fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, from, to.saturating_sub(from))?)
}

/// Tries on a folder whether its file system can give back the middle of a file.
#[must_use]
pub fn can_punch(folder: &Path) -> bool {
    use std::os::unix::fs::{FileExt as _, MetadataExt as _};
    // One name, and gone before it is used: a process that is killed here leaves nothing, or what the next one removes.
    let path = folder.join(".probe");
    let _ = std::fs::remove_file(&path);
    let tried = create_new(&path).and_then(|file| {
        std::fs::remove_file(&path)?;
        file.write_all_at(&[1; 256 * 1024], 0)?;
        let before = file.metadata()?.blocks();
        punch(&file, 64 * 1024, 192 * 1024)?;
        Ok(file.metadata()?.blocks() < before || before == 0)
    });
    tried.unwrap_or(false)
}

/// Returns the bytes that an ordinary user may still write on the disk of an open file.
#[must_use]
pub fn room(file: impl AsFd) -> Option<u64> {
    let disk = rustix::fs::fstatvfs(file).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}
