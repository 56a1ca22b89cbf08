//! `portolan serve`.

use crate::args::{MapPorts, ServeArgs};
use crate::{Exit, banner, config, password, state};
use portolan_accounts::{Member, Mount, PasswordHash, Profile, User};
use portolan_certs::Source;
use portolan_config::{Config, Listener};
use portolan_proto::server::TlsPolicy;
use portolan_reach::pinhole::{MARK, Pinholes};
use portolan_server::Server;
use portolan_vfs::Rights;
use std::ffi::OsString;
use std::io::Write;
use std::ops::RangeInclusive;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
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
        let rights = if args.write { Rights::FULL } else { Rights::READ_ONLY };
        let profile = Profile { mounts: vec![Mount::root(root, rights)], ..Profile::default() };
        let member = Member { profile, ..Member::default() };
        config.anonymous = (args.user.is_none() || args.anonymous).then(|| member.clone());
        if let Some(name) = args.user {
            let password = password::read(args.password_file.as_deref(), &format!("Password of {name}: "))?;
            let password =
                PasswordHash::of(password.as_bytes()).map_err(|error| Exit::failed(error.to_string()))?;
            config.users.push(User { name, password, member });
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
    let implicit = |listener: &Listener| listener.implicit_tls && config.policy(listener) == TlsPolicy::Off;
    if config.listen.iter().any(implicit) {
        return Err(Exit::wrong(
            "TLS is off, and cannot begin at once then; leave out --tls off or --listen-implicit",
        ));
    }
    config.passive_ports = args.passive_ports.unwrap_or(config.passive_ports);
    config.one_port |= args.one_port;
    if !args.announce.is_empty() {
        config.announce = args.announce;
        config.listen.iter_mut().for_each(|listener| listener.announce = None);
    }
    config.map_ports = args.map_ports.map_or(config.map_ports, |MapPorts(methods)| methods);
    config.pinholes |= args.pinholes;
    config.active_port = args.active_port.unwrap_or(config.active_port);
    keep_state(&mut config)?;
    Ok(config)
}

/// Finds the folder for what the server makes for itself. Nobody may fetch its private key from there.
fn keep_state(config: &mut Config) -> Result<(), Exit> {
    let written = config.state.is_some();
    config.state = config.state.take().or_else(state::folder);
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

async fn serve(config: Config) -> Result<(), Exit> {
    let cannot = |error: std::io::Error| Exit::failed(format!("cannot listen on {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut banner = banner::Banner::of(&config);
    let grace = config.grace;
    let acme = config.tls.acme.clone().zip(config.acme_folder());
    let pinholes = match (config.pinholes, config.data_ports()) {
        (true, Some(ports)) => Some(start_pinholes(&config, ports).await?),
        _ => None,
    };
    let nonce = nonce(&config);
    let (mut options, certificates, reach) =
        config.into_options(nonce).map_err(|error| Exit::failed(error.to_string()))?;
    options.pinholes = pinholes;
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
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    reach.start(&stop, &tasks);
    print!("{}", banner.text(server.places()));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!(grace = grace.as_secs(), "stopping; a second signal stops at once");
    let shutdown = async {
        server.shutdown(grace).await;
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    };
    let done = tokio::select! {
        () = shutdown => Ok(()),
        _ = interrupt.recv() => Err(Exit::failed("stopped at once")),
        _ = terminate.recv() => Err(Exit::failed("stopped at once")),
    };
    server.cut_off().await;
    done
}

/// Starts the process that opens pinholes.
async fn start_pinholes(config: &Config, ports: RangeInclusive<u16>) -> Result<Pinholes, Exit> {
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
    let program = std::env::current_exe().map_err(cannot)?;
    let port = config.listen.first().map_or(0, |listener| listener.address.port());
    let (name, range) = (format!("portolan-{port}"), format!("{}-{}", ports.start(), ports.end()));
    let arguments = ["pinholes".to_owned(), name.clone(), range.clone()].map(OsString::from);
    let pinholes = Pinholes::start(program, arguments.to_vec(), ports).await.map_err(cannot)?;
    tracing::info!(
        "pinholes for port {range} are in the table `{name}`; where another firewall of this machine closes those \
         ports, this line lets them through: meta mark {MARK:#x} accept"
    );
    Ok(pinholes)
}

/// What routers know this server by. It is kept, so that mappings of a run that broke off can be taken over.
fn nonce(config: &Config) -> [u8; 12] {
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
