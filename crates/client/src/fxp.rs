//! Copying from one server to another, without the data passing this side (RFC 959 §5.2, "server-FTP to server-FTP").
//!
//! One server listens, the other connects to it. Most servers allow neither by themselves, since both can be abused; what
//! they say then is the error.

use crate::connection::Connection;
use crate::error::{Error, Result};
use portolan_proto::client::{Error as SessionError, Phase, Problem};
use portolan_wire::Verb;
use portolan_wire::passive::parse_227;
use portolan_wire::received::printable;

/// Copies a file from one server to another; it is replaced there.
///
/// # Errors
/// When one of them refuses its part, or the data connection between them cannot be protected although it should be. After
/// one, both connections may be in the middle of something, and are of no use any more.
pub async fn copy(from: &Connection, path: &[u8], to: &Connection, target: &[u8]) -> Result<()> {
    let verb = make_ready(from, to).await?;
    for connection in [from, to] {
        connection.demand(Verb::Type, Some(b"I")).await?;
    }
    // Who receives listens, or who sends, if the one does not take the other's address.
    match meet(to, verb.of_target, from).await {
        Ok(()) => {}
        Err(first) => meet(from, verb.of_source, to).await.map_err(|_| first)?,
    }
    let (store, retrieve) = (done(to, Verb::Stor, target), done(from, Verb::Retr, path));
    tokio::pin!(store, retrieve);
    // The other one may wait for a connection that never comes, so the first failure is the end.
    tokio::select! {
        stored = &mut store => {
            stored?;
            retrieve.await
        }
        retrieved = &mut retrieve => {
            retrieved?;
            store.await
        }
    }
}

/// How each server is asked to listen.
struct Verbs {
    of_source: Verb,
    of_target: Verb,
}

/// One of two servers has to be the client of the TLS handshake, and not all know how.
async fn make_ready(from: &Connection, to: &Connection) -> Result<Verbs> {
    let plain = Verbs { of_source: Verb::Pasv, of_target: Verb::Pasv };
    match (from.protection().1, to.protection().1) {
        (false, false) => return Ok(plain),
        (true, true) => {}
        _ => {
            return Err(Error::Strange(
                "one of the servers protects its data, and the other does not".to_owned(),
            ));
        }
    }
    for connection in [from, to] {
        if connection.features().offers("SSCN") {
            connection.demand(Verb::Sscn, Some(b"ON")).await?;
            return Ok(plain);
        }
    }
    match (from.features().offers("CPSV"), to.features().offers("CPSV")) {
        (true, true) => Ok(Verbs { of_source: Verb::Cpsv, of_target: Verb::Cpsv }),
        _ => Err(Error::Strange(
            "neither server can begin TLS with the other: SSCN, or CPSV of both, is needed".to_owned(),
        )),
    }
}

/// Has one server listen, and tells the other where.
async fn meet(listening: &Connection, verb: Verb, connecting: &Connection) -> Result<()> {
    let reply = listening.demand(verb, None).await?;
    let text = reply.lines.first().map_or(&[][..], Vec::as_slice);
    let place =
        parse_227(text).ok_or_else(|| Error::Strange(format!("no address in \"{}\"", printable(text))))?;
    connecting.demand(Verb::Port, Some(place.to_string().as_bytes())).await.map(|_| ())
}

async fn done(connection: &Connection, verb: Verb, path: &[u8]) -> Result<()> {
    let reply = connection.ask(verb, Some(path)).await?;
    if reply.is_done() {
        return Ok(());
    }
    let problem = Problem::Refused(reply);
    Err(SessionError { phase: Phase::Transfer, verb: Some(verb), problem, untouched: false }.into())
}
