//! One try.

use crate::Target;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use portolan_http::Http;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// How long a program may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Tells somebody of an event.
///
/// # Errors
/// Why they have not taken it, in words.
pub(crate) async fn deliver(to: &Target, http: Option<&Http>, body: &str) -> Result<(), String> {
    match to {
        Target::Program(program) => run(program, body).await,
        Target::Url { url, authorization } => {
            let http = http.ok_or("TLS cannot be used here")?;
            post(http, url, authorization.as_deref(), body).await
        }
    }
}

async fn run(program: &[String], body: &str) -> Result<(), String> {
    let [name, arguments @ ..] = program else { return Err("no program is named".to_owned()) };
    // Nothing of what a client says is ever an argument, or in the environment.
    let mut child = Command::new(name)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{name} cannot be started: {error}"))?;
    let done = async {
        if let Some(mut input) = child.stdin.take() {
            // A program may not care to read it.
            let _ = input.write_all(format!("{body}\n").as_bytes()).await;
        }
        child.wait().await
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
