//! Who may start a start: whoever creates its claim file.
//!
//! A claim appears with its lock held and its word written, or not at all: it is made under another name and given its own by a
//! rename that replaces nothing. A claim that appeared empty would look, to a daemon that comes at that very moment, like one
//! whose claimant is dead.
//!
//! The file's lock is handed on to the started processes, so it is also the witness that asks no `/proc`: while it is
//! held, something of the start lives. It says nothing where a program closes the descriptors that it inherits.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::failpoint;
use crate::ids::ShimId;
use crate::launch::Start;
use crate::sys::files;

const VOID: &str = "void";

/// Where the daemon drafts a claim of its own.
const DRAFT: &str = ".void";

/// What came of an attempt to claim.
#[derive(Debug)]
pub(crate) enum Claim {
    /// The start is ours; the file is locked.
    Ours(File),
    /// Somebody was first, and this is who.
    Theirs(Holder),
}

/// Who holds a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Nobody ever will: the daemon has voided it.
    Void,
    /// A shim.
    Shim(ShimId),
    /// Whoever created it had no time to say.
    Unnamed,
}

/// Returns the path of a start's claim.
pub(crate) fn path(claims: &Path, start: &Start) -> PathBuf {
    claims.join(start.to_string())
}

/// Claims a start for a shim, whose folder lies beside that of the claims.
pub(crate) fn take(claims: &Path, start: &Start, shim: ShimId) -> io::Result<Claim> {
    let path = path(claims, start);
    failpoint!("shim::claim::before", io)?;
    let draft = claims.with_file_name(shim.to_string()).join("claim");
    let mut file = files::create_new(&draft)?;
    // The lock is one witness of three and the word a hint for people and for recovery: a file system without locks,
    // or a full disk, takes a witness away but not the claim, which is the file's existence.
    let _ = files::lock(&file);
    let _ = file.write_all(format!("shim {shim}\n").as_bytes());
    failpoint!("shim::claim::write");
    let is_ours = publish(&draft, &path)?;
    failpoint!("shim::claim::after");
    if is_ours { Ok(Claim::Ours(file)) } else { Ok(Claim::Theirs(holder(&path)?)) }
}

/// Makes sure that a start never happens, unless somebody has claimed it. Returns who holds it afterwards.
pub(crate) fn void(claims: &Path, start: &Start) -> io::Result<Holder> {
    let path = path(claims, start);
    failpoint!("hands::void::before", io)?;
    if path.exists() {
        return holder(&path);
    }
    let draft = claims.with_file_name(DRAFT);
    forget_draft(claims);
    files::create_new(&draft)?.write_all(VOID.as_bytes())?;
    failpoint!("hands::void::write");
    let is_ours = publish(&draft, &path)?;
    failpoint!("hands::void::after");
    if is_ours { Ok(Holder::Void) } else { holder(&path) }
}

/// Removes what a daemon left that was killed between two steps of voiding a start.
pub(crate) fn forget_draft(claims: &Path) {
    let _ = std::fs::remove_file(claims.with_file_name(DRAFT));
}

/// Gives a draft the name of the claim, unless there is one. Returns whether that was so; the draft is gone in any case.
fn publish(draft: &Path, path: &Path) -> io::Result<bool> {
    let published = match renameat_with(CWD, draft, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(true),
        // A file system that knows no such rename.
        Err(Errno::INVAL | Errno::NOSYS) => std::fs::hard_link(draft, path),
        Err(error) => Err(error.into()),
    };
    let _ = std::fs::remove_file(draft);
    match published {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads who holds a claim.
pub(crate) fn holder(path: &Path) -> io::Result<Holder> {
    let text = std::fs::read_to_string(path)?;
    let text = text.trim();
    if text == VOID {
        return Ok(Holder::Void);
    }
    Ok(text.strip_prefix("shim ").and_then(|id| id.parse().ok()).map_or(Holder::Unnamed, Holder::Shim))
}

/// Removes a claim that nobody needs any more.
///
/// # Errors
///
/// The file system refuses. The next daemon tries again.
pub(crate) fn remove(claims: &Path, start: &Start) -> io::Result<()> {
    match std::fs::remove_file(path(claims, start)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{RunId, Token};

    /// A folder with the claims and a shim's own.
    fn house(shim: ShimId) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["claims".to_owned(), shim.to_string()] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        folder
    }

    #[test]
    fn whoever_comes_second_obeys() {
        let start = |run| Start { run: RunId(run), piece: "1".parse().unwrap(), token: Token(7) };
        let shim = ShimId(9);
        let folder = house(shim);
        let claims = folder.path().join("claims");
        assert!(matches!(take(&claims, &start(1), shim).unwrap(), Claim::Ours(_)));
        assert_eq!(void(&claims, &start(1)).unwrap(), Holder::Shim(shim));
        assert_eq!(void(&claims, &start(2)).unwrap(), Holder::Void);
        assert!(matches!(take(&claims, &start(2), shim).unwrap(), Claim::Theirs(Holder::Void)));
    }

    #[test]
    fn the_lock_is_held_until_the_last_copy_is_closed() {
        let folder = house(ShimId(9));
        let claims = folder.path().join("claims");
        let start = Start { run: RunId(1), piece: "1".parse().unwrap(), token: Token(7) };
        let Claim::Ours(file) = take(&claims, &start, ShimId(9)).unwrap() else { panic!("claimed") };
        let copy = file.try_clone().unwrap();
        drop(file);
        assert!(files::is_locked(&path(&claims, &start)).unwrap());
        drop(copy);
        assert!(!files::is_locked(&path(&claims, &start)).unwrap());
    }
}
