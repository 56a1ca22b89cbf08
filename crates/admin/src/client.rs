//! Commands, from the side that gives them.

use crate::command::{Command, Reply};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;

/// The longest answer.
const ANSWER_MAX: usize = 16 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No server has this socket.
    #[error("no server answers at {}: {error}", path.display())]
    Nobody {
        /// The socket.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// What came is no answer.
    #[error("the server's answer makes no sense: {0}")]
    Nonsense(String),
    /// The server says no.
    #[error("{0}")]
    Refused(String),
}

#[derive(Deserialize)]
struct Refused {
    error: String,
}

/// Gives a server a command; what came of it.
///
/// # Errors
/// [`CallError`].
pub async fn call(path: &Path, command: &Command) -> Result<Reply, CallError> {
    let nobody = |error| CallError::Nobody { path: path.to_owned(), error };
    let stream = UnixStream::connect(path).await.map_err(nobody)?;
    let nonsense = |error: &dyn std::error::Error| CallError::Nonsense(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| nonsense(&error))?;
    tokio::spawn(connection);
    let (method, target, body) = request(command);
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let request = Request::builder().method(method).uri(target).header("host", "portolan");
    let request = request.header("content-type", "application/json").body(Full::new(Bytes::from(body)));
    let request = request.map_err(|error| nonsense(&error))?;
    let response = sender.send_request(request).await.map_err(|error| nonsense(&error))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await;
    let body = body.map_err(|error| CallError::Nonsense(error.to_string()))?.to_bytes();
    if status == StatusCode::OK {
        return serde_json::from_slice(&body).map_err(|error| nonsense(&error));
    }
    let refused: Refused = serde_json::from_slice(&body).map_err(|error| nonsense(&error))?;
    Err(CallError::Refused(refused.error))
}

/// A command as HTTP has it.
fn request(command: &Command) -> (Method, &'static str, Option<Value>) {
    match command {
        Command::Status => (Method::GET, "/status", None),
        Command::Reload => (Method::POST, "/reload", None),
        Command::Lock(locked) => (Method::PUT, "/lock", Some(json!(locked))),
        Command::Unlock => (Method::DELETE, "/lock", None),
        Command::Drain { seconds } => (Method::POST, "/drain", Some(json!({ "seconds": seconds }))),
        Command::Restart => (Method::POST, "/restart", None),
    }
}
