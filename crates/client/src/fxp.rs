//! Copying from one server to another, without the data passing this side (RFC 959 §5.2, "server-FTP to server-FTP").
//!
//! One server listens, the other connects to it. Most servers allow neither by themselves, since both can be abused; what
//! they say then is the error. What this module is not: it does not verify the one server for the other, which nobody can.

mod meeting;

use crate::client::{Client, Lease};
use crate::connection::Connection;
use crate::error::{Error, Result};
use meeting::Meeting;
use portolan_proto::client::{Error as SessionError, Phase, Problem, Retry};
use portolan_wire::{Received, Verb};
use std::time::Duration;

/// How long the one server has to say that it is done, once the other one is: what is on its way has to arrive.
const AFTER_SUCCESS: Duration = Duration::from_secs(300);

/// How long the one server has to notice that the other one has failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// How a copy went that went well.
#[derive(Debug, Clone)]
pub enum Copied {
    /// Both servers say so.
    Confirmed,
    /// One of them was lost before it said so. The other one says so, and the size is right.
    Compared {
        /// Bytes of the file, at both ends.
        bytes: u64,
        /// How the one was lost.
        lost: Error,
    },
}

/// Copies a file from one server to another; it is replaced there. What may go well another time is tried again.
///
/// # Errors
/// When one of them refuses its part; when the data connection between them cannot be protected although it should be; when
/// one of them was lost on the way, and nothing shows that all is there.
pub async fn copy(from: &Client, path: &[u8], to: &Client, target: &[u8]) -> Result<Copied> {
    let mut tried = 0;
    loop {
        match try_copy(from, path, to, target, tried).await {
            Err(error) if from.waits(tried, &error).await => tried += 1,
            copied => return copied,
        }
    }
}

async fn try_copy(from: &Client, path: &[u8], to: &Client, target: &[u8], tried: u32) -> Result<Copied> {
    if from.is_carried() || to.is_carried() {
        let text = "through a proxy it does not show where the servers are that are to meet";
        return Err(Error::Local(text.to_owned()));
    }
    let (source, sink) = (from.connection().await?, to.connection().await?);
    let sizes = match sizes(&source, path, &sink, target).await {
        Ok(sizes) => sizes,
        Err(error) => return Err(given_up(source, sink, error)),
    };
    let (stored, retrieved) = match bring_together(&source, path, &sink, target, tried).await {
        Ok(ends) => ends,
        Err(error) => return Err(given_up(source, sink, error)),
    };
    let (stored, lost) = match (stored, retrieved) {
        (Ok(()), Ok(())) => return Ok(Copied::Confirmed),
        (Ok(()), Err(lost)) => (true, lost),
        (Err(lost), _) => (false, lost),
    };
    let lost = given_up(source, sink, lost);
    // Of a file that was as long before, the length tells nothing.
    let Some(bytes) = sizes.source.filter(|size| stored || sizes.target_before != Some(*size)) else {
        return Err(lost);
    };
    match to.run(async |connection| connection.facts(target).await).await?.size {
        Some(got) if got == bytes => Ok(Copied::Compared { bytes, lost }),
        Some(got) => Err(Error::WrongSize { wanted: bytes, got }),
        None => Err(lost),
    }
}

/// Both may be in the middle of something, and are of no use any more.
fn given_up(source: Lease<'_>, sink: Lease<'_>, error: Error) -> Error {
    source.discard();
    sink.discard();
    error
}

/// Bytes of a file, as far as its server says.
struct Sizes {
    source: Option<u64>,
    target_before: Option<u64>,
}

async fn sizes(from: &Connection, path: &[u8], to: &Connection, target: &[u8]) -> Result<Sizes> {
    let source = size(from, path).await?;
    // Before the file at the target is touched.
    if source.number == 550 {
        return Err(refused(Verb::Size, source));
    }
    let target_before = size(to, target).await?;
    Ok(Sizes { source: bytes(&source), target_before: bytes(&target_before) })
}

async fn size(connection: &Connection, path: &[u8]) -> Result<Received> {
    // In text types it is another, where it is answered at all.
    connection.demand(Verb::Type, Some(b"I")).await?;
    connection.ask(Verb::Size, Some(path)).await
}

/// What 213 says.
fn bytes(reply: &Received) -> Option<u64> {
    let line = reply.lines.first().filter(|_| reply.number == 213)?;
    std::str::from_utf8(line.trim_ascii()).ok()?.parse().ok()
}

/// How it ended for who stores and for who retrieves: neither has refused, and at most one was lost.
type Ends = (Result<()>, Result<()>);

/// Tries the ways in which the two can come together, one after the other; each time beginning with another.
async fn bring_together(
    from: &Connection,
    path: &[u8],
    to: &Connection,
    target: &[u8],
    tried: u32,
) -> Result<Ends> {
    let (mut first, mut meetings) = (None, Meeting::all(from, to)?);
    let begin = tried as usize % meetings.len();
    meetings.rotate_left(begin);
    for meeting in meetings {
        let tried = match meeting.prepare(from, to).await {
            Ok(()) => transfer(from, path, to, target).await,
            Err(error) if error.code().is_some() => Err(Failed { error, may_try_again: true }),
            Err(error) => Err(Failed { error, may_try_again: false }),
        };
        let lost = matches!(&tried, Ok(ends) if ends.0.is_err() || ends.1.is_err());
        if !lost {
            meeting.end(from, to).await;
        }
        match tried {
            Ok(ends) => return Ok(ends),
            Err(Failed { error, may_try_again: false }) => return Err(first.unwrap_or(error)),
            Err(Failed { error, .. }) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| Error::Strange("the servers have no way to come together".to_owned())))
}

struct Failed {
    error: Error,
    /// True when the two did not come together, and may do so in another way.
    may_try_again: bool,
}

async fn transfer(
    from: &Connection,
    path: &[u8],
    to: &Connection,
    target: &[u8],
) -> std::result::Result<Ends, Failed> {
    let (store, retrieve) = (done(to, Verb::Stor, target), done(from, Verb::Retr, path));
    tokio::pin!(store, retrieve);
    // Who cannot go on says so first; the other one then waits for a connection that never comes.
    let (stored, retrieved, store_is_first) = tokio::select! {
        stored = &mut store => {
            let retrieved = after(&stored, retrieve).await;
            (stored, retrieved, true)
        }
        retrieved = &mut retrieve => (after(&retrieved, store).await, retrieved, false),
    };
    let refused = |end: &Result<()>| end.as_ref().is_err_and(|error| error.code().is_some());
    let neither = stored.is_err() && retrieved.is_err();
    if !neither && !refused(&stored) && !refused(&retrieved) {
        return Ok((stored, retrieved));
    }
    let may_try_again = neither && refused(&stored) && refused(&retrieved);
    let ends = if store_is_first { [stored, retrieved] } else { [retrieved, stored] };
    let errors = ends.into_iter().filter_map(Result::err);
    // A refusal says more than a connection that went with it.
    let error = errors.min_by_key(|error| error.code().is_none());
    Err(Failed { error: error.unwrap_or_else(silent), may_try_again })
}

/// How it ends for the one after that of the other, whose failure it may not notice at all.
async fn after(other: &Result<()>, end: impl Future<Output = Result<()>>) -> Result<()> {
    let time = match other {
        Ok(()) => AFTER_SUCCESS,
        Err(error) if is_about_data(error) => AFTER_FAILURE,
        Err(_) => return Err(silent()),
    };
    tokio::time::timeout(time, end).await.unwrap_or_else(|_| Err(silent()))
}

/// Nobody waits for it any more.
fn silent() -> Error {
    SessionError { phase: Phase::Transfer, verb: None, problem: Problem::Silent, untouched: false }.into()
}

/// True when what went wrong was the data connection, so that the other one will notice too.
fn is_about_data(error: &Error) -> bool {
    match error.code() {
        Some(code) => matches!(code, 425 | 426 | 521 | 522),
        None => error.retry() == Retry::NewConnection,
    }
}

fn refused(verb: Verb, reply: Received) -> Error {
    let problem = Problem::Refused(reply);
    SessionError { phase: Phase::Transfer, verb: Some(verb), problem, untouched: false }.into()
}

async fn done(connection: &Connection, verb: Verb, path: &[u8]) -> Result<()> {
    let reply = connection.ask(verb, Some(path)).await?;
    if reply.is_done() {
        return Ok(());
    }
    Err(refused(verb, reply))
}
