//! How a helper is asked: a connection for each question, whose other end is passed to it.

use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Questions that a helper answers at a time.
const AT_ONCE: usize = 256;

/// Descriptors that are passed at a time; the system passes 253 at the most.
const AT_A_TIME: usize = 128;

/// The way to a helper, for all who have a clone of it. The helper ends with the last of them.
#[derive(Debug, Clone)]
pub(crate) struct Door(Arc<UnixStream>);

impl Door {
    /// Starts a helper. `command` has to end up in [`answer`], with its standard input as it is.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn open(mut command: Command) -> io::Result<Door> {
        let (ours, theirs) = UnixStream::pair()?;
        // Ctrl-C is for the server, which needs its helpers to its end.
        command.stdin(OwnedFd::from(theirs)).process_group(0).spawn()?;
        Ok(Door(Arc::new(ours)))
    }

    /// A way to a helper that another process has started.
    pub(crate) fn inherited(socket: UnixStream) -> Door {
        Door(Arc::new(socket))
    }

    /// The socket, for the process that comes after this one.
    pub(crate) fn socket(&self) -> &UnixStream {
        &self.0
    }

    /// A connection for one question.
    ///
    /// # Errors
    /// When the helper is gone.
    pub(crate) fn knock(&self) -> io::Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        let gone = |error: io::Error| {
            let text = format!("a helper of the server is gone, stop it and start it again: {error}");
            io::Error::new(error.kind(), text)
        };
        pass(&self.0, &[theirs.into()]).map_err(gone)?;
        Ok(ours)
    }
}

/// In a helper: where it is asked, which is its standard input.
///
/// # Errors
/// When there is none.
pub(crate) fn door() -> io::Result<UnixStream> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// Answers in a helper, each question on a thread of its own, until nobody can ask any more.
///
/// # Errors
/// When the door is no socket.
pub(crate) fn answer(door: &UnixStream, each: impl Fn(UnixStream) + Sync) -> io::Result<()> {
    let answering = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        while let Some(passed) = take_some(door)? {
            for connection in passed {
                // Who finds no room is told by the end of the connection.
                if answering.fetch_add(1, Ordering::Relaxed) >= AT_ONCE {
                    answering.fetch_sub(1, Ordering::Relaxed);
                    continue;
                }
                let (each, answering) = (&each, &answering);
                let answer = move || {
                    each(connection.into());
                    answering.fetch_sub(1, Ordering::Relaxed);
                };
                if std::thread::Builder::new().spawn_scoped(scope, answer).is_err() {
                    answering.fetch_sub(1, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    })
}

/// Passes descriptors to the other end.
pub(crate) fn pass(socket: &UnixStream, descriptors: &[OwnedFd]) -> io::Result<()> {
    for some in descriptors.chunks(AT_A_TIME) {
        let some: Vec<BorrowedFd<'_>> = some.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_A_TIME))];
        let mut passed = SendAncillaryBuffer::new(&mut space);
        passed.push(SendAncillaryMessage::ScmRights(&some));
        // They travel with a byte, so that they come one lot at a time.
        sendmsg(socket, &[IoSlice::new(b"+")], &mut passed, SendFlags::NOSIGNAL)?;
    }
    Ok(())
}

/// Takes so many descriptors.
pub(crate) fn take(socket: &UnixStream, count: usize) -> io::Result<Vec<OwnedFd>> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(take_some(socket)?.ok_or(io::ErrorKind::UnexpectedEof)?);
    }
    Ok(all)
}

/// Takes the descriptors that come next; none at the end.
fn take_some(socket: &UnixStream) -> io::Result<Option<Vec<OwnedFd>>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_A_TIME))];
    let mut passed = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let taken = loop {
        let mut slices = [IoSliceMut::new(&mut byte)];
        match recvmsg(socket, &mut slices, &mut passed, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            taken => break taken?,
        }
    };
    if taken.bytes == 0 {
        return Ok(None);
    }
    let descriptors = passed.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    Ok(Some(descriptors.flatten().collect()))
}
