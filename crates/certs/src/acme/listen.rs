//! Listening for the authority's questions.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Questions that are answered at the same time, and how long each may take.
const AT_ONCE: usize = 256;
const PATIENCE: Duration = Duration::from_secs(10);

/// Listens on all addresses, and has each connection answered. An address of all IPv6 is passed over
/// where the system has none, if there is another one.
pub(super) async fn listen<A, F>(addresses: &[SocketAddr], answer: A) -> io::Result<()>
where
    A: Fn(TcpStream) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    for address in addresses {
        match portolan_net::listen(*address) {
            Ok(listener) => drop(tokio::spawn(serve(listener, answer.clone()))),
            Err(error) if portolan_net::is_no_ipv6(*address, &error) && addresses.len() > 1 => {
                tracing::warn!(%address, %error, "no IPv6 on this system");
            }
            Err(error) => return Err(io::Error::new(error.kind(), format!("{address}: {error}"))),
        }
    }
    Ok(())
}

async fn serve<A, F>(listener: TcpListener, answer: A)
where
    A: Fn(TcpStream) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let answer = answer(stream);
                tokio::spawn(async move {
                    // Who takes long has had its chance.
                    let _ = tokio::time::timeout(PATIENCE, answer).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection of an authority");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}
