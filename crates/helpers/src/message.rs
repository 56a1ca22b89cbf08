//! Messages to helpers and from them: JSON, with its length before it.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Read, Write};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of a message at the most.
const MOST: usize = 1 << 20;

/// Sends a message.
///
/// # Errors
/// When the connection breaks, or the message is longer than a mebibyte.
pub(crate) fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|length| *length as usize <= MOST);
    let length = length.ok_or(io::ErrorKind::InvalidInput)?;
    to.write_all(&[&length.to_be_bytes(), &*body].concat())
}

/// Receives a message.
///
/// # Errors
/// When the connection breaks, or what comes is no such message.
pub(crate) fn receive<M: DeserializeOwned>(from: &mut impl Read) -> io::Result<M> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut body = vec![0; checked(length)?];
    from.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}

/// The same, where other tasks go on meanwhile.
///
/// # Errors
/// As [`receive`].
pub(crate) async fn receive_later<M: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> io::Result<M> {
    let mut length = [0; 4];
    from.read_exact(&mut length).await?;
    let mut body = vec![0; checked(length)?];
    from.read_exact(&mut body).await?;
    Ok(serde_json::from_slice(&body)?)
}

fn checked(length: [u8; 4]) -> io::Result<usize> {
    let length = usize::try_from(u32::from_be_bytes(length)).ok().filter(|length| *length <= MOST);
    length.ok_or_else(|| io::ErrorKind::InvalidData.into())
}
