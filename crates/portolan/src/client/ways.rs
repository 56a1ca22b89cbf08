//! Ways to data connections that worked, by server and by the network that this side was in.

use crate::state;
use portolan_client::Way;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;

/// Servers that are remembered; the file is begun anew for one more.
const SERVERS_MAX: usize = 10_000;

fn file() -> Option<PathBuf> {
    state::folder().map(|folder| folder.join("ways.json"))
}

fn read() -> BTreeMap<String, String> {
    let text = file().and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// The server, and the network from which it is reached: a socket that sends nothing says which.
fn key(host: &str, port: u16) -> Option<String> {
    let to: SocketAddr = (host, port).to_socket_addrs().ok()?.next()?;
    let any: SocketAddr = if to.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(to).ok()?;
    let network = match socket.local_addr().ok()?.ip() {
        IpAddr::V4(own) => {
            let [a, b, c, _] = own.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(own) => {
            let [a, b, c, d, ..] = own.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    };
    Some(format!("{}:{port} from {network}", host.to_ascii_lowercase()))
}

/// The way that worked last time.
pub(super) fn remembered(host: &str, port: u16) -> Option<Way> {
    let ways = read();
    let name = if ways.is_empty() { None } else { ways.get(&key(host, port)?) }?;
    Way::ALL.into_iter().find(|way| way.name() == name)
}

/// Remembers one, if it is not the first that would be tried anyway.
pub(super) fn remember(host: &str, port: u16, way: Way) {
    let (mut ways, Some(key), Some(file)) = (read(), key(host, port), file()) else { return };
    let changed = if way == Way::ALL[0] {
        ways.remove(&key).is_some()
    } else {
        ways.insert(key, way.name().to_owned()).as_deref() != Some(way.name())
    };
    if !changed {
        return;
    }
    if ways.len() > SERVERS_MAX {
        ways.clear();
    }
    // That it cannot be kept costs a little time, no more.
    let written = serde_json::to_string_pretty(&ways).map(|text| {
        let kept =
            file.parent().map_or(Ok(()), state::make).and_then(|()| std::fs::write(&file, text + "\n"));
        kept.is_ok()
    });
    drop(written);
}
