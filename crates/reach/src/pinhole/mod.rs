//! Holes in this machine's own firewall, each for one peer and one port, for some seconds.
//!
//! They are in a table of nftables of their own, which no other program's rules are touched by: it marks what a
//! hole lets in, so that one line of another firewall can let it in too, and drops every other new connection to
//! the passive ports. Only a small process beside the server may change it, and only in this way; the table is
//! gone with that process, however it ends.

mod netlink;
mod opener;
mod process;
mod table;

pub use opener::Pinholes;
pub use process::run;
pub use table::MARK;

use std::net::IpAddr;
use std::time::Duration;

/// The longest that a hole may be asked for.
const LONGEST: Duration = Duration::from_secs(600);

/// Bytes of a question: family, address, port, seconds.
const QUESTION: usize = 21;

/// Bytes of an answer: 0, or the system's error number.
const ANSWER: usize = 4;

/// What is asked of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hole {
    peer: IpAddr,
    port: u16,
    time: Duration,
}

impl Hole {
    fn encode(self) -> [u8; QUESTION] {
        let mut bytes = [0; QUESTION];
        match self.peer {
            IpAddr::V4(peer) => {
                bytes[0] = 4;
                bytes[1..5].copy_from_slice(&peer.octets());
            }
            IpAddr::V6(peer) => {
                bytes[0] = 6;
                bytes[1..17].copy_from_slice(&peer.octets());
            }
        }
        let seconds = u16::try_from(self.time.as_secs()).unwrap_or(u16::MAX);
        bytes[17..19].copy_from_slice(&self.port.to_be_bytes());
        bytes[19..21].copy_from_slice(&seconds.to_be_bytes());
        bytes
    }

    fn decode(bytes: [u8; QUESTION]) -> Option<Hole> {
        let four: [u8; 4] = bytes[1..5].try_into().ok()?;
        let sixteen: [u8; 16] = bytes[1..17].try_into().ok()?;
        let peer = match bytes[0] {
            4 => IpAddr::from(four),
            6 => IpAddr::from(sixteen),
            _ => return None,
        };
        let seconds = u16::from_be_bytes([bytes[19], bytes[20]]);
        let time = Duration::from_secs(seconds.into());
        Some(Hole { peer, port: u16::from_be_bytes([bytes[17], bytes[18]]), time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_as_they_were_written() {
        for peer in ["11.0.1.2", "2001:db8::2"] {
            let peer = peer.parse().expect("an address");
            let hole = Hole { peer, port: 50_000, time: Duration::from_secs(30) };
            assert_eq!(Hole::decode(hole.encode()), Some(hole));
        }
        assert_eq!(Hole::decode([7; QUESTION]), None);
    }
}
