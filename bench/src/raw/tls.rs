//! The bare loop with TLS: a thread for each session, and records of 16 KiB that are read where they are encrypted and
//! encrypted where they are sent from, sixteen of them for each call of the system. The handshake is rustls's; after
//! it, nothing stands between the keys and the socket.

use super::usual;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use rustix::io::readv;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, cipher_suite, default_provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ConnectionTrafficSecrets, ServerConfig, ServerConnection, StreamOwned};
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a record (RFC 8446 §5.1, §5.2): its header, at most so much content, the content's kind, and the tag.
const HEADER: usize = 5;
const CONTENT: usize = 16 << 10;
const TAG: usize = 16;
const RECORD: usize = HEADER + CONTENT + 1 + TAG;

/// Records for one call of the system.
const AT_ONCE: usize = 16;

/// Kinds of content.
const ALERT: u8 = 21;
const DATA: u8 = 23;

/// Serves a folder for ever.
pub(super) fn serve(listener: &TcpListener, folder: &Path, pem: &[PathBuf; 2]) -> io::Result<()> {
    let config = config(pem).map_err(io::Error::other)?;
    for control in listener.incoming() {
        let (control, config, folder) = (control?, Arc::clone(&config), folder.to_owned());
        // Who goes away in the middle has no more to hear.
        std::thread::spawn(move || drop(session(control, &config, &folder)));
    }
    Ok(())
}

fn config(
    [certificate, key]: &[PathBuf; 2],
) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error + Send + Sync>> {
    let provider =
        CryptoProvider { cipher_suites: vec![cipher_suite::TLS13_AES_256_GCM_SHA384], ..default_provider() };
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let builder = ServerConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13])?.with_no_client_auth();
    let mut config = builder.with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.ticketer = Ticketer::new()?;
    config.enable_secret_extraction = true;
    Ok(Arc::new(config))
}

fn session(mut control: TcpStream, config: &Arc<ServerConfig>, folder: &Path) -> io::Result<()> {
    control.set_nodelay(true)?;
    control.write_all(b"220 bare\r\n")?;
    let mut line = [0; 512];
    let count = control.read(&mut line)?;
    if !line[..count].starts_with(b"AUTH") {
        return Ok(());
    }
    control.write_all(b"234 go\r\n")?;
    let mut control =
        StreamOwned::new(ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?, control);
    let mut passive = None;
    loop {
        let count = control.read(&mut line)?;
        // Clients here say one thing at a time.
        let said = String::from_utf8_lossy(&line[..count]).trim_end().to_owned();
        let (verb, argument) = said.split_once(' ').unwrap_or((&said, ""));
        match verb {
            "EPSV" => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
                let port = listener.local_addr()?.port();
                passive = Some(listener);
                control.write_all(format!("229 here (|||{port}|)\r\n").as_bytes())?;
            }
            "RETR" | "STOR" => {
                let Some(listener) = passive.take() else { return Ok(()) };
                let (path, (mut data, _)) =
                    (folder.join(argument.trim_start_matches('/')), listener.accept()?);
                control.write_all(b"150 now\r\n")?;
                let (send, receive) = handshake(&mut data, config)?;
                match verb {
                    "RETR" => download(&data, send, &File::open(path)?)?,
                    _ => upload(&data, receive, &File::create(path)?)?,
                }
                data.shutdown(Shutdown::Write)?;
                control.write_all(b"226 done\r\n")?;
            }
            _ => match usual(verb) {
                Some(reply) => control.write_all(reply)?,
                None => return control.write_all(b"221 bye\r\n"),
            },
        }
    }
}

/// Does the handshake, and gives the keys for sending and receiving. It reads one record at a time, so that what
/// follows the handshake is still in the socket.
fn handshake(data: &mut TcpStream, config: &Arc<ServerConfig>) -> io::Result<(Key, Key)> {
    let mut connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        let mut record = vec![0; HEADER];
        data.read_exact(&mut record)?;
        record.resize(HEADER + length(&record), 0);
        data.read_exact(&mut record[HEADER..])?;
        connection.read_tls(&mut &record[..])?;
        connection.process_new_packets().map_err(io::Error::other)?;
        while connection.wants_write() {
            connection.write_tls(data)?;
        }
    }
    let secrets = connection.dangerous_extract_secrets().map_err(io::Error::other)?;
    Ok((Key::new(secrets.tx)?, Key::new(secrets.rx)?))
}

/// Bytes of a record behind its header.
fn length(header: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([header[3], header[4]]))
}

/// The key of one direction.
struct Key {
    key: LessSafeKey,
    iv: [u8; NONCE_LEN],
    /// The number of the next record.
    next: u64,
}

impl Key {
    fn new((next, secrets): (u64, ConnectionTrafficSecrets)) -> io::Result<Key> {
        let ConnectionTrafficSecrets::Aes256Gcm { key, iv } = secrets else {
            return Err(io::Error::other("another cipher"));
        };
        let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).map_err(io::Error::other)?;
        let iv = iv.as_ref().try_into().map_err(io::Error::other)?;
        Ok(Key { key: LessSafeKey::new(key), iv, next })
    }

    fn nonce(&mut self) -> Nonce {
        let mut nonce = self.iv;
        let number = self.next.to_be_bytes();
        nonce[NONCE_LEN - number.len()..].iter_mut().zip(number).for_each(|(byte, number)| *byte ^= number);
        self.next += 1;
        Nonce::assume_unique_for_key(nonce)
    }

    /// Encrypts so many bytes of content, which lie behind the place of the header; gives the length of the record.
    fn seal(&mut self, record: &mut [u8], content: usize, kind: u8) -> io::Result<usize> {
        let end = HEADER + content + 1;
        record[end - 1] = kind;
        let length = (content + 1 + TAG) as u16;
        record[..3].copy_from_slice(&[DATA, 3, 3]);
        record[3..HEADER].copy_from_slice(&length.to_be_bytes());
        let nonce = self.nonce();
        let (header, rest) = record.split_at_mut(HEADER);
        let (content, behind) = rest.split_at_mut(end - HEADER);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(&*header), content);
        behind[..TAG].copy_from_slice(tag.map_err(io::Error::other)?.as_ref());
        Ok(end + TAG)
    }

    /// Decrypts a record where it is; gives the length of its content, which is behind the header, and its kind.
    fn open(&mut self, record: &mut [u8]) -> io::Result<(usize, u8)> {
        let nonce = self.nonce();
        let (header, rest) = record.split_at_mut(HEADER);
        let content = self.key.open_in_place(nonce, Aad::from(&*header), rest).map_err(io::Error::other)?;
        // Zeros may follow the kind.
        let kind = content.iter().rposition(|byte| *byte != 0).ok_or(io::ErrorKind::InvalidData)?;
        Ok((kind, content[kind]))
    }
}

fn download(mut data: &TcpStream, mut key: Key, file: &File) -> io::Result<()> {
    let mut records = vec![0; AT_ONCE * RECORD];
    loop {
        let places = records.chunks_exact_mut(RECORD).map(|record| &mut record[HEADER..HEADER + CONTENT]);
        let mut left = readv(file, &mut places.map(IoSliceMut::new).collect::<Vec<_>>())?;
        if left == 0 {
            // The end, as a warning that is none (RFC 8446 §6.1).
            records[HEADER..HEADER + 2].copy_from_slice(&[1, 0]);
            let length = key.seal(&mut records, 2, ALERT)?;
            return data.write_all(&records[..length]);
        }
        let mut sealed = 0;
        for record in records.chunks_exact_mut(RECORD) {
            let content = left.min(CONTENT);
            if content > 0 {
                sealed += key.seal(record, content, DATA)?;
                left -= content;
            }
        }
        // Only the last of all is shorter, so that they lie without gaps.
        data.write_all(&records[..sealed])?;
    }
}

fn upload(mut data: &TcpStream, mut key: Key, mut file: &File) -> io::Result<()> {
    let mut records = vec![0; AT_ONCE * RECORD];
    let mut filled = 0;
    loop {
        match data.read(&mut records[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
        let (mut at, mut contents) = (0, Vec::with_capacity(AT_ONCE));
        let mut ended = false;
        while filled - at >= HEADER && filled - at >= HEADER + length(&records[at..]) {
            let end = at + HEADER + length(&records[at..]);
            let (content, kind) = key.open(&mut records[at..end])?;
            match kind {
                DATA => contents.push(at + HEADER..at + HEADER + content),
                ALERT => ended = true,
                _ => {}
            }
            at = end;
        }
        let mut slices: Vec<_> = contents.into_iter().map(|range| IoSlice::new(&records[range])).collect();
        let mut slices = &mut slices[..];
        while !slices.is_empty() {
            let written = file.write_vectored(slices)?;
            IoSlice::advance_slices(&mut slices, written);
        }
        if ended {
            return Ok(());
        }
        records.copy_within(at..filled, 0);
        filled -= at;
    }
}
