//! Data connections that this side opens.

use crate::socket::{self, KeepAlive};
use crate::stream::Stream;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Once;
use tokio::net::TcpSocket;

/// Which port active data connections come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ActivePort {
    /// One below the control port, as RFC 959 §3.2 has it: 20 for 21.
    #[default]
    Auto,
    /// This one, 1 to 65535.
    Fixed(u16),
    /// Any.
    Any,
}

/// Opens data connections.
#[derive(Debug)]
pub struct Active {
    port: ActivePort,
    keep_alive: KeepAlive,
    told: Once,
}

impl Active {
    /// From which port, and how its connections are kept alive.
    pub fn new(port: ActivePort, keep_alive: KeepAlive) -> Active {
        Active { port, keep_alive, told: Once::new() }
    }

    /// Connects to `target` from the address of the control connection. Where the wanted port cannot
    /// be had, which the log says once, from any. Many connections share the port at the same time.
    ///
    /// # Errors
    /// When the target cannot be reached.
    pub async fn connect(&self, local: SocketAddr, target: SocketAddr) -> io::Result<Stream> {
        let port = match self.port {
            ActivePort::Auto => local.port().saturating_sub(1),
            ActivePort::Fixed(port) => port,
            ActivePort::Any => 0,
        };
        match connect_from(SocketAddr::new(local.ip(), port), target, self.keep_alive).await {
            Err(error) if port != 0 && is_about_the_port(&error) => {
                self.told.call_once(|| {
                    tracing::warn!(port, %error, "active data connections come from any port, since this one cannot be had");
                });
                connect_from(SocketAddr::new(local.ip(), 0), target, self.keep_alive).await
            }
            done => done,
        }
    }
}

fn is_about_the_port(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable)
}

async fn connect_from(
    mut source: SocketAddr,
    target: SocketAddr,
    keep_alive: KeepAlive,
) -> io::Result<Stream> {
    if let (SocketAddr::V6(source), SocketAddr::V6(target)) = (&mut source, target) {
        source.set_scope_id(target.scope_id());
    }
    let socket = socket::new(target)?;
    // Without it, a port could be used by one connection at a time.
    socket.set_reuse_address(true)?;
    socket.bind(&source.into())?;
    let stream = TcpSocket::from_std_stream(socket.into()).connect(target).await?;
    keep_alive.set(&(&stream).into())?;
    Ok(Stream::plain(stream))
}
