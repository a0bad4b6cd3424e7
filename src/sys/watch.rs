//! Files that change: inotify, waited for by the runtime.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify;
use tokio::io::unix::AsyncFd;

/// A bell that rings when a file is written to, or a folder gets a new file.
#[derive(Debug)]
pub struct Watch(AsyncFd<OwnedFd>);

impl Watch {
    /// Makes a bell that nothing rings yet.
    ///
    /// # Errors
    ///
    /// The user watches too much already; must be called inside a runtime.
    pub fn new() -> io::Result<Self> {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        super::ready::watched(inotify::init(flags)?).map(Self)
    }

    /// Lets writes to a file ring it.
    ///
    /// # Errors
    ///
    /// There is no such file, or the user watches too much already.
    pub fn file(&self, path: &Path) -> io::Result<()> {
        inotify::add_watch(self.0.get_ref(), path, inotify::WatchFlags::MODIFY)?;
        Ok(())
    }

    /// Lets new files of a folder ring it.
    ///
    /// # Errors
    ///
    /// There is no such folder, or the user watches too much already.
    pub fn folder(&self, path: &Path) -> io::Result<()> {
        inotify::add_watch(self.0.get_ref(), path, inotify::WatchFlags::CREATE)?;
        Ok(())
    }

    /// Returns when it has rung since it was heard last.
    pub async fn rings(&self) {
        match self.0.readable().await {
            Ok(mut rung) => {
                let mut space = [MaybeUninit::uninit(); 4096];
                let mut reader = inotify::Reader::new(rung.get_inner(), &mut space);
                // Which file it was does not matter; once is enough for all of them.
                while reader.next().is_ok() {}
                rung.clear_ready();
            }
            // A poller that fails rings no more; whoever waits has other bells.
            Err(_) => std::future::pending().await,
        }
    }
}
