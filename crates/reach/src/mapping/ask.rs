//! A question by UDP, and its answer.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::net::UdpSocket;

/// Where routers listen for PCP and NAT-PMP (RFC 6887 §19.1).
const PORT: u16 = 5351;

/// How long the first answer is waited for, and how often the question is put, each time twice as long: the
/// first steps of RFC 6886 §3.1, since a router on the same link that can answer does so at once.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const TIMES: u32 = 4;

/// The longest answer (RFC 6887 §7).
const LONGEST: usize = 1100;

/// Asks a router, again and again, until `read` takes something that came from it.
///
/// # Errors
/// When nothing came.
pub(super) async fn ask<T>(
    router: Ipv4Addr,
    question: &[u8],
    read: impl Fn(&[u8]) -> Option<T>,
) -> io::Result<T> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    // What others send is not seen then.
    socket.connect((router, PORT)).await?;
    let mut buffer = [0; LONGEST];
    for time in 0..TIMES {
        socket.send(question).await?;
        let answer = async {
            loop {
                let count = socket.recv(&mut buffer).await?;
                if let Some(answer) = read(&buffer[..count]) {
                    return Ok(answer);
                }
            }
        };
        if let Ok(answer) = tokio::time::timeout(FIRST_WAIT * 2u32.pow(time), answer).await {
            return answer;
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("the router {router} does not answer")))
}

/// A number in an answer, if it is that long.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// A number in an answer, if it is that long.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
