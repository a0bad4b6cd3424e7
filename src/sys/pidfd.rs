//! The exit of a process that is nobody's child here.

use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use rustix::process::{WaitId, WaitIdOptions, waitid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::process::Wait;

/// `PIDFD_GET_INFO`: `_IOWR(0xFF, 11, struct pidfd_info)` with the structure's first published size, 64 bytes.
const GET_INFO: libc::c_ulong = 0xC040_FF0B;
const INFO_EXIT: u64 = 1 << 3;

#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    pid: u32,
    thread_group: u32,
    parent: u32,
    users: [u32; 8],
    exit_code: i32,
}

/// Asks how a process ended that somebody else has reaped. The handle must have been opened before the reap.
///
/// `None` where the process runs on, is not reaped yet, or the kernel (before 6.15) does not tell.
#[must_use]
pub fn exit_of(handle: impl AsFd) -> Option<Wait> {
    let mut info = Info { mask: INFO_EXIT, ..Info::default() };
    // SAFETY: the request's size is that of `Info`, which lives through the call; a kernel without it gives an error.
    let done = unsafe { libc::ioctl(handle.as_fd().as_raw_fd(), GET_INFO as _, &raw mut info) };
    (done == 0 && info.mask & INFO_EXIT != 0).then(|| Wait::from_raw(info.exit_code)).flatten()
}

/// Waits until a child of ours has ended, and takes its exit, so that it does not stay in the table of processes.
pub async fn reap(handle: OwnedFd) {
    // SAFETY: the descriptor is owned, so it stays open and the same for as long as it is registered.
    let Ok(handle) = (unsafe { AsyncFd::register_with_interest(handle, Interest::READABLE) }) else {
        return;
    };
    if handle.readable().await.is_ok() {
        let _ = waitid(WaitId::PidFd(handle.get_ref().as_fd()), WaitIdOptions::EXITED);
    }
}
