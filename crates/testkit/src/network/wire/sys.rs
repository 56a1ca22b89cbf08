//! Packet sockets, for which there are no safe functions.
#![allow(unsafe_code)]

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, socket_with};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Keeps with each frame what the kernel notes of it (`PACKET_VNET_HDR`).
const WITH_NOTES: libc::c_int = 15;

/// What this machine sends itself is not seen (`PACKET_IGNORE_OUTGOING`).
const IGNORE_OUTGOING: libc::c_int = 23;

/// Frames of all protocols.
const ALL: u16 = libc::ETH_P_ALL as u16;

/// Takes part in what goes over an interface.
pub(super) fn open(device: &str) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
    for option in [WITH_NOTES, IGNORE_OUTGOING] {
        let on: libc::c_int = 1;
        // SAFETY: the option is an int, which lives until the call returns.
        let set = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_PACKET,
                option,
                (&raw const on).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        succeeded(set)?;
    }
    let name = CString::new(device)?;
    // SAFETY: the name ends with a zero, and lives until the call returns.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    // SAFETY: all zeros are a value of this plain structure.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as libc::sa_family_t;
    address.sll_protocol = ALL.to_be();
    address.sll_ifindex = index.cast_signed();
    // SAFETY: the address is of the length that is said, and lives until the call returns.
    let bound = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    succeeded(bound)?;
    Ok(socket)
}

fn succeeded(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Waits for a frame, or for the time; true when it is to stop.
pub(super) fn wait(ends: &[OwnedFd; 2], stopped: &UnixStream, time: Option<Duration>) -> io::Result<bool> {
    let mut waiting = [
        PollFd::new(&ends[0], PollFlags::IN),
        PollFd::new(&ends[1], PollFlags::IN),
        PollFd::new(stopped, PollFlags::IN),
    ];
    let time = time.and_then(|time| Timespec::try_from(time).ok());
    poll(&mut waiting, time.as_ref())?;
    Ok(!waiting[2].revents().is_empty())
}

/// A frame that has come.
pub(super) fn receive(end: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(recv(end, buffer, RecvFlags::DONTWAIT)?.0)
}

/// Sends a frame.
pub(super) fn send(end: &OwnedFd, frame: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(end, frame, SendFlags::DONTWAIT)?)
}
