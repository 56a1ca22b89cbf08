//! What makes the server reachable, as far as the program has to do something for it.

use super::confine::Confined;
use crate::Exit;
use portolan_config::Config;
use portolan_helpers::Program;
use portolan_reach::pinhole::{MARK, Pinholes};
use std::io::Write;
use std::ops::RangeInclusive;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Starts the process that opens pinholes.
pub(super) async fn start_pinholes(
    config: &Config,
    ports: RangeInclusive<u16>,
    confined: &Confined,
) -> Result<Pinholes, Exit> {
    let cannot = |error: std::io::Error| {
        let need = match error.kind() {
            std::io::ErrorKind::PermissionDenied => "; that needs CAP_NET_ADMIN",
            _ => "",
        };
        Exit::failed(format!("cannot open pinholes in the firewall: {error}{need}"))
    };
    if let Some(port) =
        config.listen.iter().map(|listener| listener.address.port()).find(|port| ports.contains(port))
    {
        return Err(Exit::wrong(format!(
            "pinholes would close the control port {port}, which is one of the passive ports; write another range"
        )));
    }
    let (name, range) = names(config, &ports);
    let program = pinholes(&confined.program, config, &ports);
    let pinholes = Pinholes::start(confined.launcher.clone(), program, ports).await.map_err(cannot)?;
    tracing::info!(
        "pinholes for port {range} are in the table `{name}`; where another firewall of this machine closes those \
         ports, this line lets them through: meta mark {MARK:#x} accept"
    );
    Ok(pinholes)
}

/// The process that opens pinholes, as a program.
pub(super) fn pinholes(program: &Path, config: &Config, ports: &RangeInclusive<u16>) -> Program {
    let (name, range) = names(config, ports);
    vec![program.into(), "pinholes".into(), name.into(), range.into()]
}

/// The name of its table, and the ports, as it is told them.
fn names(config: &Config, ports: &RangeInclusive<u16>) -> (String, String) {
    let port = config.listen.first().map_or(0, |listener| listener.address.port());
    (format!("portolan-{port}"), format!("{}-{}", ports.start(), ports.end()))
}

/// What routers know this server by. It is kept, so that mappings of a run that broke off can be taken over.
pub(super) fn nonce(config: &Config) -> [u8; 12] {
    let new: [u8; 12] = rand::random();
    let (Some(state), false) = (&config.state, config.map_ports.is_empty()) else { return new };
    let file = state.join("router-nonce");
    if let Some(kept) = std::fs::read(&file).ok().and_then(|bytes| <[u8; 12]>::try_from(bytes).ok()) {
        return kept;
    }
    let kept = std::fs::create_dir_all(state).and_then(|()| {
        // Who knows it can change the mappings.
        let mut file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&file)?;
        file.write_all(&new)
    });
    if let Err(error) = kept {
        tracing::warn!(%error, "mappings on the router cannot be taken over after a crash");
    }
    new
}
