//! Unix sockets: paths of any length, and who sent a datagram.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The longest path that fits into a socket address, without the closing zero.
pub const PATH_BYTES: usize = 107;

/// Listens on a path of any length.
///
/// # Errors
///
/// The folder is gone, or the path is taken.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    reach(path, |short| UnixListener::bind(short))
}

/// Connects to a path of any length.
///
/// # Errors
///
/// Nobody listens.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    reach(path, |short| UnixStream::connect(short))
}

/// Receives datagrams on a path of any length, with the sender's credentials.
///
/// # Errors
///
/// The folder is gone, or the path is taken.
pub fn receive_at(path: &Path) -> io::Result<UnixDatagram> {
    let socket = reach(path, |short| UnixDatagram::bind(short))?;
    rustix::net::sockopt::set_socket_passcred(&socket, true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Calls with a path that is short enough: the path itself, or one through an open descriptor of its folder.
fn reach<T>(path: &Path, call: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= PATH_BYTES {
        return call(path);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let folder = File::open(folder)?;
    call(&PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name))
}

/// Who sent a datagram, by the kernel's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The sender's process id, 0 where it lies outside our view.
    pub pid: i32,
    /// The sender's user.
    pub user: u32,
}

/// Takes one datagram, cut to the buffer, with its sender. `None` where none waits.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> Option<(usize, Option<Sender>)> {
    let mut space = [0_u64; 8];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: msghdr is plain numbers and pointers, for which zeros are a value.
    let mut header = unsafe { std::mem::zeroed::<libc::msghdr>() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = space.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&space) as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the header points at `part`, `buffer` and `space`, which outlive the call and are as long as it says.
    let count = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut header, flags) };
    let count = usize::try_from(count).ok()?;
    let mut sender = None;
    // SAFETY: the kernel filled `space` and its length; the CMSG functions walk within it, and each record is read
    // unaligned and only where its kind and length say what it is. Descriptors that were sent along are closed.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(&raw const header);
        while !at.is_null() {
            let data = libc::CMSG_DATA(at);
            let bytes = ((*at).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
            if (*at).cmsg_level == libc::SOL_SOCKET && (*at).cmsg_type == libc::SCM_CREDENTIALS {
                if bytes >= size_of::<libc::ucred>() {
                    let who = data.cast::<libc::ucred>().read_unaligned();
                    sender = Some(Sender { pid: who.pid, user: who.uid });
                }
            } else if (*at).cmsg_level == libc::SOL_SOCKET && (*at).cmsg_type == libc::SCM_RIGHTS {
                for index in 0..bytes / size_of::<libc::c_int>() {
                    libc::close(data.cast::<libc::c_int>().add(index).read_unaligned());
                }
            }
            at = libc::CMSG_NXTHDR(&raw const header, at);
        }
    }
    Some((count, sender))
}

/// Returns the user that this process acts for.
#[must_use]
pub fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Returns the user at the other end of a stream.
#[must_use]
pub fn user_of(stream: impl AsFd) -> Option<u32> {
    rustix::net::sockopt::socket_peercred(stream).ok().map(|who| who.uid.as_raw())
}
