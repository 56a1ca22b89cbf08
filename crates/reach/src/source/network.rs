//! Hearing from the kernel that the machine's addresses or routes are others now.

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use std::io;
use std::os::unix::net::UnixDatagram as StdDatagram;
use tokio::net::UnixDatagram;

/// Groups of messages: IPv4 addresses and IPv4 routes (`RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE`).
const GROUPS: u32 = 0x10 | 0x40;

/// What the kernel says is heard here.
#[derive(Debug)]
pub(super) struct Changes(Option<UnixDatagram>);

impl Changes {
    /// Listens; where that cannot be, nothing is ever heard.
    pub(super) fn new() -> Changes {
        let heard = listen();
        if let Err(error) = &heard {
            tracing::debug!(%error, "changes of the network are not heard");
        }
        Changes(heard.ok())
    }

    /// Waits for a change. What changed is not told: whoever asks looks anew.
    pub(super) async fn heard(&self) {
        let Some(socket) = &self.0 else { return std::future::pending().await };
        let mut buffer = [0; 8192];
        match socket.recv(&mut buffer).await {
            Ok(_) => {}
            // Some were lost, which says as much.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) => {}
            Err(_) => return std::future::pending().await,
        }
        while socket.try_recv(&mut buffer).is_ok() {}
    }
}

fn listen() -> io::Result<UnixDatagram> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    // Protocol 0 of netlink is that of routes.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
    // To the runtime, a datagram socket is like any other.
    UnixDatagram::from_std(StdDatagram::from(socket))
}
