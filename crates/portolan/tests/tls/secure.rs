//! A client that is driven by hand, over TLS.

use portolan_testkit::authority::Issued;
use portolan_testkit::launch::{PATIENCE, Served, connect};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;

pub(crate) use rustls::version::{TLS12, TLS13};

pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// How a client does TLS. Connections with one of these resume each other's sessions.
#[derive(Clone)]
pub(crate) struct How {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// What a client wants of TLS.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) version: &'static SupportedProtocolVersion,
    pub(crate) name: &'static str,
    pub(crate) protocols: &'a [&'a str],
    pub(crate) certificate: Option<&'a Issued>,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Wish { version: &TLS13, name: "localhost", protocols: &[], certificate: None }
    }
}

impl How {
    /// One that trusts the authority in the server's folder.
    pub(crate) fn new(served: &Served, wish: Wish<'_>) -> How {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(served.folder.path().join("ca.pem")).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[wish.version])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match wish.certificate {
            None => builder.with_no_client_auth(),
            Some(issued) => {
                let key = PrivateKeyDer::try_from(issued.key.serialize_der()).unwrap();
                builder.with_client_auth_cert(vec![issued.certificate.der().clone()], key).unwrap()
            }
        };
        config.resumption = Resumption::in_memory_sessions(64);
        config.alpn_protocols = wish.protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        How { config: Arc::new(config), name: ServerName::try_from(wish.name).unwrap() }
    }

    pub(crate) fn of_version(served: &Served, version: &'static SupportedProtocolVersion) -> How {
        How::new(served, Wish { version, ..Wish::default() })
    }

    /// The same with an empty memory: it resumes nothing.
    pub(crate) fn forgetful(&self) -> How {
        let mut config = (*self.config).clone();
        config.resumption = Resumption::in_memory_sessions(8);
        How { config: Arc::new(config), name: self.name.clone() }
    }

    /// The client's end of a connection, before its handshake.
    pub(crate) fn connection(&self) -> ClientConnection {
        ClientConnection::new(Arc::clone(&self.config), self.name.clone()).unwrap()
    }

    /// Does the handshake over a connection.
    pub(crate) fn wrap(&self, stream: TcpStream) -> io::Result<Stream> {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = StreamOwned::new(self.connection(), stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }
}

/// Connects to a port from this address.
pub(crate) fn connect_from(source: Ipv4Addr, port: u16) -> TcpStream {
    connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Some(IpAddr::V4(source))).unwrap()
}

/// A control connection over TLS.
pub(crate) struct SecureTalk {
    pub(crate) stream: Stream,
}

impl SecureTalk {
    /// Connects and begins TLS by `AUTH TLS`.
    pub(crate) fn explicit(served: &Served, how: &How) -> io::Result<SecureTalk> {
        let mut talk = served.talk();
        assert!(talk.ask("AUTH TLS").starts_with("234"));
        let stream = how.wrap(talk.stream().try_clone().unwrap())?;
        Ok(SecureTalk { stream })
    }

    /// The same, logged in, with protected data.
    pub(crate) fn logged_in(served: &Served, how: &How) -> SecureTalk {
        let mut talk = SecureTalk::explicit(served, how).unwrap();
        talk.log_in();
        talk
    }

    pub(crate) fn log_in(&mut self) {
        for (line, code) in [
            ("USER anonymous", "331"),
            ("PASS x", "230"),
            ("TYPE I", "200"),
            ("PBSZ 0", "200"),
            ("PROT P", "200"),
        ] {
            let reply = self.ask(line);
            assert!(reply.starts_with(code), "{line}: {reply}");
        }
    }

    /// The next reply, all its lines. Empty when the server closed the connection.
    pub(crate) fn reply(&mut self) -> String {
        let (mut reply, mut line) = (String::new(), Vec::new());
        let mut byte = [0];
        while self.stream.read(&mut byte).unwrap_or(0) == 1 {
            line.push(byte[0]);
            if byte[0] == b'\n' {
                reply.push_str(&String::from_utf8_lossy(&line));
                if line.len() > 3 && line[3] == b' ' && line[..3].iter().all(u8::is_ascii_digit) {
                    return reply;
                }
                line.clear();
            }
        }
        reply
    }

    pub(crate) fn send(&mut self, line: &str) {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.reply()
    }

    /// Sends `EPSV` and gives the port.
    pub(crate) fn epsv(&mut self) -> u16 {
        let reply = self.ask("EPSV");
        assert!(reply.starts_with("229"), "{reply}");
        reply.split('|').nth(3).unwrap().parse().unwrap()
    }

    /// Sends `EPSV` and connects there.
    pub(crate) fn connect_data(&mut self) -> TcpStream {
        connect_from(Ipv4Addr::LOCALHOST, self.epsv())
    }

    /// Opens a data connection for a transfer, up to the end of its handshake.
    pub(crate) fn open_data(&mut self, how: &How, line: &str) -> Stream {
        let data = self.connect_data();
        let reply = self.ask(line);
        assert!(reply.starts_with("150"), "{line}: {reply}");
        how.wrap(data).unwrap()
    }

    /// Retrieves a file; also says how the data connection shook hands.
    pub(crate) fn retrieve(&mut self, how: &How, name: &str) -> (Vec<u8>, HandshakeKind) {
        let mut data = self.open_data(how, &format!("RETR {name}"));
        let mut bytes = Vec::new();
        // It fails where the end is not announced.
        data.read_to_end(&mut bytes).unwrap();
        let reply = self.reply();
        assert!(reply.starts_with("226"), "{reply}");
        (bytes, data.conn.handshake_kind().unwrap())
    }

    /// Stores a file; also says how the data connection shook hands.
    pub(crate) fn store(&mut self, how: &How, name: &str, bytes: &[u8]) -> HandshakeKind {
        let mut data = self.open_data(how, &format!("STOR {name}"));
        data.write_all(bytes).unwrap();
        data.conn.send_close_notify();
        data.flush().unwrap();
        // The server says its end as well.
        assert_eq!(data.read(&mut [0]).unwrap(), 0);
        let reply = self.reply();
        assert!(reply.starts_with("226"), "{reply}");
        data.conn.handshake_kind().unwrap()
    }
}
