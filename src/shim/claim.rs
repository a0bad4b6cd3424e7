//! Who may start a start: whoever creates its claim file.
//!
//! The file's lock is handed on to the started processes, so it is also the witness that asks no `/proc`: while it is
//! held, something of the start lives. It says nothing where a program closes the descriptors that it inherits.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::failpoint;
use crate::ids::ShimId;
use crate::launch::Start;
use crate::sys::files;

const VOID: &str = "void";

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

/// Claims a start for a shim.
pub(crate) fn take(claims: &Path, start: &Start, shim: ShimId) -> io::Result<Claim> {
    let path = path(claims, start);
    failpoint!("shim::claim::before", io)?;
    let mut file = match files::create_new(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(Claim::Theirs(holder(&path)?)),
        Err(error) => return Err(error),
    };
    failpoint!("shim::claim::write");
    // The lock is one witness of three and the word a hint for people and for recovery: a file system without locks,
    // or a full disk, takes a witness away but not the claim, which is the file's existence.
    let _ = files::lock(&file);
    let _ = file.write_all(format!("shim {shim}\n").as_bytes());
    failpoint!("shim::claim::after");
    Ok(Claim::Ours(file))
}

/// Makes sure that a start never happens, unless somebody has claimed it. Returns who holds it afterwards.
pub(crate) fn void(claims: &Path, start: &Start) -> io::Result<Holder> {
    let path = path(claims, start);
    failpoint!("hands::void::before", io)?;
    match files::create_new(&path) {
        Ok(mut file) => {
            file.write_all(VOID.as_bytes())?;
            failpoint!("hands::void::after");
            Ok(Holder::Void)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => holder(&path),
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
pub(crate) fn remove(claims: &Path, start: &Start) {
    let _ = std::fs::remove_file(path(claims, start));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{RunId, Token};

    #[test]
    fn whoever_comes_second_obeys() {
        let folder = tempfile::tempdir().unwrap();
        let start = |run| Start { run: RunId(run), piece: "1".parse().unwrap(), token: Token(7) };
        let shim = ShimId(9);
        assert!(matches!(take(folder.path(), &start(1), shim).unwrap(), Claim::Ours(_)));
        assert_eq!(void(folder.path(), &start(1)).unwrap(), Holder::Shim(shim));
        assert_eq!(void(folder.path(), &start(2)).unwrap(), Holder::Void);
        assert!(matches!(take(folder.path(), &start(2), shim).unwrap(), Claim::Theirs(Holder::Void)));
    }

    #[test]
    fn the_lock_is_held_until_the_last_copy_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let start = Start { run: RunId(1), piece: "1".parse().unwrap(), token: Token(7) };
        let Claim::Ours(file) = take(folder.path(), &start, ShimId(9)).unwrap() else { panic!("claimed") };
        let copy = file.try_clone().unwrap();
        drop(file);
        assert!(files::is_locked(&path(folder.path(), &start)).unwrap());
        drop(copy);
        assert!(!files::is_locked(&path(folder.path(), &start)).unwrap());
    }
}
