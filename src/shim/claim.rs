//! Who may start a start: whoever creates its claim file.
//!
//! A claim appears with its lock held and its word written, or not at all: it is made under another name and given its own by a
//! rename that replaces nothing. A claim that appeared empty would look, to a daemon that comes at that very moment, like one
//! whose claimant is dead.
//!
//! The file's lock is handed on to the started processes, so it is also the witness that asks no `/proc`: while it is
//! held, something of the start lives. It says nothing where a program closes the descriptors that it inherits.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
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
    /// Whoever created it did not say, or the machine lost the word with its power.
    Unnamed,
}

/// Returns the path of a start's claim.
pub(crate) fn path(claims: &Path, start: &Start) -> PathBuf {
    claims.join(start.to_string())
}

/// The claim files of starts that are over, for starts to come.
///
/// To make a file and to remove it costs as much as to start a small program, so a shim gives a claim that has done its work the next
/// name. Such a file holds the shim's word already, and its lock is free: whoever had inherited it is gone.
#[derive(Debug)]
pub(crate) struct Drafts {
    home: PathBuf,
    word: String,
    spare: Vec<(PathBuf, File)>,
    made: u64,
}

impl Drafts {
    /// How many files are kept.
    const MOST: usize = 64;

    /// Drafts the claims of a shim, whose folder lies beside that of the claims.
    pub(crate) fn of(claims: &Path, shim: ShimId) -> Self {
        let home = claims.with_file_name(shim.to_string());
        Self { home, word: format!("shim {shim}\n"), spare: Vec::new(), made: 0 }
    }

    /// Returns a locked file with the shim's word in it.
    fn draft(&mut self) -> io::Result<(PathBuf, File)> {
        if let Some(spare) = self.spare.pop() {
            return Ok(spare);
        }
        let path = self.next_path();
        let mut file = files::create_new(&path)?;
        // The lock is one witness of three: a file system without locks takes a witness away but not the claim, which is the
        // file's existence. The word is more than a hint: without it nobody who comes later knows whose journal to believe.
        let _ = files::lock(&file);
        match file.write_all(self.word.as_bytes()).and_then(|()| failpoint!("shim::claim::write", io)) {
            Ok(()) => Ok((path, file)),
            Err(error) => {
                let _ = std::fs::remove_file(&path);
                Err(error)
            }
        }
    }

    fn next_path(&mut self) -> PathBuf {
        self.made += 1;
        self.home.join(format!("claim-{}", self.made))
    }

    /// Takes the claim of a start that is over out of the way, and keeps the file if nobody holds on to it.
    pub(crate) fn take_back(&mut self, claims: &Path, start: &Start) -> io::Result<()> {
        let claim = path(claims, start);
        let spare = self.next_path();
        if self.spare.len() >= Self::MOST {
            return remove(claims, start);
        }
        failpoint!("shim::keep::before");
        if std::fs::rename(&claim, &spare).is_err() {
            return remove(claims, start);
        }
        failpoint!("shim::keep::after");
        match self.examine(&spare) {
            Some(file) => self.spare.push((spare, file)),
            None => std::fs::remove_file(&spare)?,
        }
        Ok(())
    }

    /// Opens and locks a file; `None` if it is another's, or somebody who inherited its lock lives.
    fn examine(&self, spare: &Path) -> Option<File> {
        let mut file = File::options().read(true).write(true).open(spare).ok()?;
        let mut word = String::new();
        file.read_to_string(&mut word).ok()?;
        (word == self.word && files::lock(&file).is_ok_and(|is_free| is_free)).then_some(file)
    }

    /// Removes the files that are kept.
    pub(crate) fn clear(&mut self) {
        self.spare.drain(..).for_each(|(path, _)| drop(std::fs::remove_file(path)));
    }
}

/// Claims a start for a shim. On an error nothing is claimed.
pub(crate) fn take(claims: &Path, start: &Start, drafts: &mut Drafts) -> io::Result<Claim> {
    let path = path(claims, start);
    failpoint!("shim::claim::before", io)?;
    let (draft, file) = drafts.draft()?;
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
mod tests;
