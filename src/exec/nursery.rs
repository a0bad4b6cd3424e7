//! How a shim comes into the world.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::hands::Site;
use crate::failpoint;
use crate::ids::ShimId;
use crate::shim::{LINK_FD, LOCK_FD};
use crate::sys::files;
use crate::sys::process::Identity;
use crate::sys::spawn::{Program, Session, Stdio, spawn};

/// A shim that was just started: the process, and our end of its first connection.
#[derive(Debug)]
pub(super) struct Newborn {
    pub(super) who: Identity,
    pub(super) handle: Option<OwnedFd>,
    pub(super) stream: UnixStream,
}

/// Starts a shim with a folder of its own. Its lock is held from before its first instruction, so that a lock that is
/// free always means a shim that is dead.
pub(super) fn start(site: &Site, id: ShimId) -> io::Result<Newborn> {
    let home = site.folder.join(id.to_string());
    std::fs::DirBuilder::new().mode(0o700).create(&home)?;
    failpoint!("hands::shim::folder", io)?;
    let born = bear(&home, site);
    if born.is_err() {
        let _ = std::fs::remove_dir_all(&home);
    }
    born
}

fn bear(home: &Path, site: &Site) -> io::Result<Newborn> {
    let lock = files::create_new(&home.join("lock"))?;
    if !files::lock(&lock)? {
        return Err(io::Error::other("a new lock is held by somebody"));
    }
    let complaints = std::fs::File::options().append(true).create(true).mode(0o600).open(home.join("complaints"))?;
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    let (ours, theirs) = UnixStream::pair()?;
    // Above every number that the shim expects, so that no copy overwrites the source of another.
    let above = |fd: OwnedFd| rustix::io::fcntl_dupfd_cloexec(&fd, LOCK_FD + 1);
    let (lock, theirs) = (above(lock.into())?, above(theirs.into())?);
    let (complaints, null) = (above(complaints.into())?, above(null.into())?);
    let text = |bytes: &[u8]| CString::new(bytes).map_err(io::Error::from);
    let argv = [text(b"steadfast")?, text(b"__shim")?, text(home.as_os_str().as_bytes())?];
    let env = site.environment.iter().map(|(key, value)| text(format!("{key}={value}").as_bytes()));
    let env = env.collect::<io::Result<Vec<_>>>()?;
    failpoint!("hands::shim::spawn::before", io)?;
    let pid = spawn(&Program {
        file: &text(site.program.as_os_str().as_bytes())?,
        argv: &argv,
        env: &env,
        workdir: Some(c"/"),
        stdio: [Stdio::To(null.as_fd()), Stdio::To(null.as_fd()), Stdio::To(complaints.as_fd())],
        session: Session::Own,
        inherit: &[(theirs.as_fd(), LINK_FD), (lock.as_fd(), LOCK_FD)],
    })?;
    failpoint!("hands::shim::spawn::after");
    let who = Identity::of(pid).unwrap_or(Identity { pid, ticks: 0 });
    Ok(Newborn { who, handle: who.open(), stream: ours })
}

/// Reads what a shim wrote to its stderr, at most the last 4 KiB.
pub(super) fn complaints(home: &Path) -> String {
    let bytes = std::fs::read(home.join("complaints")).unwrap_or_default();
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(4096)..]).into_owned()
}

/// Removes what a dead shim has left.
pub(super) fn bury(home: &Path) {
    failpoint!("hands::remove::before");
    match std::fs::remove_dir_all(home) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(target: "steadfast::daemon", folder = %home.display(), %error, "what a dead shim left cannot be removed");
        }
        Ok(()) | Err(_) => {}
    }
    failpoint!("hands::remove::after");
}

/// Returns the program that this process runs, which a newer file at its path does not replace.
#[must_use]
pub fn own_program() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}
