use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::exec::{Notice, Said};
use crate::shim::mailbox::Mailbox;
use crate::sys::time::Boottime;

/// The socket on which the program may say how far it is and how it failed.
pub(super) struct Post {
    mailbox: Mailbox,
    address: String,
    said: Said,
    /// Removed at the end, if it was made for this.
    folder: PathBuf,
    _open: File,
}

impl Post {
    /// Opens a socket in a folder of its own. Without one the program is simply not heard.
    pub(super) fn open(folder: &Path) -> Option<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).ok()?;
        let open = File::open(folder).ok()?;
        let mailbox = Mailbox::open(folder, "notify").ok()?;
        let address = mailbox.address(open.as_fd());
        Some(Self { mailbox, address, said: Said::default(), folder: folder.to_owned(), _open: open })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Takes what has come.
    pub(super) fn read(&mut self) -> Vec<Notice> {
        self.mailbox.read(&mut self.said, Boottime::now())
    }

    /// Takes what the program has said of itself since the last time.
    pub(super) fn take_said(&mut self) -> Said {
        // What came in the last instant counts as well.
        let _ = (self.read(), self.mailbox.take_rest());
        std::mem::take(&mut self.said)
    }
}

impl AsFd for Post {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.mailbox.as_fd()
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.folder.join("notify"));
        let _ = std::fs::remove_dir(&self.folder);
    }
}
