//! What the command line says, over and above the configuration file.

use crate::args::{MapPorts, ServeArgs};
use crate::{Exit, config, password, state};
use portolan_accounts::{Member, Mount, PasswordHash, Profile, User};
use portolan_certs::Source;
use portolan_config::{Config, Listener};
use portolan_proto::server::TlsPolicy;
use portolan_vfs::Rights;
use std::path::{Path, PathBuf};

/// What the command line says.
pub(super) struct Overrides {
    args: ServeArgs,
    /// The folder to serve, without links.
    folder: Option<PathBuf>,
    /// The hash of the password of the user that it names.
    password: Option<PasswordHash>,
}

impl Overrides {
    /// Asks for the password, where there is one to be asked for.
    pub(super) fn new(args: ServeArgs) -> Result<Overrides, Exit> {
        let folder = args.dir.as_deref().map(folder).transpose()?;
        let password = args.user.as_ref().map(|name| {
            let password = password::read(args.password_file.as_deref(), &format!("Password of {name}: "))?;
            PasswordHash::of(password.as_bytes()).map_err(|error| Exit::failed(error.to_string()))
        });
        let password = password.transpose()?;
        Ok(Overrides { args, folder, password })
    }

    /// The configuration file.
    pub(super) fn file(&self) -> Option<&Path> {
        self.args.config.as_deref()
    }

    /// True when somebody was asked for a password, and would be again.
    pub(super) fn asks(&self) -> bool {
        self.args.user.is_some() && self.args.password_file.is_none()
    }

    /// Reads the configuration file, if there is one, and puts what the command line says over it.
    pub(super) fn configuration(&self) -> Result<Config, Exit> {
        let args = &self.args;
        let mut config = match self.file() {
            Some(file) => config::read(file)?,
            None => Config::default(),
        };
        if let Some(root) = &self.folder {
            let rights = if args.write { Rights::FULL } else { Rights::READ_ONLY };
            let profile = Profile { mounts: vec![Mount::root(root, rights)], ..Profile::default() };
            let member = Member { profile, ..Member::default() };
            config.anonymous = (args.user.is_none() || args.anonymous).then(|| member.clone());
            if let (Some(name), Some(password)) = (&args.user, &self.password) {
                config.users.push(User { name: name.clone(), password: password.clone(), member });
            }
        }
        // What is said for every listener counts for every listener.
        if args.tls.is_some() {
            config.listen.iter_mut().for_each(|listener| listener.tls = None);
        }
        if !args.listen.is_empty() {
            config.listen.retain(|listener| listener.implicit_tls);
            config.listen.extend(args.listen.iter().copied().map(Listener::explicit));
        }
        if !args.listen_implicit.is_empty() {
            config.listen.retain(|listener| !listener.implicit_tls);
            config.listen.extend(args.listen_implicit.iter().copied().map(Listener::implicit));
        }
        config.tls.policy = args.tls.unwrap_or(config.tls.policy);
        config.tls.resume = args.tls_resume.unwrap_or(config.tls.resume);
        if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
            let source = Source::Files { certificate: certificate.clone(), key: key.clone() };
            source.check().map_err(|error| Exit::wrong(error.to_string()))?;
            config.tls.certificate = Some(source);
        }
        let implicit =
            |listener: &Listener| listener.implicit_tls && config.policy(listener) == TlsPolicy::Off;
        if config.listen.iter().any(implicit) {
            return Err(Exit::wrong(
                "TLS is off, and cannot begin at once then; leave out --tls off or --listen-implicit",
            ));
        }
        config.passive_ports = args.passive_ports.clone().unwrap_or(config.passive_ports);
        config.one_port |= args.one_port;
        if !args.announce.is_empty() {
            config.announce = args.announce.clone();
            config.listen.iter_mut().for_each(|listener| listener.announce = None);
        }
        config.map_ports = args.map_ports.clone().map_or(config.map_ports, |MapPorts(methods)| methods);
        config.pinholes |= args.pinholes;
        config.active_port = args.active_port.unwrap_or(config.active_port);
        keep_state(&mut config)?;
        if !config.has_users() {
            return Err(Exit::wrong("nobody could log in; name a folder, or write [anonymous] or [[user]]"));
        }
        Ok(config)
    }
}

/// The folder to serve.
fn folder(dir: &Path) -> Result<PathBuf, Exit> {
    let root = dir
        .canonicalize()
        .map_err(|error| Exit::wrong(format!("cannot serve {}: {error}", dir.display())))?;
    if !root.is_dir() {
        return Err(Exit::wrong(format!("cannot serve {}: it is no folder", dir.display())));
    }
    Ok(root)
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
