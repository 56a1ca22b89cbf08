//! Messages to the kernel's nftables, written by hand: `linux/netfilter/nf_tables.h` has their numbers.
//!
//! What this is not: a library for nftables. There is what the table of pinholes needs.

use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How long the kernel may take to answer, which it does at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// The part of netfilter that nftables is (`NFNL_SUBSYS_NFTABLES`).
const NFTABLES: u16 = 10;

/// What frames a transaction (`NFNL_MSG_BATCH_BEGIN`, `NFNL_MSG_BATCH_END`).
const BEGIN: u16 = 0x10;
const END: u16 = 0x11;

/// An answer that says how it went (`NLMSG_ERROR`); 0 means well.
const VERDICT: u16 = 2;

/// Flags of a message (`NLM_F_…`).
const REQUEST: u16 = 1;
const ACK: u16 = 4;
pub(super) const CREATE: u16 = 0x400;
pub(super) const APPEND: u16 = 0x800;

/// Set in the type of an attribute that has others in it.
const NESTED: u16 = 0x8000;

/// Families of tables.
pub(super) const INET: u8 = 1;

/// Attributes, one behind the other.
#[derive(Debug, Default, Clone)]
pub(super) struct Attributes(Vec<u8>);

impl Attributes {
    pub(super) fn new() -> Attributes {
        Attributes::default()
    }

    /// One more, of any bytes.
    pub(super) fn bytes(mut self, kind: u16, value: &[u8]) -> Attributes {
        // They are a few dozen bytes long.
        let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    pub(super) fn text(self, kind: u16, value: &str) -> Attributes {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.bytes(kind, &bytes)
    }

    /// A number; nftables has them in network order.
    pub(super) fn number(self, kind: u16, value: u32) -> Attributes {
        self.bytes(kind, &value.to_be_bytes())
    }

    pub(super) fn long(self, kind: u16, value: u64) -> Attributes {
        self.bytes(kind, &value.to_be_bytes())
    }

    pub(super) fn nested(self, kind: u16, value: &Attributes) -> Attributes {
        self.bytes(NESTED | kind, &value.0)
    }
}

/// What is to be done: the kind of message (`NFT_MSG_…`), its flags, and what it says.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) attributes: Attributes,
}

/// The way to the kernel.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    pub(super) fn open() -> io::Result<Netlink> {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::NETFILTER))?;
        bind(&socket, &SocketAddrNetlink::new(0, 0))?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(Netlink { socket, sequence: 0 })
    }

    /// Does all of it, or nothing.
    ///
    /// # Errors
    /// What the kernel says of the first message that it does not like.
    pub(super) fn transact(&mut self, messages: &[Message]) -> io::Result<()> {
        let mut batch = self.message(BEGIN, REQUEST, 0, NFTABLES.to_be(), &Attributes::new());
        // What is wrong with all of it is said of this one.
        let begin = self.sequence;
        let mut open = Vec::new();
        for Message { kind, flags, attributes } in messages {
            let kind = NFTABLES << 8 | kind;
            batch.extend(self.message(kind, REQUEST | ACK | flags, INET, 0, attributes));
            open.push(self.sequence);
        }
        batch.extend(self.message(END, REQUEST, 0, NFTABLES.to_be(), &Attributes::new()));
        send(&self.socket, &batch, SendFlags::empty())?;
        let mut failed = None;
        let mut buffer = vec![0; 32 << 10];
        while !open.is_empty() {
            let (count, _) = recv(&self.socket, &mut buffer[..], RecvFlags::empty())?;
            for (sequence, error) in verdicts(&buffer[..count]) {
                let ours = sequence == begin || open.contains(&sequence);
                open.retain(|open| *open != sequence);
                if ours && error != 0 {
                    failed = failed.or(Some(io::Error::from_raw_os_error(error)));
                }
            }
            // After an error, some messages get no answer at all.
            if failed.is_some() {
                self.drain(&mut buffer);
                break;
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn drain(&self, buffer: &mut [u8]) {
        while recv(&self.socket, &mut *buffer, RecvFlags::DONTWAIT).is_ok() {}
    }

    fn message(&mut self, kind: u16, flags: u16, family: u8, part: u16, attributes: &Attributes) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        let length = u32::try_from(20 + attributes.0.len()).unwrap_or(u32::MAX);
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(self.sequence.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend([family, 0]);
        bytes.extend(part.to_ne_bytes());
        bytes.extend(&attributes.0);
        bytes
    }
}

/// Numbers of messages, and the errors that the kernel has for them.
fn verdicts(mut bytes: &[u8]) -> Vec<(u32, i32)> {
    let mut verdicts = Vec::new();
    let word = |bytes: &[u8], at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    while let Some(length) = word(bytes, 0) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(message) = bytes.get(..length).filter(|message| message.len() >= 16) else { break };
        let kind = u16::from_ne_bytes([message[4], message[5]]);
        if let (VERDICT, Some(sequence), Some(error)) = (kind, word(message, 8), word(message, 16)) {
            verdicts.push((sequence, error.cast_signed().saturating_neg()));
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    verdicts
}
