//! What a session asks of its owner, and what it is told.

use super::settings::{Host, Settings};
use portolan_wire::data::Marker;
use portolan_wire::facts::FactSet;
use portolan_wire::hash::Algorithm;
use portolan_wire::list::Options;
use portolan_wire::parameters::Parameters;
use portolan_wire::{Entry, Timestamp, Verb, VirtualPath};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// Bytes came on the control connection; at most as many as [`Output::Wait`] allowed.
    Received(&'a [u8]),
    /// The peer sends no more on the control connection.
    Ended,
    /// The effect in flight is over.
    Finished(Outcome),
    /// A restart marker came with an upload in block mode.
    Marker(Marker),
    /// The deadline of [`Output::Wait`] has come.
    Tick,
    /// These settings count from now on. They have the hosts that there were, in the same order.
    Settings(Arc<Settings>),
    /// On these terms somebody is logged in from now on, if anybody is.
    Terms(Terms),
    /// The session ends: a running transfer has until then, everything else ends now.
    End {
        /// When a transfer that still runs is cut off.
        until: Instant,
        /// Why.
        why: Ending,
    },
}

/// Why a session ends that did nothing wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The server stops.
    Shutdown,
    /// The account may not be used any more, or not from there, or not now.
    Revoked,
}

/// What the owner is to do, in this order.
#[derive(Debug)]
pub enum Output {
    /// Send bytes on the control connection.
    Send {
        /// One reply or several.
        bytes: Vec<u8>,
        /// True when they must have a TCP segment of their own: helpers in routers read 227, 228
        /// and 229 only there.
        alone: bool,
    },
    /// Start an effect. None other is in flight.
    Start(Effect),
    /// End the effect in flight soon; its outcome still comes, [`Outcome::Cancelled`] as a rule.
    Cancel,
    /// Give up the data connection, be it awaited or there.
    DropData,
    /// Forget who is logged in, and the storage that came with the login.
    LogOut,
    /// End TLS on the control connection once everything is sent; it goes on in the clear (RFC 4217 §5).
    EndTls,
    /// Something came in the clear behind `AUTH`, and was thrown away: who waits for the reply sends
    /// nothing, so somebody on the way has put it there (CVE-2011-0411).
    Injected,
    /// The peer speaks something else than FTP, and is about to be closed.
    Abuse,
    /// A command with this verb has come, whatever becomes of it. For statistics.
    Took(Verb),
    /// Close the control connection once everything is sent. Nothing follows.
    Close,
    /// Nothing more to do now.
    Wait {
        /// When to come back with [`Input::Tick`].
        deadline: Option<Instant>,
        /// How many bytes may be read from the control connection meanwhile; 0: do not read.
        read: usize,
    },
}

/// Something that takes time. What needs several steps on a disk is one effect all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Make ready for a TLS handshake on the control connection. What has come there in the clear and
    /// was not read yet is thrown away. Outcome: [`Outcome::Done`], or a failure when there is no room
    /// for one now.
    PrepareTls,
    /// Send everything that waits, then do the TLS handshake. Outcome: [`Outcome::Secured`]. A failure
    /// ends the session.
    BeginTls {
        /// The host whose certificate is shown to a client that names none.
        host: Host,
    },
    /// Check who it is. Outcome: [`Outcome::LoggedIn`], [`Outcome::Denied`], [`Outcome::NeedsTls`],
    /// [`Outcome::Full`] or [`Outcome::Banned`].
    Authenticate {
        /// The host.
        host: Host,
        /// The name that `USER` gave.
        user: Vec<u8>,
        /// What shows that it is this user.
        proof: Proof,
        /// True when TLS protects the control connection.
        protected: bool,
    },
    /// Do something on the storage of this login.
    Storage(Storage),
    /// What the account has used of what it may. Outcome: [`Outcome::Lines`], without any where nothing is limited.
    Quota,
    /// Who else is logged in under the same name. Outcome: [`Outcome::Lines`].
    Who,
    /// Find a place where the peer can open a data connection, in this session's address family;
    /// an earlier place, and a connection that came there, are given up or used again. Outcome: [`Outcome::Listening`].
    Listen {
        /// True to say the address too, as 227 and 228 need it.
        announce: bool,
        /// True to take a connection from any address, not just from the peer's: the account may transfer between
        /// servers.
        anyone: bool,
        /// How the connection is to be protected.
        protection: Protection,
    },
    /// Open what a transfer reads or writes, and keep it. Outcome: [`Outcome::Opened`].
    Open(Open),
    /// Have a data connection, and keep it. Outcome: [`Outcome::Connected`].
    Connect {
        /// Where it comes from.
        target: Target,
        /// True when another server may be at its other end: the account may transfer between servers.
        anyone: bool,
        /// How it is to be protected.
        protection: Protection,
    },
    /// Move the data between what was opened and what was connected, then let go of both.
    /// Outcome: [`Outcome::Moved`].
    Move {
        /// True to keep the data connection for the next transfer, if this one goes well.
        keep: bool,
    },
}

/// What shows who a user is.
#[derive(Clone, PartialEq, Eq)]
pub enum Proof {
    /// The password that `PASS` gave.
    Password(Vec<u8>),
    /// The certificate that the client showed in the TLS handshake.
    Certificate,
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Proof::Password(_) => "Password(…)",
            Proof::Certificate => "Certificate",
        })
    }
}

/// How TLS protects a data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Not at all.
    None,
    /// This side is the server of the handshake, whoever opens the connection (RFC 4217 §7).
    Server,
    /// This side is its client, since the other one is a server too (`SSCN`, `CPSV`). Whose certificate comes cannot be
    /// said.
    Client,
}

/// Where a data connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The peer opens it, at the place of the last [`Effect::Listen`].
    Passive,
    /// This side opens it.
    Active(SocketAddr),
    /// It was kept after the last transfer: [`Effect::Move`].
    Kept,
}

/// What a transfer reads or writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Open {
    /// A file to send, from byte `offset` on.
    Retrieve {
        /// The file.
        path: VirtualPath,
        /// Where to begin.
        offset: u64,
        /// How it travels.
        parameters: Parameters,
    },
    /// A file to receive, from its beginning.
    Store {
        /// The file.
        path: VirtualPath,
        /// How it travels.
        parameters: Parameters,
    },
    /// A file to receive into a new name like `path`.
    StoreUnique {
        /// The name to be like.
        path: VirtualPath,
        /// How it travels.
        parameters: Parameters,
    },
    /// A file to receive from byte `offset` on; what it has before stays, what it has after goes.
    Resume {
        /// The file.
        path: VirtualPath,
        /// Where to begin: at most at its end.
        offset: u64,
        /// How it travels.
        parameters: Parameters,
    },
    /// A file to receive at its end.
    Append {
        /// The file; made when it is missing.
        path: VirtualPath,
        /// How it travels.
        parameters: Parameters,
    },
    /// A listing to send.
    List {
        /// A directory, a file, or a directory with a pattern as last component.
        path: VirtualPath,
        /// What to write of it.
        listing: Listing,
        /// How it travels.
        parameters: Parameters,
    },
}

impl Open {
    /// How it travels.
    pub fn parameters(&self) -> Parameters {
        match self {
            Open::Retrieve { parameters, .. }
            | Open::Store { parameters, .. }
            | Open::StoreUnique { parameters, .. }
            | Open::Resume { parameters, .. }
            | Open::Append { parameters, .. }
            | Open::List { parameters, .. } => *parameters,
        }
    }
}

/// What a listing writes of each entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// `LIST`: lines like those of `ls -l`.
    Long(Options),
    /// `NLST`: names, each with `prefix` before it so that it can be used as an argument.
    Names {
        /// The options.
        options: Options,
        /// The directory as the client wrote it, with a slash, or nothing.
        prefix: Vec<u8>,
    },
    /// `MLSD`: facts and names. Only a directory can be listed so.
    Facts(FactSet),
}

/// Something to do on storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// Describe it, following a link. Outcome: [`Outcome::Described`].
    Describe(VirtualPath),
    /// Describe it, a link as a link. Outcome: [`Outcome::Described`].
    DescribeLink(VirtualPath),
    /// See that it is a directory. Outcome: [`Outcome::Done`].
    Enter(VirtualPath),
    /// Make a directory. Outcome: [`Outcome::Done`].
    MakeDirectory(VirtualPath),
    /// Remove an empty directory. Outcome: [`Outcome::Done`].
    RemoveDirectory(VirtualPath),
    /// Remove a directory and all in it. Outcome: [`Outcome::Done`].
    RemoveTree(VirtualPath),
    /// Remove a file or link. Outcome: [`Outcome::Done`].
    Delete(VirtualPath),
    /// Rename; an old file under the new name is replaced. Outcome: [`Outcome::Done`].
    Rename {
        /// The old name.
        from: VirtualPath,
        /// The new name.
        to: VirtualPath,
    },
    /// Set the time of the last change, the permission bits, or both. Outcome: [`Outcome::Done`].
    SetFacts {
        /// The file or directory.
        path: VirtualPath,
        /// The time.
        modified: Option<Timestamp>,
        /// The permission bits, 0 to 0o777.
        mode: Option<u32>,
    },
    /// Make a symbolic link. Outcome: [`Outcome::Done`].
    Link {
        /// Where it points.
        target: VirtualPath,
        /// Its name.
        path: VirtualPath,
    },
    /// Checksum of a file. Outcome: [`Outcome::Digest`].
    Digest {
        /// The file.
        path: VirtualPath,
        /// Which checksum.
        algorithm: Algorithm,
        /// Bytes to read; an end past the file's is the file's.
        range: Range<u64>,
    },
    /// Bytes that can still be stored there. Outcome: [`Outcome::Number`].
    Space(VirtualPath),
    /// Bytes of all files beneath it. Outcome: [`Outcome::Number`].
    Usage(VirtualPath),
    /// Append files to one, in order, and remove them. Outcome: [`Outcome::Done`].
    Combine {
        /// The file that grows.
        target: VirtualPath,
        /// The files that go.
        sources: Vec<VirtualPath>,
    },
    /// A listing short enough for the control connection. Outcome: [`Outcome::Lines`].
    Lines {
        /// A directory, a file, or a directory with a pattern as last component.
        path: VirtualPath,
        /// The options.
        options: Options,
    },
}

/// How an effect went.
#[derive(Debug)]
pub enum Outcome {
    /// TLS protects the control connection now.
    Secured {
        /// The host that the client named in the handshake (SNI).
        name: Option<Vec<u8>>,
        /// True when the client showed a certificate, which was good.
        certificate: bool,
    },
    /// The proof was right; on what terms the session goes on.
    LoggedIn(Terms),
    /// Name or proof was wrong.
    Denied,
    /// The proof was right, but this account is for protected sessions.
    NeedsTls,
    /// The proof was right, but this account has as many sessions as it may have.
    Full,
    /// The peer is banned meanwhile, for so many seconds yet.
    Banned(u64),
    /// It is done.
    Done,
    /// What storage says of a path.
    Described(Entry),
    /// Lines of text, and whether there were too many.
    Lines {
        /// The lines.
        lines: Vec<Vec<u8>>,
        /// True when more were left out.
        more: bool,
        /// True when they tell of a directory rather than of a file.
        directory: bool,
    },
    /// A number of bytes.
    Number(u64),
    /// A checksum in hexadecimal, lower case, and the bytes it is of.
    Digest {
        /// The checksum.
        text: String,
        /// The bytes that were read.
        range: Range<u64>,
    },
    /// The peer can connect here: what to tell it.
    Listening(SocketAddr),
    /// It is open.
    Opened {
        /// Length in bytes, where it is known before.
        size: Option<u64>,
        /// The name that was chosen, for [`Open::StoreUnique`].
        name: Option<Vec<u8>>,
    },
    /// The data connection is there.
    Connected,
    /// All data was moved, and an upload is in its place.
    Moved {
        /// Bytes of the file or listing that travelled.
        bytes: u64,
    },
    /// It went wrong.
    Failed(Failure),
    /// It was ended by [`Output::Cancel`].
    Cancelled,
}

/// Whose transfers are limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The account's.
    Account,
    /// Those of the client's address.
    Address,
    /// All of the server.
    Server,
}

/// Why an effect failed. [`replies::failure`](super::replies::failure) has the reply to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No such file or directory.
    NotFound,
    /// The name is taken.
    Exists,
    /// A directory was needed.
    NotDirectory,
    /// `MLSD` was asked of what is no directory (RFC 3659 §7.2.1).
    NotListable,
    /// A plain file was needed.
    NotFile,
    /// The directory is not empty.
    NotEmpty,
    /// Storage refuses this user.
    Denied,
    /// The account may not do that there; in words that come after "may not".
    Forbidden(&'static str),
    /// What is mounted in different places cannot be moved from one to the other.
    Apart,
    /// A symbolic link leads out of the tree, or in a circle.
    Outside,
    /// Storage does not take such a name.
    BadName,
    /// No space left.
    NoSpace,
    /// Another session writes that file.
    Busy,
    /// The restart point lies behind the end of the file.
    BadOffset,
    /// Storage cannot do that at all.
    NotOffered,
    /// Too many objects for one request.
    TooMuch,
    /// There are as many transfers of these as there may be.
    TooManyTransfers(Whose),
    /// The account has used up what it may store.
    Quota,
    /// The account has to upload more before it may download that.
    Ratio,
    /// Anything else; the owner's log has it.
    Local,
    /// The data connection was refused, or timed out.
    NoConnection,
    /// No data connection came from the client's address, but one came from another.
    Elsewhere,
    /// Several connections came at once where control and data connections share a port.
    Ambiguous,
    /// No passive port is free for this peer.
    NoPort,
    /// The client did not protect the data connection.
    NoHandshake,
    /// The data connection does not resume the TLS session of the control connection, and must.
    NotResumed,
    /// There are too many handshakes at once.
    NoSecurity,
    /// The data connection broke.
    Broken,
    /// The data did not have the form that `MODE` and `STRU` ask for.
    BadData,
    /// The data that came deflated became more than so little should.
    Expands,
}

/// On what terms somebody is logged in. What they may do with files is for storage to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// They may have data connections with other addresses than their own: transfers between two
    /// servers (FXP).
    pub fxp: bool,
    /// They may have data connections only if TLS protects them.
    pub protected_data: bool,
    /// How long they may be idle, where that is not the same for all.
    pub idle: Option<Duration>,
    /// When the session ends, after a transfer that runs then.
    pub until: Option<Instant>,
}
