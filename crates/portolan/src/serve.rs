//! `portolan serve`.

use crate::args::ServeArgs;
use crate::{Exit, banner, config, password};
use portolan_accounts::{Account, PasswordHash, TlsNeed, User};
use portolan_certs::Source;
use portolan_config::{Config, Listener};
use portolan_proto::server::TlsPolicy;
use portolan_server::{Listen, Server};
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Serves until a signal ends it.
pub(crate) fn run(args: ServeArgs) -> Result<(), Exit> {
    let config = configuration(args)?;
    if !config.has_users() {
        return Err(Exit::wrong("nobody could log in; name a folder, or write [anonymous] or [[user]]"));
    }
    start_log();
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Exit::failed(format!("cannot start: {error}")))?;
    let done = runtime.block_on(serve(config));
    // A disk that hangs must not keep the program from ending.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

fn configuration(args: ServeArgs) -> Result<Config, Exit> {
    let mut config = match &args.config {
        Some(file) => config::read(file)?,
        None => Config::default(),
    };
    if let Some(dir) = &args.dir {
        let root = dir
            .canonicalize()
            .map_err(|error| Exit::wrong(format!("cannot serve {}: {error}", dir.display())))?;
        if !root.is_dir() {
            return Err(Exit::wrong(format!("cannot serve {}: it is no folder", dir.display())));
        }
        let account = Account { root, write: args.write, fxp: false, tls: TlsNeed::Nothing };
        config.anonymous = (args.user.is_none() || args.anonymous).then(|| account.clone());
        if let Some(name) = args.user {
            let password = password::read(args.password_file.as_deref(), &format!("Password of {name}: "))?;
            let password =
                PasswordHash::of(password.as_bytes()).map_err(|error| Exit::failed(error.to_string()))?;
            config.users.push(User { name, password, account });
        }
    }
    // What is said for every listener counts for every listener.
    if args.tls.is_some() {
        config.listen.iter_mut().for_each(|listener| listener.tls = None);
    }
    if !args.listen.is_empty() {
        config.listen.retain(|listener| listener.implicit_tls);
        config.listen.extend(args.listen.into_iter().map(Listener::explicit));
    }
    if !args.listen_implicit.is_empty() {
        config.listen.retain(|listener| !listener.implicit_tls);
        config.listen.extend(args.listen_implicit.into_iter().map(Listener::implicit));
    }
    config.tls.policy = args.tls.unwrap_or(config.tls.policy);
    config.tls.resume = args.tls_resume.unwrap_or(config.tls.resume);
    if let (Some(certificate), Some(key)) = (args.tls_cert, args.tls_key) {
        let source = Source::Files { certificate, key };
        source.check().map_err(|error| Exit::wrong(error.to_string()))?;
        config.tls.certificate = Some(source);
    }
    let implicit = |listener: &Listen| listener.implicit_tls && listener.tls == TlsPolicy::Off;
    if config.listeners().iter().any(implicit) {
        return Err(Exit::wrong(
            "TLS is off, and cannot begin at once then; leave out --tls off or --listen-implicit",
        ));
    }
    config.passive_ports = args.passive_ports.unwrap_or(config.passive_ports);
    config.one_port |= args.one_port;
    config.announce = args.announce.or(config.announce);
    config.active_port = args.active_port.unwrap_or(config.active_port);
    keep_state(&mut config)?;
    Ok(config)
}

/// Finds the folder for what the server makes for itself. Nobody may fetch its private key from there.
fn keep_state(config: &mut Config) -> Result<(), Exit> {
    let written = config.state.is_some();
    config.state = config.state.take().or_else(state_folder);
    if let Some((secret, root)) = config.exposed() {
        if written || config.state.as_ref() != Some(&secret) || secret.exists() {
            let (secret, root) = (secret.display(), root.display());
            return Err(Exit::wrong(format!(
                "{secret} lies in the folder {root}, which is served, and anybody who may read there could fetch \
                 a private key; move it, or serve another folder (what the server makes for itself goes to \
                 `state` in the configuration, or to $XDG_STATE_HOME)"
            )));
        }
        config.state = None;
    }
    if config.tls.acme.is_some() && config.state.is_none() {
        return Err(Exit::wrong("certificates by ACME have to be kept somewhere; write state = \"…\""));
    }
    Ok(())
}

/// Where the server keeps what it makes for itself: where systemd says, else where the user's other
/// programs do.
fn state_folder() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("STATE_DIRECTORY").or_else(|| {
        let home = || folder("HOME").map(|home| home.join(".local/state"));
        folder("XDG_STATE_HOME").or_else(home).map(|state| state.join("portolan"))
    })
}

async fn serve(config: Config) -> Result<(), Exit> {
    let cannot = |error: std::io::Error| Exit::failed(format!("cannot listen on {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut banner = banner::Banner::of(&config);
    let grace = config.grace;
    let acme = config.tls.acme.clone().zip(config.acme_folder());
    let (options, certificates) = config.into_options().map_err(|error| Exit::failed(error.to_string()))?;
    let server = Server::start(options).map_err(cannot)?;
    if let Some(certificates) = certificates {
        banner.set_fingerprint(certificates.fingerprint());
        let obtained = certificates.to_obtain();
        tokio::spawn(portolan_certs::watch(certificates));
        if let Some((acme, folder)) = acme {
            let renewal = acme.start(folder).await.map_err(cannot)?;
            tokio::spawn(renewal.run(obtained));
        }
    }
    print!("{}", banner.text(server.places()));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!(grace = grace.as_secs(), "stopping; a second signal stops at once");
    tokio::select! {
        () = server.shutdown(grace) => Ok(()),
        _ = interrupt.recv() => Err(Exit::failed("stopped at once")),
        _ = terminate.recv() => Err(Exit::failed("stopped at once")),
    }
}

fn start_log() {
    let filter = EnvFilter::try_from_env("PORTOLAN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
}

/// Each session needs a descriptor or two, and the usual limit of 1,024 is from another age.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where the system refuses, fewer sessions fit.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
