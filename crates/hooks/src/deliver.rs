//! One try.

use crate::Target;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use portolan_helpers::{Launcher, Role};
use portolan_http::Http;
use std::ffi::OsString;
use std::io;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::Sender;

/// How long a program may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Tells somebody of an event.
///
/// # Errors
/// Why they have not taken it, in words.
pub(crate) async fn deliver(
    to: &Target,
    launcher: &Launcher,
    http: Option<&Http>,
    body: &str,
) -> Result<(), String> {
    match to {
        Target::Program(program) => run(launcher, program, body).await,
        Target::Url { url, authorization } => {
            let http = http.ok_or("TLS cannot be used here")?;
            post(http, url, authorization.as_deref(), body).await
        }
    }
}

async fn run(launcher: &Launcher, program: &[String], body: &str) -> Result<(), String> {
    let name = program.first().map_or("", String::as_str);
    let program: Vec<OsString> = program.iter().map(OsString::from).collect();
    let done = async {
        let (reader, writer) = io::pipe()?;
        let mut input = Sender::from_owned_fd(writer.into())?;
        // Nothing of what a client says is ever an argument, or in the environment.
        let mut started = launcher.start_program(&program, Role::Stranger, &[reader.into()]).await?;
        // A program may not care to read it.
        let _ = input.write_all(format!("{body}\n").as_bytes()).await;
        drop(input);
        started.wait().await
    };
    match tokio::time::timeout(PATIENCE, done).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("{name} has ended with {status}")),
        Ok(Err(error)) => Err(format!("{name}: {error}")),
        Err(_) => Err(format!("{name} was not ready after {} s", PATIENCE.as_secs())),
    }
}

async fn post(http: &Http, url: &str, authorization: Option<&str>, body: &str) -> Result<(), String> {
    let mut request = Request::post(url).header("content-type", "application/json");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).map_err(|error| error.to_string())?;
    let (status, _) = http.send(request).await.map_err(|error| error.to_string())?;
    if status.is_success() { Ok(()) } else { Err(format!("the service answers {status}")) }
}
