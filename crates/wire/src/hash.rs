//! Names of the checksums that `HASH` and its older kin compute.

/// A checksum algorithm, by its IANA name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// CRC-32 as in Ethernet and zip.
    Crc32,
    /// MD5: for comparison only, not against forgery.
    Md5,
    /// SHA-1: for comparison only, not against forgery.
    Sha1,
    /// SHA-256: the default of `HASH`.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// All algorithms, the default of `HASH` first.
    pub const ALL: &[Algorithm] =
        &[Algorithm::Sha256, Algorithm::Sha512, Algorithm::Sha1, Algorithm::Md5, Algorithm::Crc32];

    /// The name on the wire (draft-bryan-ftpext-hash §3).
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "CRC32",
            Algorithm::Md5 => "MD5",
            Algorithm::Sha1 => "SHA-1",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512 => "SHA-512",
        }
    }

    /// Finds an algorithm by its name in any case.
    pub fn parse(name: &[u8]) -> Option<Algorithm> {
        Algorithm::ALL
            .iter()
            .copied()
            .find(|algorithm| algorithm.as_str().as_bytes().eq_ignore_ascii_case(name))
    }

    /// All names, with a star at the chosen one: the line in `FEAT`.
    pub fn feature(self) -> String {
        let star = |algorithm| if algorithm == self { "*" } else { "" };
        Algorithm::ALL
            .iter()
            .map(|algorithm| format!("{}{};", algorithm.as_str(), star(*algorithm)))
            .collect()
    }
}
