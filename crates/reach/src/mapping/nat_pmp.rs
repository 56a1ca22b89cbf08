//! NAT-PMP (RFC 6886).

use super::ask::{ask, u16_at, u32_at};
use super::{Lease, MappingError};
use crate::gateway::Gateway;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Opcodes; answers have the top bit set (§3.2, §3.3).
const ADDRESS: u8 = 0;
const MAP_TCP: u8 = 2;
const ANSWER: u8 = 128;

/// A router that is asked by NAT-PMP.
#[derive(Debug)]
pub(super) struct Router {
    pub(super) gateway: Gateway,
}

impl Router {
    /// Its address outside, and its epoch (§3.2).
    pub(super) async fn address(&self) -> Result<(Ipv4Addr, u32), MappingError> {
        ask(self.gateway.address, &[0, ADDRESS], read_address).await?
    }

    /// Has a TCP port led here; a lifetime of 0 ends that (§3.3, §3.4).
    pub(super) async fn map(
        &self,
        port: u16,
        outside: u16,
        lifetime: Duration,
    ) -> Result<Lease, MappingError> {
        let seconds = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
        let question = request(port, outside, seconds);
        let lease = ask(self.gateway.address, &question, |answer| read_map(answer, port)).await??;
        if lifetime.is_zero() {
            return Ok(lease);
        }
        // The mapping does not say it.
        let address = self.address().await.ok().map(|(address, _)| address);
        Ok(Lease { address, ..lease })
    }
}

fn request(port: u16, outside: u16, seconds: u32) -> Vec<u8> {
    let mut question = vec![0, MAP_TCP, 0, 0];
    question.extend(port.to_be_bytes());
    question.extend(outside.to_be_bytes());
    question.extend(seconds.to_be_bytes());
    question
}

/// What a result code other than 0 means (§3.5).
fn refusal(code: u16) -> MappingError {
    MappingError::Refused(match code {
        1 => "it does not speak NAT-PMP of this version".to_owned(),
        2 => "not authorized; it may have to be switched on there".to_owned(),
        3 => "it has no public address of its own: another router stands before it, or it is not connected"
            .to_owned(),
        4 => "it has no room for another mapping".to_owned(),
        5 => "it does not map TCP ports".to_owned(),
        code => format!("NAT-PMP result {code}"),
    })
}

fn read_address(answer: &[u8]) -> Option<Result<(Ipv4Addr, u32), MappingError>> {
    if answer.first() != Some(&0) || answer.get(1) != Some(&(ANSWER + ADDRESS)) {
        return None;
    }
    Some(match u16_at(answer, 2)? {
        0 => Ok((Ipv4Addr::from(u32_at(answer, 8)?), u32_at(answer, 4)?)),
        code => Err(refusal(code)),
    })
}

fn read_map(answer: &[u8], port: u16) -> Option<Result<Lease, MappingError>> {
    if answer.first() != Some(&0) || answer.get(1) != Some(&(ANSWER + MAP_TCP)) {
        return None;
    }
    let code = u16_at(answer, 2)?;
    if code != 0 {
        return Some(Err(refusal(code)));
    }
    (u16_at(answer, 8)? == port).then_some(())?;
    Some(Ok(Lease {
        outside: u16_at(answer, 10)?,
        address: None,
        lifetime: Duration::from_secs(u32_at(answer, 12)?.into()),
        epoch: Some(u32_at(answer, 4)?),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_as_the_rfc_has_them() {
        assert_eq!(request(2121, 21, 7200), [0, 2, 0, 0, 0x08, 0x49, 0, 21, 0, 0, 0x1c, 0x20]);
    }

    #[test]
    fn answers_are_read_and_nonsense_is_not() {
        let answer = [0, 130, 0, 0, 0, 0, 0, 9, 0x08, 0x49, 0, 21, 0, 0, 0x0e, 0x10];
        let lease = read_map(&answer, 2121).expect("an answer").expect("a lease");
        assert_eq!((lease.outside, lease.lifetime.as_secs(), lease.epoch), (21, 3600, Some(9)));
        assert!(read_map(&answer, 2122).is_none(), "of another port");
        for length in 0..answer.len() {
            assert!(read_map(&answer[..length], 2121).is_none(), "{length} bytes");
        }
        assert!(matches!(read_map(&[0, 130, 0, 2, 0, 0, 0, 1], 1), Some(Err(MappingError::Refused(_)))));
        let address = [0, 128, 0, 0, 0, 0, 0, 9, 22, 0, 1, 2];
        assert_eq!(
            read_address(&address).expect("an answer").expect("an address"),
            (Ipv4Addr::new(22, 0, 1, 2), 9)
        );
    }
}
