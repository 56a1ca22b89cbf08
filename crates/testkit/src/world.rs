//! A world for one server session: memory for a disk, byte queues for connections, and a clock that
//! goes when it is told to.
//!
//! It does with the machine what the driver of `portolan-server` does, with the same code for
//! storage and transfers; only the sockets are missing.

use portolan_net::dtp::{Sink, Source};
use portolan_proto::server::{
    Connection, Effect, Ending, Failure, Host, Input, Outcome, Output, Proof, Protection, Session, Settings,
    Target, Terms, TlsPolicy,
};
use portolan_server::storage;
use portolan_server::transfer::{self, Content, Markers, Opened};
use portolan_vfs::{Memory, Mount, Mounts, Rights, Vfs, Write};
use portolan_wire::VirtualPath;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Bytes that a download may be ahead of what the client has read.
const WINDOW: usize = 64 * 1024;

/// The data connection, seen from the client.
#[derive(Debug, Default)]
pub struct Data {
    /// What the client has sent and the server not read.
    pub from_client: Vec<u8>,
    /// The client sends no more.
    pub client_ended: bool,
    /// What the server has sent and the client not read.
    pub to_client: Vec<u8>,
    /// The server has ended the connection as it should.
    pub server_ended: bool,
    /// It is broken.
    pub broken: bool,
}

/// The server's IPv6 address.
const HOME_V6: [u16; 8] = [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1];

/// What moves between what was opened and the data connection.
enum Moving {
    Sending(Box<dyn Source<Failure>>),
    Receiving(Box<transfer::Upload>, Arc<Markers>),
}

/// A world for one server session.
pub struct World {
    runtime: Runtime,
    session: Session,
    now: Instant,
    /// The disk.
    pub tree: Memory,
    /// What an account that logs in sees: at first all of the disk, with all rights. The password `wrong` is wrong,
    /// and `clear` is that of an account for protected sessions. A certificate stands for the user `carla`.
    pub mounts: Vec<Mount>,
    /// On what terms it is logged in.
    pub terms: Terms,
    /// The host that the client names in a TLS handshake.
    pub name: Option<Vec<u8>>,
    /// Whether the client shows a certificate then.
    pub certificate: bool,
    /// True while TLS protects the control connection.
    pub protected: bool,
    /// The host of each login.
    pub hosts: Vec<Host>,
    /// How often something was found behind `AUTH`.
    pub injected: usize,
    /// How often the client spoke something else.
    pub abuses: usize,
    logged_in: bool,
    /// True while the server listens for a data connection.
    pub listening: bool,
    /// False when active data connections are refused.
    pub reachable: bool,
    /// True when they are not even refused.
    pub silent: bool,
    /// How the last one was to be protected.
    pub protection: Option<Protection>,
    /// The data connection that there is.
    pub data: Option<Data>,
    opened: Option<Opened>,
    effect: Option<Effect>,
    moving: Option<Moving>,
    moved: u64,
    cancelled: bool,
    /// What the server has said and nobody has read.
    pub replies: Vec<u8>,
    /// Each sending of the server, whole.
    pub sendings: Vec<(Vec<u8>, bool)>,
    /// The server has closed the control connection.
    pub closed: bool,
    /// Lines that the client has sent while the control connection was open.
    pub commands: usize,
    deadline: Option<Instant>,
    room: usize,
    waiting: Vec<u8>,
}

impl World {
    /// A world with an empty disk, seen from the client at `peer`.
    pub fn new(settings: Settings, peer: SocketAddr) -> World {
        let local = SocketAddr::new(if peer.is_ipv4() { [192, 0, 2, 1].into() } else { HOME_V6.into() }, 21);
        World::at(settings, Connection { peer, local, implicit_tls: false, tls: TlsPolicy::Offer }, None)
    }

    /// A world with an empty disk, at the other end of this connection; in a TLS handshake the client
    /// asks for the host `name`.
    pub fn at(settings: Settings, connection: Connection, name: Option<Vec<u8>>) -> World {
        let now = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (tree, at) = (Memory::new(), VirtualPath::root());
        let disk = Mount { at, storage: Arc::new(tree.clone()), rights: Rights::FULL, subfolders: true };
        let mut world = World {
            runtime,
            session: Session::new(Arc::new(settings), now, connection),
            now,
            tree,
            mounts: vec![disk],
            terms: Terms::default(),
            name,
            certificate: false,
            protected: false,
            hosts: Vec::new(),
            injected: 0,
            abuses: 0,
            logged_in: false,
            listening: false,
            reachable: true,
            silent: false,
            protection: None,
            data: None,
            opened: None,
            effect: None,
            moving: None,
            moved: 0,
            cancelled: false,
            replies: Vec::new(),
            sendings: Vec::new(),
            closed: false,
            commands: 0,
            deadline: None,
            room: 0,
            waiting: Vec::new(),
        };
        world.settle();
        world
    }

    /// Whoever logs in may be so until then.
    pub fn end_in(&mut self, time: Duration) {
        self.terms.until = Some(self.now + time);
    }

    /// Puts a file on the disk.
    pub fn put(&mut self, name: &str, text: &[u8]) {
        let path = VirtualPath::root().join(name.as_bytes()).unwrap();
        let tree = self.tree.clone();
        self.runtime.block_on(async {
            let mut file = tree.write(&path, Write::New).await.unwrap();
            file.begin().await.unwrap();
            file.write(text.to_vec()).await.unwrap();
            file.commit().await.unwrap();
        });
    }

    /// Makes a directory on the disk.
    pub fn make_directory(&mut self, name: &str) {
        let path = VirtualPath::root().join(name.as_bytes()).unwrap();
        let tree = self.tree.clone();
        self.runtime.block_on(tree.make_directory(&path)).unwrap();
    }

    /// What a file on the disk holds, if it is there.
    pub fn content(&mut self, name: &str) -> Option<Vec<u8>> {
        let path = VirtualPath::root().join(name.as_bytes()).unwrap();
        let tree = self.tree.clone();
        self.runtime.block_on(async {
            let mut file = tree.read(&path).await.ok()?;
            file.read_at(0, usize::MAX).await.ok()
        })
    }

    /// The client sends bytes on the control connection.
    pub fn send(&mut self, bytes: &[u8]) {
        if !self.closed {
            self.commands += bytes.iter().filter(|byte| **byte == b'\n').count();
        }
        self.waiting.extend_from_slice(bytes);
        self.settle();
    }

    /// The client ends the control connection.
    pub fn hang_up(&mut self) {
        self.input(Input::Ended);
        self.settle();
    }

    /// The control connection breaks: the server lets go of everything, as its driver would.
    pub fn cut(&mut self) {
        self.cancelled = true;
        self.run_effect();
        self.let_go();
        (self.listening, self.data, self.logged_in, self.closed) = (false, None, false, true);
    }

    /// The client opens the data connection, or takes the one that the server opens. False when the
    /// server does not listen.
    pub fn connect(&mut self) -> bool {
        let wanted = std::mem::take(&mut self.listening);
        if wanted {
            self.data = Some(Data::default());
            self.settle();
        }
        wanted
    }

    /// Changes the data connection from the client's side, then lets the server go on. False when
    /// there is none.
    pub fn with_data(&mut self, change: impl FnOnce(&mut Data)) -> bool {
        let there = self.data.as_mut().map(change).is_some();
        self.settle();
        there
    }

    /// Lets time go by; what is due on the way happens.
    pub fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(deadline) = self.deadline.filter(|deadline| *deadline <= until && !self.closed) {
            self.now = self.now.max(deadline);
            let before = self.deadline;
            self.input(Input::Tick);
            self.settle();
            assert!(self.deadline != before, "the session does not go on at its deadline");
        }
        self.now = until;
    }

    /// The server stops; a transfer that runs has `grace`.
    pub fn shut_down(&mut self, grace: Duration) {
        self.input(Input::End { until: self.now + grace, why: Ending::Shutdown });
        self.settle();
    }

    /// The account may not be used any more.
    pub fn revoke(&mut self) {
        self.input(Input::End { until: self.now, why: Ending::Revoked });
        self.settle();
    }

    /// Codes of the replies that nobody has read, in their order. Refusals of Telnet options, three
    /// bytes that begin with 255 and one of the last four commands, are left out.
    pub fn reply_codes(&self) -> Vec<u16> {
        let mut text = Vec::new();
        let mut bytes = self.replies.iter();
        while let Some(byte) = bytes.next() {
            if *byte == 255 && bytes.clone().next().is_some_and(|next| (251..255).contains(next)) {
                bytes.nth(1);
            } else {
                text.push(*byte);
            }
        }
        let text = String::from_utf8_lossy(&text);
        let last = |line: &&str| line.as_bytes().get(3) == Some(&b' ') && !line.starts_with(' ');
        text.lines().filter(last).map(|line| line[..3].parse().unwrap()).collect()
    }

    /// True when nothing is left of the session: no place, no data connection, no open file.
    pub fn is_clean(&self) -> bool {
        !self.listening && self.data.is_none() && self.opened.is_none() && self.tree.open_handles() == 0
    }

    fn input(&mut self, input: Input<'_>) {
        self.session.set_moved(self.moved);
        self.session.handle_input(self.now, input);
        self.drain();
    }

    /// Everything that can happen now happens.
    fn settle(&mut self) {
        self.drain();
        loop {
            if self.run_effect() {
                continue;
            }
            let count = self.waiting.len().min(self.room);
            if count == 0 || self.closed {
                return;
            }
            let bytes: Vec<u8> = self.waiting.drain(..count).collect();
            self.input(Input::Received(&bytes));
        }
    }

    fn drain(&mut self) {
        loop {
            match self.session.poll_output() {
                Output::Send { bytes, alone } => {
                    assert!(!self.closed, "something is sent after the end");
                    self.replies.extend_from_slice(&bytes);
                    self.sendings.push((bytes, alone));
                }
                Output::Start(effect) => {
                    assert!(self.effect.is_none(), "a second effect is started");
                    (self.cancelled, self.moved) = (false, 0);
                    self.effect = Some(effect);
                }
                Output::Cancel => self.cancelled = true,
                Output::DropData => {
                    self.listening = false;
                    self.keep_ended_data();
                }
                Output::LogOut => self.logged_in = false,
                Output::EndTls => self.protected = false,
                Output::Injected => self.injected += 1,
                Output::Abuse => self.abuses += 1,
                Output::Took(_) => {}
                Output::Close => self.closed = true,
                Output::Wait { deadline, read } => {
                    (self.deadline, self.room) = (deadline, read);
                    break;
                }
            }
        }
        if !self.session.is_transferring() {
            self.let_go();
        }
    }

    /// What the server has let go of is there until the client has read it.
    fn keep_ended_data(&mut self) {
        self.data = self.data.take().filter(|data| data.server_ended || data.broken);
    }

    fn let_go(&mut self) {
        if let Some(Moving::Receiving(upload, _)) = self.moving.take() {
            self.runtime.block_on(upload.keep());
        }
        if let Some(opened) = self.opened.take() {
            self.runtime.block_on(opened.discard());
        }
    }

    /// Goes on with the effect in flight; true when something happened.
    fn run_effect(&mut self) -> bool {
        let Some(effect) = self.effect.take() else { return false };
        match self.step(&effect) {
            Some(outcome) => {
                self.input(Input::Finished(outcome));
                true
            }
            None => {
                self.effect = Some(effect);
                false
            }
        }
    }

    /// The outcome of the effect, once it has one.
    fn step(&mut self, effect: &Effect) -> Option<Outcome> {
        if let Effect::Listen { protection, .. } | Effect::Connect { protection, .. } = effect {
            self.protection = Some(*protection);
        }
        let tree: Arc<dyn Vfs> = Arc::new(Mounts::new(self.mounts.iter().cloned()));
        match effect {
            Effect::PrepareTls => Some(Outcome::Done),
            Effect::BeginTls { .. } => {
                self.protected = true;
                Some(Outcome::Secured { name: self.name.clone(), certificate: self.certificate })
            }
            Effect::Authenticate { host, user, proof, protected } => {
                assert_eq!(*protected, self.protected);
                let right = match proof {
                    Proof::Password(password) if password == b"clear" && !protected => {
                        return Some(Outcome::NeedsTls);
                    }
                    Proof::Password(password) => password != b"wrong",
                    Proof::Certificate => self.certificate && user == b"carla",
                };
                if !right {
                    return Some(Outcome::Denied);
                }
                self.logged_in = true;
                self.hosts.push(*host);
                Some(Outcome::LoggedIn(self.terms))
            }
            Effect::Quota => Some(Outcome::Lines { lines: Vec::new(), more: false, directory: false }),
            Effect::Who => Some(Outcome::Lines { lines: vec![b"1".to_vec()], more: false, directory: false }),
            Effect::Listen { .. } => {
                (self.listening, self.data) = (true, None);
                Some(Outcome::Listening(SocketAddr::from(([127, 0, 0, 1], 0x1234))))
            }
            Effect::Storage(request) => {
                assert!(self.logged_in, "storage is used without a login");
                Some(self.runtime.block_on(storage::run(&*tree, request.clone())))
            }
            Effect::Open(open) => {
                assert!(self.logged_in, "storage is used without a login");
                match self.runtime.block_on(transfer::open(tree, open.clone())) {
                    Ok((opened, outcome)) => {
                        self.opened = Some(opened);
                        Some(outcome)
                    }
                    Err(failure) => Some(Outcome::Failed(failure)),
                }
            }
            Effect::Connect { .. } if self.cancelled => Some(Outcome::Cancelled),
            Effect::Connect { target: Target::Passive, .. } => {
                self.data.is_some().then_some(Outcome::Connected)
            }
            Effect::Connect { target: Target::Kept, .. } => {
                let is_open = |data: &Data| !(data.server_ended || data.broken);
                Some(match self.data.as_ref().is_some_and(is_open) {
                    true => Outcome::Connected,
                    false => Outcome::Failed(Failure::NoConnection),
                })
            }
            Effect::Connect { target: Target::Active(_), .. } if self.silent => None,
            Effect::Connect { target: Target::Active(_), .. } if !self.reachable => {
                Some(Outcome::Failed(Failure::NoConnection))
            }
            Effect::Connect { target: Target::Active(_), .. } => {
                self.data = Some(Data::default());
                Some(Outcome::Connected)
            }
            Effect::Move { keep } => self.step_move(*keep),
        }
    }

    fn step_move(&mut self, keep: bool) -> Option<Outcome> {
        if let Some(opened) = self.opened.take() {
            self.moving = Some(match opened.content {
                Content::Download(download) => Moving::Sending(Box::new(download.into_source())),
                Content::Listing(source) => Moving::Sending(Box::new(source)),
                Content::Upload(mut upload) => {
                    let markers = Arc::new(Markers::default());
                    upload.set_markers(Arc::clone(&markers));
                    self.runtime.block_on(upload.begin()).unwrap();
                    Moving::Receiving(Box::new(upload), markers)
                }
            });
        }
        let broken = self.data.as_ref().is_none_or(|data| data.broken);
        let ended = match self.moving.as_mut()? {
            _ if broken => Err(Failure::Broken),
            _ if self.cancelled => Err(Failure::Local),
            Moving::Sending(_) => self.send_some()?,
            Moving::Receiving(..) => self.receive_some()?,
        };
        let outcome = match (ended, self.moving.take()?) {
            (Ok(()), Moving::Sending(_)) => Outcome::Moved { bytes: self.moved },
            (Ok(()), Moving::Receiving(upload, _)) => match self.runtime.block_on(upload.commit()) {
                Ok(()) => Outcome::Moved { bytes: self.moved },
                Err(failure) => Outcome::Failed(failure),
            },
            (Err(failure), moving) => {
                if let Moving::Receiving(upload, _) = moving {
                    self.runtime.block_on(upload.keep());
                }
                if self.cancelled { Outcome::Cancelled } else { Outcome::Failed(failure) }
            }
        };
        let data = self.data.as_mut()?;
        (data.server_ended, data.broken) = (ended.is_ok() && !keep, ended.is_err());
        Some(outcome)
    }

    /// Sends until the client has much to read; something comes back when it is over.
    fn send_some(&mut self) -> Option<Result<(), Failure>> {
        let Some(Moving::Sending(source)) = &mut self.moving else { return None };
        let data = self.data.as_mut()?;
        while data.to_client.len() < WINDOW {
            let bytes = self.runtime.block_on(source.next_bytes()).unwrap();
            if bytes.is_empty() {
                return Some(Ok(()));
            }
            self.moved += bytes.len() as u64;
            data.to_client.extend_from_slice(&bytes);
        }
        None
    }

    fn receive_some(&mut self) -> Option<Result<(), Failure>> {
        let Some(Moving::Receiving(upload, markers)) = &mut self.moving else { return None };
        let data = self.data.as_mut()?;
        let bytes = std::mem::take(&mut data.from_client);
        self.moved += bytes.len() as u64;
        let taken = if bytes.is_empty() { Ok(false) } else { self.runtime.block_on(upload.take(&bytes)) };
        let ended = data.client_ended;
        for marker in markers.take() {
            self.input(Input::Marker(marker));
        }
        match taken {
            Ok(whole) if whole || ended => Some(Ok(())),
            Ok(_) => None,
            Err(failure) => Some(Err(failure)),
        }
    }
}
