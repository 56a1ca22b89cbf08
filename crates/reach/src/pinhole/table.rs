//! The table of pinholes. As `nft` would show it:
//!
//! ```text
//! table inet portolan-2121 {
//!   flags owner
//!   set pin4 { type ipv4_addr . inet_service; size 65535; flags timeout; }
//!   set pin6 { type ipv6_addr . inet_service; size 65535; flags timeout; }
//!   chain input {
//!     type filter hook input priority -10; policy accept;
//!     tcp flags & (fin | syn | rst | ack) == syn ip saddr . tcp dport @pin4 meta mark set 0x706f7274 accept
//!     tcp flags & (fin | syn | rst | ack) == syn ip6 saddr . tcp dport @pin6 meta mark set 0x706f7274 accept
//!     tcp flags & (fin | syn | rst | ack) == syn tcp dport 50000-50099 drop
//!   }
//! }
//! ```
//!
//! Only what opens a connection is judged, so that connections that stand, and those that this machine opens
//! from a port of the range, go on untouched.

use super::Hole;
use super::netlink::{APPEND, Attributes, CREATE, Message, Netlink};
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// The mark of packets that a hole lets in: `port`, in letters. `meta mark 0x706f7274 accept` lets them through
/// another firewall of this machine.
pub const MARK: u32 = 0x706f_7274;

/// Kinds of messages (`NFT_MSG_…`).
const NEW_TABLE: u16 = 0;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const NEW_RULE: u16 = 6;
const NEW_SET: u16 = 9;
const NEW_ELEMENT: u16 = 12;
const DELETE_ELEMENT: u16 = 14;

/// The table is gone when the socket that made it closes (`NFT_TABLE_F_OWNER`, since Linux 5.12).
const OWNER: u32 = 2;

/// Its elements end by themselves (`NFT_SET_TIMEOUT`).
const WITH_TIMEOUT: u32 = 0x10;

/// How many holes there may be at the same time, for each family.
const HOLES: u32 = 65_535;

/// What `nft` calls the types of keys: address, and port behind it. The kernel only keeps them.
const KEY_V4: u32 = 7 << 6 | 13;
const KEY_V6: u32 = 8 << 6 | 13;

const CHAIN: &str = "input";
const LOCAL_IN: u32 = 1;
/// Before the chains that filter, which are at 0.
const PRIORITY: i32 = -10;

/// Verdicts.
const DROP: u32 = 0;
const ACCEPT: u32 = 1;

/// Registers: the one of verdicts, those of 16 bytes, and the one of 4 bytes behind the first 4 of register 1.
const REG_VERDICT: u32 = 0;
const REG_1: u32 = 1;
const REG_2: u32 = 2;
const REG_SECOND_WORD: u32 = 9;

/// Comparisons (`NFT_CMP_…`).
const EQUAL: u32 = 0;
const AT_MOST: u32 = 3;
const AT_LEAST: u32 = 5;

/// What is known of a packet besides its bytes (`NFT_META_…`).
const META_MARK: u32 = 3;
const META_FAMILY: u32 = 15;
const META_PROTOCOL: u32 = 16;
const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 10;
const TCP: u8 = 6;

/// Where bytes of a packet are counted from.
const NETWORK: u32 = 1;
const TRANSPORT: u32 = 2;

/// The flags of TCP that tell a first packet: `SYN` of `FIN`, `SYN`, `RST` and `ACK`.
const OPENING_MASK: u8 = 0x17;
const OPENING: u8 = 0x02;

/// The table, for as long as it is kept.
#[derive(Debug)]
pub(super) struct Table {
    netlink: Netlink,
    name: String,
}

impl Table {
    /// Makes it. One that an earlier run left behind is replaced.
    ///
    /// # Errors
    /// Without `CAP_NET_ADMIN`, or where the kernel has no nftables.
    pub(super) fn make(name: &str, ports: &RangeInclusive<u16>) -> io::Result<Table> {
        let mut table = Table { netlink: Netlink::open()?, name: name.to_owned() };
        // There is none, mostly.
        let _ = table.netlink.transact(&[table.message(DELETE_TABLE, 0, table.named())]);
        match table.netlink.transact(&table.whole(ports, OWNER)) {
            // An older kernel: it stays after a crash, and its holes end by themselves.
            Err(error) if matches!(error.raw_os_error(), Some(22 | 95)) => {
                table.netlink.transact(&table.whole(ports, 0))?;
            }
            made => made?,
        }
        Ok(table)
    }

    /// Opens a hole, for the whole of its time if there was one already.
    pub(super) fn open(&mut self, hole: Hole) -> io::Result<()> {
        let (set, mut key) = match hole.peer.to_canonical() {
            IpAddr::V4(peer) => ("pin4", peer.octets().to_vec()),
            IpAddr::V6(peer) => ("pin6", peer.octets().to_vec()),
        };
        key.extend(hole.port.to_be_bytes());
        key.resize(key.len().next_multiple_of(4), 0);
        let milliseconds = u64::try_from(hole.time.as_millis()).unwrap_or(u64::MAX);
        let key = Attributes::new().nested(1, &Attributes::new().bytes(1, &key));
        let element =
            |element: &Attributes| self.named().text(2, set).nested(3, &Attributes::new().nested(1, element));
        // The kernel would not make the time of an element longer.
        let old = self.message(DELETE_ELEMENT, 0, element(&key));
        let new = self.message(NEW_ELEMENT, CREATE, element(&key.long(4, milliseconds)));
        let _ = self.netlink.transact(&[old]);
        self.netlink.transact(&[new])
    }

    fn message(&self, kind: u16, flags: u16, attributes: Attributes) -> Message {
        Message { kind, flags, attributes }
    }

    /// The name of the table is the first attribute of everything.
    fn named(&self) -> Attributes {
        Attributes::new().text(1, &self.name)
    }

    fn whole(&self, ports: &RangeInclusive<u16>, flags: u32) -> Vec<Message> {
        let hook = Attributes::new().number(1, LOCAL_IN).number(2, PRIORITY.cast_unsigned());
        let chain = self.named().text(3, CHAIN).nested(4, &hook).number(5, ACCEPT).text(7, "filter");
        let holes = |family, load: [Attributes; 2], set| {
            let mut expressions = opening();
            expressions.extend([meta(META_FAMILY, REG_1), compare(EQUAL, &[family])]);
            expressions.extend(load);
            expressions.extend([look_up(set), mark(), set_mark(), verdict(ACCEPT)]);
            expressions
        };
        let v4 = [payload(NETWORK, 12, 4, REG_1), payload(TRANSPORT, 2, 2, REG_SECOND_WORD)];
        let v6 = [payload(NETWORK, 8, 16, REG_1), payload(TRANSPORT, 2, 2, REG_2)];
        let mut others = opening();
        others.extend([
            payload(TRANSPORT, 2, 2, REG_1),
            compare(AT_LEAST, &ports.start().to_be_bytes()),
            compare(AT_MOST, &ports.end().to_be_bytes()),
            verdict(DROP),
        ]);
        vec![
            self.message(NEW_TABLE, CREATE, self.named().number(2, flags)),
            self.set("pin4", KEY_V4, 8, 1),
            self.set("pin6", KEY_V6, 20, 2),
            self.message(NEW_CHAIN, CREATE, chain),
            self.rule(&holes(FAMILY_V4, v4, "pin4")),
            self.rule(&holes(FAMILY_V6, v6, "pin6")),
            self.rule(&others),
        ]
    }

    fn set(&self, name: &str, key: u32, length: u32, id: u32) -> Message {
        let size = Attributes::new().number(1, HOLES);
        let set = self.named().text(2, name).number(3, WITH_TIMEOUT).number(4, key).number(5, length);
        self.message(NEW_SET, CREATE, set.nested(9, &size).number(10, id))
    }

    fn rule(&self, expressions: &[Attributes]) -> Message {
        let list = expressions.iter().fold(Attributes::new(), |list, one| list.nested(1, one));
        self.message(NEW_RULE, CREATE | APPEND, self.named().text(2, CHAIN).nested(4, &list))
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // Where it is owned, it would go with the socket anyway.
        let _ = self.netlink.transact(&[self.message(DELETE_TABLE, 0, self.named())]);
    }
}

fn expression(name: &str, data: &Attributes) -> Attributes {
    Attributes::new().text(1, name).nested(2, data)
}

fn value(bytes: &[u8]) -> Attributes {
    Attributes::new().bytes(1, bytes)
}

fn meta(key: u32, register: u32) -> Attributes {
    expression("meta", &Attributes::new().number(1, register).number(2, key))
}

/// Compares what register 1 has.
fn compare(how: u32, with: &[u8]) -> Attributes {
    expression("cmp", &Attributes::new().number(1, REG_1).number(2, how).nested(3, &value(with)))
}

fn payload(base: u32, offset: u32, length: u32, register: u32) -> Attributes {
    let data = Attributes::new().number(1, register).number(2, base).number(3, offset).number(4, length);
    expression("payload", &data)
}

/// The packet opens a TCP connection.
fn opening() -> Vec<Attributes> {
    let masked = Attributes::new().number(1, REG_1).number(2, REG_1).number(3, 1);
    let masked = masked.nested(4, &value(&[OPENING_MASK])).nested(5, &value(&[0]));
    vec![
        meta(META_PROTOCOL, REG_1),
        compare(EQUAL, &[TCP]),
        payload(TRANSPORT, 13, 1, REG_1),
        expression("bitwise", &masked),
        compare(EQUAL, &[OPENING]),
    ]
}

fn look_up(set: &str) -> Attributes {
    expression("lookup", &Attributes::new().text(1, set).number(2, REG_1))
}

fn mark() -> Attributes {
    expression("immediate", &Attributes::new().number(1, REG_1).nested(2, &value(&MARK.to_ne_bytes())))
}

fn set_mark() -> Attributes {
    expression("meta", &Attributes::new().number(2, META_MARK).number(3, REG_1))
}

fn verdict(code: u32) -> Attributes {
    let verdict = Attributes::new().nested(2, &Attributes::new().number(1, code));
    expression("immediate", &Attributes::new().number(1, REG_VERDICT).nested(2, &verdict))
}
