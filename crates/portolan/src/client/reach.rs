//! From a URL and the command line to a client that is logged in.

use super::place::Place;
use super::report::Outcome;
use super::{known, netrc, proxy, ways};
use crate::Exit;
use crate::args::{ModeChoice, Reach, TlsChoice, TrustChoice};
use portolan_client::tls::{Identity, Trust};
use portolan_client::{
    Client, Credentials, Error, Event, Mode, Observer, Options, Patience, Resumed, Retries, TlsPolicy, Url,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The port of a URL.
pub(super) fn port(url: &Url, reach: &Reach) -> u16 {
    url.port.unwrap_or(if policy(url, reach) == TlsPolicy::Implicit { 990 } else { 21 })
}

fn policy(url: &Url, reach: &Reach) -> TlsPolicy {
    match (reach.tls, url.tls) {
        (Some(TlsChoice::Auto), _) => TlsPolicy::Auto,
        (Some(TlsChoice::Required), _) => TlsPolicy::Required,
        (Some(TlsChoice::Off), _) => TlsPolicy::Off,
        (Some(TlsChoice::Implicit), _) => TlsPolicy::Implicit,
        (None, Some(policy)) => policy,
        (None, None) => TlsPolicy::Auto,
    }
}

/// A client for the server of a URL, by at most so many connections, or as many as are worth it. It has been connected to
/// once.
pub(super) async fn client(url: &Url, reach: &Reach, sessions: Option<usize>) -> Result<Client, Exit> {
    let mut options = options(url, reach)?;
    let retries = Retries { times: reach.retries, ..Retries::default() };
    loop {
        let client = Client::new(options.clone(), sessions, retries);
        // A server that is not trusted is asked about before anything else happens.
        let untrusted = match client.run_once(async |_| Ok(())).await {
            Ok(()) => return Ok(client),
            Err(Error::Untrusted(untrusted)) => untrusted,
            Err(error) => return Err(super::report::at(url, &error)),
        };
        let error = Error::Untrusted(untrusted.clone());
        let refused = || {
            let mut exit = super::report::at(url, &error);
            if untrusted.changed && reach.fingerprint.is_empty() {
                exit.message += "\nIf that is right, remove its line from known-hosts in the state folder";
            } else if reach.fingerprint.is_empty() {
                exit.message +=
                    "\nIf that is the server's own, trust it by --fingerprint, or by --trust new once";
            }
            exit
        };
        let taken = match reach.trust {
            _ if untrusted.changed || !reach.fingerprint.is_empty() => false,
            TrustChoice::New => true,
            TrustChoice::Ask if std::io::stdin().is_terminal() => {
                let host = options.partner().0;
                ask(format!("portolan: {host}: {untrusted}\nTrust it from now on? [y/N] ")).await?
            }
            TrustChoice::Ask | TrustChoice::Refuse => false,
        };
        if !taken {
            return Err(refused());
        }
        let place = options.partner();
        known::remember(place.0, place.1, untrusted.fingerprint).map_err(|error| Exit {
            message: format!("cannot remember the server's key: {error}"),
            code: 9,
        })?;
        options.trust.known.push(untrusted.fingerprint);
    }
}

/// Does something with a server, and says goodbye.
pub(super) async fn with(
    url: &Url,
    reach: &Reach,
    sessions: Option<usize>,
    act: impl AsyncFnOnce(&Client, &Place) -> Result<(), Exit>,
) -> Result<(), Exit> {
    let client = client(url, reach, sessions).await?;
    let done = act(&client, &Place::from(url)).await;
    finish(url, reach, client).await;
    done
}

/// The same for each of several URLs, whatever becomes of the others.
pub(super) async fn each(
    urls: &[Url],
    reach: &Reach,
    act: impl AsyncFn(&Client, &Place) -> Result<(), Exit>,
) -> Result<(), Exit> {
    let mut outcome = Outcome::default();
    for url in urls {
        outcome.note(with(url, reach, Some(1), &act).await);
    }
    outcome.end()
}

/// Asks at the terminal; in a shell, Ctrl-C is heard meanwhile.
async fn ask(question: String) -> Result<bool, Exit> {
    let failed = |error: std::io::Error| Exit::failed(error.to_string());
    eprint!("{question}");
    std::io::stderr().flush().map_err(failed)?;
    let read = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = read.await.map_err(|error| Exit::failed(error.to_string()))?.map_err(failed)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Says goodbye, and remembers what was learned.
pub(super) async fn finish(url: &Url, reach: &Reach, client: Client) {
    // What leads through a proxy says nothing of this network.
    let direct = matches!(proxy::of(url, reach), Ok(None));
    if let (ModeChoice::Auto, true, Some(way)) = (reach.mode, direct, client.way()) {
        ways::remember(&url.host, port(url, reach), way);
    }
    client.close().await;
}

fn options(url: &Url, reach: &Reach) -> Result<Options, Exit> {
    let port = port(url, reach);
    let mut options = Options::new(url.host.clone());
    options.port = port;
    options.proxy = proxy::of(url, reach)?;
    options.tls = policy(url, reach);
    options.trust = trust(reach)?;
    let partner = options.partner();
    options.trust.known = known::of(partner.0, partner.1)?;
    // What once was protected does not silently become clear, by way of a proxy neither.
    let known = !options.trust.known.is_empty()
        || !reach.fingerprint.is_empty()
        || !known::of(&url.host, port)?.is_empty();
    if options.tls == TlsPolicy::Auto && known {
        options.tls = TlsPolicy::Required;
    }
    options.credentials = credentials(url, reach)?;
    let mode = match reach.mode {
        ModeChoice::Auto => Mode::Auto,
        ModeChoice::Passive => Mode::Passive,
        ModeChoice::Active => Mode::Active,
    };
    options.ways = mode.ways().to_vec();
    if let (Mode::Auto, None) = (mode, &options.proxy)
        && let Some(way) = ways::remembered(&url.host, port)
    {
        options.ways.sort_by_key(|own| *own != way);
    }
    options.active_address = reach.active_address.clone().unwrap_or_default();
    options.active_ports.clone_from(&reach.active_ports);
    options.charset = reach.charset;
    options.bind = reach.bind;
    let timeout = Duration::from_secs(reach.timeout);
    options.stall = timeout;
    options.connect = options.connect.min(timeout);
    let usual = Patience::default();
    options.patience = Patience {
        reply: timeout,
        end: timeout,
        connect: usual.connect.min(timeout),
        last_connect: usual.last_connect.min(timeout),
        accept: usual.accept.min(timeout),
        ..usual
    };
    let guest = options.credentials == Credentials::anonymous();
    options.observer = Some(observer(reach.verbose, reach.quiet, guest));
    Ok(options)
}

fn cannot_read(file: &Path, error: impl std::fmt::Display) -> Exit {
    Exit { message: format!("{}: {error}", file.display()), code: 9 }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Exit> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).map_err(|error| cannot_read(file, error))?.collect();
    let found = found.map_err(|error| cannot_read(file, error))?;
    if found.is_empty() { Err(cannot_read(file, "there is no certificate in it")) } else { Ok(found) }
}

fn trust(reach: &Reach) -> Result<Trust, Exit> {
    let identity = match (&reach.cert, &reach.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| cannot_read(key, error))?;
            Some(Arc::new(Identity { chain, key }))
        }
        _ => None,
    };
    let authorities = reach.ca.as_deref().map(certificates).transpose()?;
    Ok(Trust { authorities, pins: reach.fingerprint.clone(), identity, ..Trust::default() })
}

fn credentials(url: &Url, reach: &Reach) -> Result<Credentials, Exit> {
    let asked = reach.user.clone().map(String::into_bytes).or_else(|| url.user.clone());
    let name = asked.as_ref().map(|user| String::from_utf8_lossy(user).into_owned());
    let login = netrc::find(&url.host, name.as_deref()).unwrap_or_default();
    let Some(user) = asked.or_else(|| login.user.clone().map(String::into_bytes)) else {
        if reach.password_file.is_some() || reach.password_command.is_some() {
            return Err(Exit::wrong("there is a password and no user; name one by --user or in the URL"));
        }
        return Ok(Credentials::anonymous());
    };
    let account = reach.account.clone().or(login.account).map(String::into_bytes);
    let password = match &url.password {
        Some(password) => password.clone(),
        None => password(&user, url, reach, login.password)?.into_bytes(),
    };
    Ok(Credentials { user, password, account })
}

fn password(user: &[u8], url: &Url, reach: &Reach, kept: Option<String>) -> Result<String, Exit> {
    if let Some(file) = &reach.password_file {
        return crate::password::read(Some(file), "");
    }
    if let Some(command) = &reach.password_command {
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(command)
            .stderr(std::process::Stdio::inherit())
            .output();
        let output = output.map_err(|error| Exit::failed(format!("--password-command: {error}")))?;
        if !output.status.success() {
            return Err(Exit::failed(format!("--password-command: {}", output.status)));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        return Ok(text.lines().next().unwrap_or_default().to_owned());
    }
    if let (false, Ok(password)) = (reach.is_another, std::env::var("PORTOLAN_PASSWORD")) {
        return Ok(password);
    }
    if let Some(password) = kept {
        return Ok(password);
    }
    if matches!(user, b"anonymous" | b"ftp") {
        return Ok("anonymous@".to_owned());
    }
    if !std::io::stdin().is_terminal() {
        let name = String::from_utf8_lossy(user);
        return Err(Exit::wrong(format!(
            "there is no password for {name} at {}; use --password-file, PORTOLAN_PASSWORD or ~/.netrc",
            url.host
        )));
    }
    crate::password::read(None, &format!("Password of {} at {}: ", String::from_utf8_lossy(user), url.host))
}

/// A time in words.
fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// Says what happens, as much as is wanted, on standard error.
fn observer(verbose: bool, quiet: bool, guest: bool) -> Observer {
    let told = AtomicBool::new(false);
    Arc::new(move |event| match event {
        _ if quiet => {}
        Event::Sent(text) if verbose => eprintln!("> {text}"),
        Event::Heard(reply, time) if verbose => {
            let last = reply.lines.len() - 1;
            for (at, line) in reply.lines.iter().enumerate() {
                let line = portolan_wire::received::printable(line);
                let (number, time) = (reply.number, ms(*time));
                match (at == last, at) {
                    (true, _) => eprintln!("< {number} {line}   ({time})"),
                    (false, 0) => eprintln!("< {number}-{line}"),
                    (false, _) => eprintln!("< {line}"),
                }
            }
        }
        Event::Connecting(address) if verbose => eprintln!("* connecting to {address}"),
        Event::Connected(address, time) if verbose => eprintln!("* connected to {address}   ({})", ms(*time)),
        Event::NotConnected(address, error) if verbose => eprintln!("* {address}: {error}"),
        Event::Protected(version, suite, time) if verbose => {
            eprintln!("* {version}, {suite}   ({})", ms(*time));
        }
        Event::Through(proxy, place) if verbose => eprintln!("* through {proxy} to {place}"),
        Event::DataTo(place) if verbose => eprintln!("* data connection to {place}"),
        Event::Led(mapping) if verbose => eprintln!("* the router leads {mapping}"),
        Event::NotLed(address, why) if verbose || !told.swap(true, Ordering::Relaxed) => {
            eprintln!(
                "portolan: a server outside cannot connect to {address}, and no router leads a port here: {why}; \
                 forward some there, and give --active-address and --active-ports"
            );
        }
        Event::DataOpen(time) if verbose => eprintln!("* data connection is open   ({})", ms(*time)),
        Event::DataProtected(resumed, time) if verbose => {
            let how = if *resumed == Resumed::Yes { "resumed" } else { "not resumed" };
            eprintln!("* TLS on it, {how}   ({})", ms(*time));
        }
        Event::DataFrom(address) if verbose => eprintln!("* waiting for a data connection at {address}"),
        Event::InTheClear(reply) if verbose => eprintln!("* no TLS, the server says {reply}"),
        Event::InTheClear(reply) if !guest => {
            eprintln!(
                "portolan: everything goes in the clear, the password too: to TLS the server says {reply}"
            );
        }
        Event::LeftWay(left) if verbose => eprintln!("* {left}"),
        Event::LeftWay(left) => {
            eprintln!("portolan: {} does not work here (-v says why)", left.way.name());
        }
        Event::FewerSessions(error) => eprintln!("portolan: no more sessions than there are: {error}"),
        Event::Again(error, wait) => {
            eprintln!("portolan: {error}; trying again in {:.1} s", wait.as_secs_f64());
        }
        _ => {}
    })
}
