//! Unix sockets: paths of any length, and who sent a datagram.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, socket_with};

/// The longest path that fits into a socket address, without the closing zero.
pub const PATH_BYTES: usize = 107;

/// Listens on a path of any length.
///
/// # Errors
///
/// The folder is gone, or the path is taken.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let socket = reach(path, |short| named(short, SocketType::STREAM))?;
    rustix::net::listen(&socket, 128)?;
    Ok(socket.into())
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
    let socket = UnixDatagram::from(reach(path, |short| named(short, SocketType::DGRAM))?);
    rustix::net::sockopt::set_socket_passcred(&socket, true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Makes a socket that has a name, for its owner only from the first moment on: the name takes the mode of the socket.
fn named(path: &Path, kind: SocketType) -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
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

/// Where a datagram came from and can be answered: a path or an abstract name that the sender has bound.
#[derive(Clone)]
pub struct Address(libc::sockaddr_un, libc::socklen_t);

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({} bytes)", self.1)
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.1 == other.1 && self.0.sun_path == other.0.sun_path
    }
}

/// One datagram.
#[derive(Debug)]
pub struct Received {
    /// The bytes of it that fitted.
    pub bytes: usize,
    /// Who sent it.
    pub sender: Option<Sender>,
    /// Where an answer goes, if the sender has an address.
    pub from: Option<Address>,
}

/// Sends an answer, without waiting and without asking whether it came.
pub fn answer(socket: impl AsFd, to: &Address, bytes: &[u8]) {
    // SAFETY: both pointers are to values that outlive the call, with their lengths.
    unsafe {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let address = (&raw const to.0).cast::<libc::sockaddr>();
        libc::sendto(socket.as_fd().as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags, address, to.1);
    }
}

/// Takes one datagram, cut to the buffer, with its sender. `None` where none waits.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> Option<Received> {
    let mut space = [0_u64; 8];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: msghdr is plain numbers and pointers, for which zeros are a value.
    let mut header = unsafe { std::mem::zeroed::<libc::msghdr>() };
    // SAFETY: an address is plain numbers, for which zeros are a value.
    let mut address = unsafe { std::mem::zeroed::<libc::sockaddr_un>() };
    header.msg_name = (&raw mut address).cast();
    header.msg_namelen = size_of::<libc::sockaddr_un>() as libc::socklen_t;
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = space.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&space) as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the header points at `address`, `part`, `buffer` and `space`, which outlive the call and are as long as it says.
    let count = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut header, flags) };
    let bytes = usize::try_from(count).ok()?;
    let mut sender = None;
    // SAFETY: the kernel filled `space` and its length; the CMSG functions walk within it, and each record is read
    // unaligned and only where its kind and length say what it is. Descriptors that were sent along are closed.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(&raw const header);
        while !at.is_null() {
            let data = libc::CMSG_DATA(at);
            let length = ((*at).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
            if (*at).cmsg_level == libc::SOL_SOCKET && (*at).cmsg_type == libc::SCM_CREDENTIALS {
                if length >= size_of::<libc::ucred>() {
                    let who = data.cast::<libc::ucred>().read_unaligned();
                    sender = Some(Sender { pid: who.pid, user: who.uid });
                }
            } else if (*at).cmsg_level == libc::SOL_SOCKET && (*at).cmsg_type == libc::SCM_RIGHTS {
                for index in 0..length / size_of::<libc::c_int>() {
                    libc::close(data.cast::<libc::c_int>().add(index).read_unaligned());
                }
            }
            at = libc::CMSG_NXTHDR(&raw const header, at);
        }
    }
    let is_named = header.msg_namelen as usize > size_of::<libc::sa_family_t>();
    let from = is_named.then_some(Address(address, header.msg_namelen));
    Some(Received { bytes, sender, from })
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
