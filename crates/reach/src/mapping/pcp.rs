//! PCP (RFC 6887).

use super::ask::{ask, u32_at};
use super::{Lease, MappingError};
use crate::gateway::Gateway;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

const VERSION: u8 = 2;

/// Opcodes; answers have the top bit set (§7.1, §7.2).
const ANNOUNCE: u8 = 0;
const MAP: u8 = 1;
const ANSWER: u8 = 128;

/// The protocol number of TCP.
const TCP: u8 = 6;

/// Bytes of the header that requests and answers share, and of a mapping behind it (§7.1, §11.1).
const HEADER: usize = 24;
const MAPPING: usize = 36;

/// A router that is asked by PCP.
#[derive(Debug)]
pub(super) struct Router {
    pub(super) gateway: Gateway,
    /// Who does not know it cannot change our mappings (§11.2).
    pub(super) nonce: [u8; 12],
}

impl Router {
    /// Has a TCP port led here; a lifetime of 0 ends that (§11.2, §15).
    pub(super) async fn map(
        &self,
        port: u16,
        outside: u16,
        lifetime: Duration,
    ) -> Result<Lease, MappingError> {
        let seconds = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
        let mut question = header(MAP, seconds, self.gateway.own);
        question.extend(self.nonce);
        question.extend([TCP, 0, 0, 0]);
        question.extend(port.to_be_bytes());
        question.extend(outside.to_be_bytes());
        // All zeros of the family: no wish for an address (§11.1).
        question.extend(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().octets());
        ask(self.gateway.address, &question, |answer| read(answer, MAP, |body| self.read_map(body, port)))
            .await?
    }

    /// Seconds that it has been remembering (§8.5, §14.1).
    pub(super) async fn epoch(&self) -> Result<u32, MappingError> {
        let question = header(ANNOUNCE, 0, self.gateway.own);
        ask(self.gateway.address, &question, |answer| read(answer, ANNOUNCE, |answer| u32_at(answer, 8)))
            .await?
    }

    fn read_map(&self, answer: &[u8], port: u16) -> Option<Lease> {
        let mapping = answer.get(HEADER..HEADER + MAPPING)?;
        // Of another question, else.
        let own = mapping[..12] == self.nonce && mapping[12] == TCP && mapping[16..18] == port.to_be_bytes();
        own.then_some(())?;
        let address: [u8; 16] = mapping[20..36].try_into().ok()?;
        Some(Lease {
            outside: u16::from_be_bytes([mapping[18], mapping[19]]),
            address: Ipv6Addr::from(address).to_ipv4_mapped().filter(|address| !address.is_unspecified()),
            lifetime: Duration::from_secs(u32_at(answer, 4)?.into()),
            epoch: u32_at(answer, 8),
        })
    }
}

fn header(opcode: u8, seconds: u32, own: Ipv4Addr) -> Vec<u8> {
    let mut header = vec![VERSION, opcode, 0, 0];
    header.extend(seconds.to_be_bytes());
    header.extend(own.to_ipv6_mapped().octets());
    header
}

/// Reads an answer to this opcode; nothing where it is none.
fn read<T>(answer: &[u8], opcode: u8, body: impl Fn(&[u8]) -> Option<T>) -> Option<Result<T, MappingError>> {
    let (version, operation) = (*answer.first()?, *answer.get(1)?);
    if version != VERSION {
        // A router that knows NAT-PMP only answers in its version 0 (§9).
        let text = "it does not speak PCP of this version";
        return (operation & ANSWER != 0).then(|| Err(MappingError::Refused(text.to_owned())));
    }
    if operation != ANSWER + opcode {
        return None;
    }
    // §7.4
    let refused = |text: &str| Some(Err(MappingError::Refused(text.to_owned())));
    match *answer.get(3)? {
        0 => body(answer).map(Ok),
        1 => refused("it does not speak PCP of this version"),
        2 => refused("not authorized; it may have to be switched on there, or another host has the port"),
        7 => refused(
            "it has no public address of its own: another router stands before it, or it is not connected",
        ),
        8 => refused("it has no room for another mapping"),
        10 => refused("it grants this machine no more mappings"),
        11 => refused("the port is taken"),
        12 => Some(Err(MappingError::AddressMismatch)),
        code => Some(Err(MappingError::Refused(format!("PCP result {code}")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> Router {
        let gateway = Gateway { address: Ipv4Addr::new(10, 20, 0, 1), own: Ipv4Addr::new(10, 20, 0, 2) };
        Router { gateway, nonce: *b"twelve bytes" }
    }

    fn answer(code: u8) -> Vec<u8> {
        let mut answer = vec![VERSION, ANSWER + MAP, 0, code, 0, 0, 0x1c, 0x20, 0, 0, 0, 77];
        answer.extend([0; 12]);
        answer.extend(*b"twelve bytes");
        answer.extend([TCP, 0, 0, 0, 0x08, 0x49, 0x13, 0x88]);
        answer.extend(Ipv4Addr::new(22, 0, 1, 2).to_ipv6_mapped().octets());
        answer
    }

    fn lease(answer: &[u8], port: u16) -> Option<Result<Lease, MappingError>> {
        read(answer, MAP, |answer| router().read_map(answer, port))
    }

    #[test]
    fn an_answer_is_read() {
        let lease = lease(&answer(0), 2121).expect("an answer").expect("a lease");
        assert_eq!(lease.outside, 5000);
        assert_eq!(lease.address, Some(Ipv4Addr::new(22, 0, 1, 2)));
        assert_eq!((lease.lifetime.as_secs(), lease.epoch), (7200, Some(77)));
    }

    #[test]
    fn what_is_no_answer_to_this_question_is_passed_over() {
        let whole = answer(0);
        for length in 0..whole.len() {
            assert!(lease(&whole[..length], 2121).is_none(), "{length} bytes");
        }
        assert!(lease(&whole, 2122).is_none(), "of another port");
        let mut other = whole;
        other[HEADER] ^= 1;
        assert!(lease(&other, 2121).is_none(), "another nonce");
    }

    #[test]
    fn refusals_are_told() {
        assert!(matches!(lease(&answer(12), 2121), Some(Err(MappingError::AddressMismatch))));
        assert!(matches!(lease(&answer(8), 2121), Some(Err(MappingError::Refused(_)))));
        // A router that knows NAT-PMP only.
        assert!(matches!(
            lease(&[0, ANSWER + MAP, 0, 1, 0, 0, 0, 0], 2121),
            Some(Err(MappingError::Refused(_)))
        ));
    }
}
