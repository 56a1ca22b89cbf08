//! A client's control connection.

use crate::servers::address;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a server may take for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// How clients come in.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) user: &'static str,
    pub(crate) tls: Option<Tls>,
}

/// How clients do TLS; those with the same resume each other's sessions.
#[derive(Debug, Clone)]
pub(crate) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// One that trusts this certificate. Without a memory, each connection has a full handshake.
    pub(crate) fn new(certificate: &Path, remembers: bool) -> io::Result<Tls> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(certificate).map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        if !remembers {
            config.resumption = Resumption::disabled();
        }
        Ok(Tls(Arc::new(config)))
    }

    /// Does the handshake.
    pub(crate) fn wrap(&self, stream: TcpStream) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(&self.0), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }
}

#[derive(Debug)]
enum Line {
    Plain(TcpStream),
    Protected(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// A control connection.
#[derive(Debug)]
pub(crate) struct Client {
    line: Line,
    read: Vec<u8>,
}

impl Client {
    /// Connects and hears the greeting.
    fn connect() -> io::Result<Client> {
        let stream = connect(address())?;
        stream.set_nodelay(true)?;
        let mut client = Client { line: Line::Plain(stream), read: Vec::new() };
        client.expect("220")?;
        Ok(client)
    }

    /// Connects and logs in.
    pub(crate) fn log_in(door: &Door) -> io::Result<Client> {
        let mut client = Client::connect()?;
        if let Some(tls) = &door.tls {
            client = client.protect(tls)?;
        }
        let reply = client.command(&format!("USER {}", door.user))?;
        if !reply.starts_with("230") {
            client.ask("PASS x", "230")?;
        }
        Ok(client)
    }

    /// Connects and logs in, for binary transfers.
    pub(crate) fn ready(door: &Door) -> io::Result<Client> {
        let mut client = Client::log_in(door)?;
        client.ask("TYPE I", "200")?;
        if door.tls.is_some() {
            client.ask("PBSZ 0", "200")?;
            client.ask("PROT P", "200")?;
        }
        Ok(client)
    }

    /// Begins TLS.
    fn protect(mut self, tls: &Tls) -> io::Result<Client> {
        self.ask("AUTH TLS", "234")?;
        let Line::Plain(stream) = self.line else { return Err(io::Error::other("TLS already")) };
        Ok(Client { line: Line::Protected(Box::new(tls.wrap(stream)?)), read: Vec::new() })
    }

    /// Says a command, and hears the reply, which has to begin like this.
    pub(crate) fn ask(&mut self, command: &str, code: &str) -> io::Result<()> {
        let reply = self.command(command)?;
        if reply.starts_with(code) { Ok(()) } else { Err(io::Error::other(format!("{command}: {reply}"))) }
    }

    pub(crate) fn command(&mut self, command: &str) -> io::Result<String> {
        self.send(command)?;
        self.reply()
    }

    pub(crate) fn send(&mut self, command: &str) -> io::Result<()> {
        let line = format!("{command}\r\n");
        match &mut self.line {
            Line::Plain(stream) => stream.write_all(line.as_bytes()),
            Line::Protected(stream) => stream.write_all(line.as_bytes()).and_then(|()| stream.flush()),
        }
    }

    /// Hears a reply that has to begin like this.
    pub(crate) fn expect(&mut self, code: &str) -> io::Result<()> {
        let reply = self.reply()?;
        if reply.starts_with(code) { Ok(()) } else { Err(io::Error::other(reply)) }
    }

    /// The last line of the next reply.
    fn reply(&mut self) -> io::Result<String> {
        loop {
            while let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                let is_last = line.len() > 3 && line[3] == b' ' && line[..3].iter().all(u8::is_ascii_digit);
                if is_last {
                    return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
                }
            }
            let mut piece = [0; 1024];
            let count = match &mut self.line {
                Line::Plain(stream) => stream.read(&mut piece)?,
                Line::Protected(stream) => stream.read(&mut piece)?,
            };
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.read.extend_from_slice(&piece[..count]);
        }
    }

    /// Opens a passive data connection.
    pub(crate) fn passive(&mut self) -> io::Result<TcpStream> {
        let reply = self.command("EPSV")?;
        let port = reply.split('|').nth(3).and_then(|port| port.parse().ok());
        let port: u16 = port.ok_or_else(|| io::Error::other(format!("EPSV: {reply}")))?;
        connect((Ipv4Addr::LOCALHOST, port).into())
    }

    /// Lets the server open a data connection when the transfer begins.
    pub(crate) fn active(&mut self) -> io::Result<TcpListener> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        self.ask(&format!("PORT 127,0,0,1,{},{}", port >> 8, port & 255), "200")?;
        Ok(listener)
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}
