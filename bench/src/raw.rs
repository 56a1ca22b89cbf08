//! The bare loop: one thread, one `epoll`, `sendfile` and `splice`, and just enough of FTP that the same clients can
//! talk to it. What it reaches is what this machine allows, or near it. What it is not: a server. It trusts everybody,
//! and looks at nothing.

mod tls;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, pipe, splice};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};

/// Bytes of one `sendfile` or `splice`.
const PIECE: usize = 1 << 20;

/// A transfer that has moved so many bytes already, and whose file is not one of many, goes on alone: that needs the
/// fewest wake-ups.
const LARGE: u64 = 32 << 20;

/// Serves a folder for ever: port, folder, and for TLS the files of a certificate and its key.
pub(crate) fn serve(arguments: &[String]) -> io::Result<()> {
    let [port, folder, pem @ ..] = arguments else { return Err(io::ErrorKind::InvalidInput.into()) };
    let port: u16 = port.parse().map_err(io::Error::other)?;
    crate::machine::allow_descriptors()?;
    let (listener, folder) = (listen(port)?, Path::new(folder));
    match pem {
        [certificate, key] => tls::serve(&listener, folder, &[certificate.into(), key.into()]),
        _ => Loop::new(listener, folder)?.run(),
    }
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    listener.set_reuse_address(true)?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    listener.listen(4096)?;
    Ok(TcpListener::from(listener))
}

/// The reply to what needs nothing but a reply.
fn usual(verb: &str) -> Option<&'static [u8]> {
    match verb {
        "USER" => Some(b"230 in\r\n"),
        "TYPE" | "PBSZ" | "PROT" => Some(b"200 ok\r\n"),
        "PWD" => Some(b"257 \"/\"\r\n"),
        _ => None,
    }
}

struct Loop {
    epoll: OwnedFd,
    listener: TcpListener,
    folder: PathBuf,
    sessions: HashMap<u64, Session>,
    next: u64,
    /// What uploads go through.
    pipe: (OwnedFd, OwnedFd),
}

struct Session {
    control: TcpStream,
    passive: Option<TcpListener>,
    active: Option<SocketAddr>,
    data: Option<Data>,
}

struct Data {
    stream: TcpStream,
    file: File,
    /// Where the download is, and where it ends; nothing for an upload.
    range: Option<(u64, u64)>,
    moved: u64,
}

impl Loop {
    fn new(listener: TcpListener, folder: &Path) -> io::Result<Loop> {
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(0), EventFlags::IN)?;
        let pipe = pipe()?;
        fcntl_setpipe_size(&pipe.0, PIECE)?;
        Ok(Loop { epoll, listener, folder: folder.to_owned(), sessions: HashMap::new(), next: 1, pipe })
    }

    fn run(mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(256);
        loop {
            epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None)?;
            for event in events.drain(..) {
                let id = event.data.u64();
                if id == 0 {
                    self.accept()?;
                    continue;
                }
                let Some(mut session) = self.sessions.remove(&(id / 2)) else { continue };
                let goes_on = match id % 2 {
                    0 => self.command(&mut session, id / 2),
                    _ => self.pump(&mut session),
                };
                if goes_on.unwrap_or(false) {
                    self.sessions.insert(id / 2, session);
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((mut control, _)) = self.listener.accept() {
            control.set_nodelay(true)?;
            control.set_nonblocking(true)?;
            control.write_all(b"220 bare\r\n")?;
            epoll::add(&self.epoll, &control, EventData::new_u64(self.next * 2), EventFlags::IN)?;
            self.sessions.insert(self.next, Session { control, passive: None, active: None, data: None });
            self.next += 1;
        }
        Ok(())
    }

    /// Does a command; false at the end.
    fn command(&mut self, session: &mut Session, id: u64) -> io::Result<bool> {
        let mut line = [0; 512];
        let count = session.control.read(&mut line)?;
        // Clients here say one thing at a time.
        let line = String::from_utf8_lossy(&line[..count]).trim_end().to_owned();
        let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
        match verb {
            "PORT" => {
                let numbers: Vec<u16> =
                    argument.split(',').filter_map(|number| number.parse().ok()).collect();
                let port = (numbers.get(4).zip(numbers.get(5))).map(|(high, low)| high << 8 | low);
                session.active = port.map(|port| (Ipv4Addr::LOCALHOST, port).into());
                session.control.write_all(b"200 ok\r\n")?;
            }
            "EPSV" => {
                if session.passive.is_none() {
                    session.passive = Some(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
                }
                let port = session.passive.as_ref().map(TcpListener::local_addr).transpose()?;
                let port = port.map_or(0, |address| address.port());
                session.control.write_all(format!("229 here (|||{port}|)\r\n").as_bytes())?;
            }
            "RETR" | "STOR" => {
                let path = self.folder.join(argument.trim_start_matches('/'));
                let stream = match (session.active.take(), &session.passive) {
                    (Some(active), _) => TcpStream::connect(active)?,
                    (None, Some(passive)) => passive.accept()?.0,
                    (None, None) => return Ok(false),
                };
                stream.set_nonblocking(true)?;
                let down = verb == "RETR";
                let file = if down { File::open(path)? } else { File::create(path)? };
                let range = if down { Some((0, file.metadata()?.len())) } else { None };
                session.control.write_all(b"150 now\r\n")?;
                let flags = if down { EventFlags::OUT } else { EventFlags::IN };
                epoll::add(&self.epoll, &stream, EventData::new_u64(id * 2 + 1), flags)?;
                session.data = Some(Data { stream, file, range, moved: 0 });
                return self.pump(session);
            }
            _ => match usual(verb) {
                Some(reply) => session.control.write_all(reply)?,
                None => {
                    session.control.write_all(b"221 bye\r\n")?;
                    return Ok(false);
                }
            },
        }
        Ok(true)
    }

    /// Moves data until it would block.
    fn pump(&mut self, session: &mut Session) -> io::Result<bool> {
        let Some(data) = &mut session.data else { return Ok(true) };
        loop {
            let moved = match &mut data.range {
                Some((at, end)) if at == end => Ok(0),
                Some((at, _)) => rustix::fs::sendfile(&data.stream, &data.file, Some(at), PIECE),
                None => splice(&data.stream, None, &self.pipe.1, None, PIECE, SpliceFlags::empty())
                    .and_then(|count| drain(&self.pipe.0, &data.file, count)),
            };
            match moved {
                Ok(0) => break,
                Ok(count) => data.moved += count as u64,
                Err(Errno::AGAIN) if data.moved > LARGE => data.stream.set_nonblocking(false)?,
                Err(Errno::AGAIN) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
        session.data = None;
        session.control.write_all(b"226 done\r\n")?;
        Ok(true)
    }
}

/// Moves what is in the pipe into a file.
fn drain(pipe: &OwnedFd, file: &File, count: usize) -> rustix::io::Result<usize> {
    let mut left = count;
    while left > 0 {
        left -= splice(pipe, None, file, None, left, SpliceFlags::MOVE)?;
    }
    Ok(count)
}
