//! DNS-01: a program of the administrator sets a record (RFC 8555 §8.4).

use super::order::Answer;
use portolan_helpers::{Launcher, Role};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

/// Bytes of its messages that are taken at the most.
const MESSAGES: u64 = 4096;

/// How long the program may take: some wait until all name servers have the record.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

pub(super) struct Responder {
    program: PathBuf,
    launcher: Launcher,
}

impl Responder {
    pub(super) fn new(program: PathBuf, launcher: Launcher) -> Responder {
        Responder { program, launcher }
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
        let name = format!("_acme-challenge.{}", answer.name);
        let value = answer.authorization.dns_value();
        let program = [self.program.clone().into(), verb.into(), name.into(), value.into()];
        let running = async {
            let (reader, writer) = io::pipe()?;
            let descriptors = [File::open("/dev/null")?.into(), writer.into()];
            let mut started = self.launcher.start_program(&program, Role::Stranger, &descriptors).await?;
            drop(descriptors);
            let (mut messages, mut said) = (Receiver::from_owned_fd(reader.into())?, Vec::new());
            let first = (&mut messages).take(MESSAGES).read_to_end(&mut said).await;
            // It is not to wait for us to read the rest.
            first.and(tokio::io::copy(&mut messages, &mut tokio::io::sink()).await)?;
            Ok((started.wait().await?, said))
        };
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.program.display()));
        let output = tokio::time::timeout(PATIENCE, running).await.map_err(|late| named(late.into()))?;
        let (status, said) = output.map_err(named)?;
        if status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&said);
        let text = format!("{} {verb}: {status}: {}", self.program.display(), said.trim());
        Err(io::Error::other(text))
    }
}
