//! What routers say unasked: that they have started anew, or have another address (RFC 6886 §3.2.1,
//! RFC 6887 §14.1).

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::net::UdpSocket;

/// Where they say it, to everybody on the link.
const PORT: u16 = 5350;

/// What routers say is heard here.
#[derive(Debug)]
pub(super) struct Announcements(Option<UdpSocket>);

impl Announcements {
    /// Listens; where that cannot be, nothing is ever heard.
    pub(super) fn new() -> Announcements {
        let listening = listen();
        if let Err(error) = &listening {
            tracing::debug!(%error, "what routers announce is not heard");
        }
        Announcements(listening.ok())
    }

    /// Waits until this router says something.
    pub(super) async fn heard(&self, router: Option<Ipv4Addr>) {
        let (Some(socket), Some(router)) = (&self.0, router) else { return std::future::pending().await };
        loop {
            match socket.recv_from(&mut [0; 64]).await {
                Ok((_, from)) if from.ip() == IpAddr::V4(router) => return,
                Ok(_) => {}
                Err(_) => return std::future::pending().await,
            }
        }
    }
}

fn listen() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    // Other programs of this machine listen there too.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)).into())?;
    UdpSocket::from_std(socket.into())
}
