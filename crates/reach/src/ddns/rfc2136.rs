//! Updates of a name server (RFC 2136), signed (RFC 8945). By TCP, which needs no second try of its own.

use super::{Addresses, Refusal};
use hickory_proto::op::{Message, ResponseCode, UpdateMessage, update_message};
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;
use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{Name, RData, Record, TSigner};
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// How much the clocks of both may differ, in seconds (RFC 8945 §10).
const FUDGE: u16 = 300;

/// How long to wait after a refusal that somebody has to mend. Nobody has signed it, so that it may be false.
const SETTINGS: Duration = Duration::from_secs(1800);

/// A key that updates are signed with.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Its name, which the server knows it by.
    pub name: String,
    /// How it signs.
    pub algorithm: Algorithm,
    /// The key itself.
    pub secret: Vec<u8>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How a key signs (RFC 8945 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `hmac-sha256`
    Sha256,
    /// `hmac-sha384`
    Sha384,
    /// `hmac-sha512`
    Sha512,
}

pub(super) async fn write(
    server: &str,
    zone: &str,
    key: Option<&Key>,
    ttl: u32,
    name: &str,
    addresses: Addresses,
) -> Result<(), Refusal> {
    let parse = |text: &str| {
        Name::from_ascii(format!("{}.", text.trim_end_matches('.')))
            .map_err(|error| Refusal::Never(format!("`{text}` is no name: {error}")))
    };
    let (zone, name) = (parse(zone)?, parse(name)?);
    if !zone.zone_of(&name) {
        return Err(Refusal::Never(format!("{name} is not in the zone {zone}")));
    }
    let v4 = addresses.v4.map(|address| RData::A(A(address)));
    let v6 = addresses.v6.map(|address| RData::AAAA(AAAA(address)));
    for data in v4.into_iter().chain(v6) {
        let record = Record::from_rdata(name.clone(), ttl, data);
        // What was there goes, and the new address comes, in one step (RFC 2136 §2.5.2, §2.5.1).
        let mut message = update_message::delete_rrset(record.clone(), zone.clone(), false);
        message.add_update(record);
        let exchange = exchange(server, message, key);
        let late = |_| Refusal::later(format!("{server} does not answer"));
        tokio::time::timeout(PATIENCE, exchange).await.map_err(late)??;
    }
    Ok(())
}

async fn exchange(server: &str, mut message: Message, key: Option<&Key>) -> Result<(), Refusal> {
    let at = |error: io::Error| Refusal::later(format!("{server}: {error}"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let verifier = match key.map(signer).transpose()? {
        Some(signer) => message.finalize(&signer, now).map_err(Refusal::later)?,
        None => None,
    };
    let bytes = message.to_vec().map_err(Refusal::later)?;
    let mut stream = TcpStream::connect(server).await.map_err(at)?;
    let length = u16::try_from(bytes.len()).map_err(Refusal::later)?;
    let framed: Vec<u8> = length.to_be_bytes().into_iter().chain(bytes).collect();
    stream.write_all(&framed).await.map_err(at)?;
    let length = stream.read_u16().await.map_err(at)?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await.map_err(at)?;
    let parsed = Message::from_vec(&answer).map_err(Refusal::later)?;
    if parsed.id != message.id {
        return Err(Refusal::later(format!("{server} answers something else")));
    }
    match parsed.response_code {
        ResponseCode::NoError => {}
        ResponseCode::NotAuth | ResponseCode::BADSIG | ResponseCode::BADKEY => {
            let why = "it does not take this key, or the clocks differ, or it is not the server of the zone";
            return Err(Refusal::Later(Some(SETTINGS), format!("{server}: {why}")));
        }
        code @ (ResponseCode::Refused | ResponseCode::NotZone | ResponseCode::FormErr) => {
            let why = format!("{server}: {code}; does it take updates of this name?");
            return Err(Refusal::Later(Some(SETTINGS), why));
        }
        code => return Err(Refusal::later(format!("{server}: {code}"))),
    }
    if let Some(mut verifier) = verifier {
        verifier.verify(&answer).map_err(|error| Refusal::later(format!("{server}: {error}")))?;
    }
    Ok(())
}

fn signer(key: &Key) -> Result<TSigner, Refusal> {
    let algorithm = match key.algorithm {
        Algorithm::Sha256 => TsigAlgorithm::HmacSha256,
        Algorithm::Sha384 => TsigAlgorithm::HmacSha384,
        Algorithm::Sha512 => TsigAlgorithm::HmacSha512,
    };
    let never = |error: &dyn std::fmt::Display| Refusal::Never(format!("the key: {error}"));
    let name = Name::from_ascii(&key.name).map_err(|error| never(&error))?;
    TSigner::new(key.secret.clone(), algorithm, name, FUDGE).map_err(|error| never(&error))
}
