//! DNS-01: a program of the administrator sets a record (RFC 8555 §8.4).

use super::order::Answer;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How long the program may take: some wait until all name servers have the record.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

pub(super) struct Responder {
    program: PathBuf,
}

impl Responder {
    pub(super) fn new(program: PathBuf) -> Responder {
        Responder { program }
    }

    pub(super) async fn offer(&self, answer: &Answer) -> io::Result<()> {
        self.call("add", answer).await
    }

    pub(super) async fn withdraw(&self, answer: &Answer) {
        if let Err(error) = self.call("remove", answer).await {
            tracing::warn!(%error, name = answer.name, "a record stays behind");
        }
    }

    async fn call(&self, verb: &str, answer: &Answer) -> io::Result<()> {
        let mut command = Command::new(&self.program);
        command
            .arg(verb)
            .arg(format!("_acme-challenge.{}", answer.name))
            .arg(answer.authorization.dns_value());
        let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.program.display()));
        let output = tokio::time::timeout(PATIENCE, running).await.map_err(|late| named(late.into()))?;
        let output = output.map_err(named)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let text = format!("{} {verb}: {}: {}", self.program.display(), output.status, said.trim());
        Err(io::Error::other(text))
    }
}
