//! `CONNECT` (RFC 9110 §9.3.6), with a login by Basic (RFC 7617).
//!
//! By hand, since an FTP server speaks first: what comes behind the answer's header is its greeting, and a library for HTTP
//! would have read it.

use super::{Login, Problem};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portolan_proto::client::{Host, Place};
use portolan_wire::received::printable;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes of the header of an answer.
const HEADER_MAX: usize = 16 << 10;
/// Bytes of its first line that are told.
const LINE_MAX: usize = 200;

pub(super) async fn open<S>(mut stream: S, to: &Place, login: Option<&Login>) -> Result<S, Problem>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if matches!(&to.host, Host::Name(name) if !name.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err(Problem::Unfit("the name of the server holds what HTTP cannot carry"));
    }
    let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
    if let Some(Login { user, password }) = login {
        let login = STANDARD.encode(format!("{user}:{password}"));
        request.push_str(&format!("Proxy-Authorization: Basic {login}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let header = header(&mut stream).await?;
    verdict(&header)?;
    Ok(stream)
}

/// Reads to the empty line that ends a header, and no byte more.
async fn header(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Problem> {
    let mut header = Vec::new();
    while !header.ends_with(b"\n\r\n") && !header.ends_with(b"\n\n") {
        if header.len() == HEADER_MAX {
            return Err(Problem::Strange("the header of its answer does not end".to_owned()));
        }
        header.push(stream.read_u8().await?);
        // What speaks something else may never send an empty line.
        let begin = b"HTTP/";
        if !header.starts_with(&begin[..begin.len().min(header.len())]) {
            return Err(Problem::Strange(format!("it begins with \"{}\"", printable(&header))));
        }
    }
    Ok(header)
}

/// What the first line says. Any 2xx is a yes (RFC 9110 §9.3.6).
fn verdict(header: &[u8]) -> Result<(), Problem> {
    let line = header.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    let line = &line[..line.len().min(LINE_MAX)];
    // `HTTP/1.1 200 and some words`
    let said = line.splitn(2, |byte| *byte == b' ').nth(1).unwrap_or_default();
    let words = printable(said);
    let number = said.get(..3).and_then(|number| std::str::from_utf8(number).ok()?.parse::<u16>().ok());
    match number {
        Some(200..300) => Ok(()),
        // Tinyproxy says 401 to a wrong login.
        Some(401 | 407) => Err(Problem::Login(words)),
        Some(400..500) => Err(Problem::Forbidden(words)),
        Some(500..600) => Err(Problem::Unreachable(words)),
        _ => Err(Problem::Strange(format!("it says \"{}\"", printable(line)))),
    }
}
