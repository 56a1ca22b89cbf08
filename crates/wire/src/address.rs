//! The addresses that `PORT`, `PASV`, `EPRT`, `EPSV`, `LPRT` and `LPSV` carry.
//!
//! What this module is not: it does not decide whether an address may be used.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It does not have the form that the RFC gives.
    #[error("not of the form that the RFC gives")]
    Form,
    /// The form is right, but the network protocol is not one that FTP has here.
    #[error("the network protocol is not supported")]
    Family,
}

/// An IP address family, by its number in RFC 2428.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4, number 1.
    V4,
    /// IPv6, number 2.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// The number that `EPRT` and `EPSV` use (RFC 2428 §2).
    pub fn extended_number(self) -> u8 {
        match self {
            Family::V4 => 1,
            Family::V6 => 2,
        }
    }

    /// The number that `LPRT` and `LPSV` use (RFC 1639 §3).
    pub fn long_number(self) -> u8 {
        match self {
            Family::V4 => 4,
            Family::V6 => 6,
        }
    }
}

fn decimal<T: std::str::FromStr>(text: &str, digits: usize) -> Result<T, AddressError> {
    let valid = (1..=digits).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if valid { text.parse().map_err(|_| AddressError::Form) } else { Err(AddressError::Form) }
}

fn port(high: u8, low: u8) -> Result<u16, AddressError> {
    match u16::from_be_bytes([high, low]) {
        0 => Err(AddressError::Form),
        port => Ok(port),
    }
}

fn numbers(argument: &[u8]) -> Result<Vec<u8>, AddressError> {
    let text = std::str::from_utf8(argument).map_err(|_| AddressError::Form)?;
    text.split(',').take(64).map(|number| decimal(number, 3)).collect()
}

/// `h1,h2,h3,h4,p1,p2` of `PORT` and 227 (RFC 959 §4.1.2). The port is never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostPort {
    /// The address.
    pub address: Ipv4Addr,
    /// The port, 1 to 65535.
    pub port: u16,
}

impl HostPort {
    /// Reads six decimal numbers of one to three digits, nothing else.
    ///
    /// # Errors
    /// [`AddressError::Form`].
    pub fn parse(argument: &[u8]) -> Result<HostPort, AddressError> {
        match numbers(argument)?[..] {
            [a, b, c, d, high, low] => {
                Ok(HostPort { address: Ipv4Addr::new(a, b, c, d), port: port(high, low)? })
            }
            _ => Err(AddressError::Form),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.address.octets();
        let [high, low] = self.port.to_be_bytes();
        write!(f, "{a},{b},{c},{d},{high},{low}")
    }
}

/// `|family|address|port|` of `EPRT` (RFC 2428 §2). The port is never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedAddress {
    /// The address.
    pub address: IpAddr,
    /// The port, 1 to 65535.
    pub port: u16,
}

impl ExtendedAddress {
    /// Reads the argument of `EPRT`. The first byte, ASCII 33 to 126, is the delimiter.
    ///
    /// # Errors
    /// [`AddressError::Family`] for a protocol number other than 1 and 2, else [`AddressError::Form`].
    pub fn parse(argument: &[u8]) -> Result<ExtendedAddress, AddressError> {
        let text = std::str::from_utf8(argument).map_err(|_| AddressError::Form)?;
        let delimiter = text.chars().next().filter(char::is_ascii_graphic).ok_or(AddressError::Form)?;
        let fields: Vec<&str> = text.split(delimiter).take(6).collect();
        let ["", family, address, port, ""] = fields[..] else {
            return Err(AddressError::Form);
        };
        let address = match decimal::<u32>(family, 9)? {
            1 => IpAddr::V4(address.parse().map_err(|_| AddressError::Form)?),
            2 => IpAddr::V6(address.parse().map_err(|_| AddressError::Form)?),
            _ => return Err(AddressError::Family),
        };
        match decimal(port, 5)? {
            0 => Err(AddressError::Form),
            port => Ok(ExtendedAddress { address, port }),
        }
    }
}

impl fmt::Display for ExtendedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ExtendedAddress { address, port } = self;
        write!(f, "|{}|{address}|{port}|", Family::of(*address).extended_number())
    }
}

/// `af,hal,h1,…,pal,p1,…` of `LPRT` and 228 (RFC 1639 §3). The port is never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongAddress {
    /// The address.
    pub address: IpAddr,
    /// The port, 1 to 65535.
    pub port: u16,
}

impl LongAddress {
    /// Reads the argument of `LPRT`.
    ///
    /// # Errors
    /// [`AddressError::Family`] for an address family other than 4 and 6, else [`AddressError::Form`].
    pub fn parse(argument: &[u8]) -> Result<LongAddress, AddressError> {
        let numbers = numbers(argument)?;
        match numbers[..] {
            [4, 4, a, b, c, d, 2, high, low] => {
                Ok(LongAddress { address: Ipv4Addr::new(a, b, c, d).into(), port: port(high, low)? })
            }
            [6, 16, ref rest @ .., 2, high, low] => {
                let octets: [u8; 16] = rest.try_into().map_err(|_| AddressError::Form)?;
                Ok(LongAddress { address: Ipv6Addr::from(octets).into(), port: port(high, low)? })
            }
            [family, ..] if family != 4 && family != 6 => Err(AddressError::Family),
            _ => Err(AddressError::Form),
        }
    }
}

impl fmt::Display for LongAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = match self.address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        write!(f, "{},{}", Family::of(self.address).long_number(), octets.len())?;
        octets.iter().try_for_each(|octet| write!(f, ",{octet}"))?;
        let [high, low] = self.port.to_be_bytes();
        write!(f, ",2,{high},{low}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn t27_leftovers_in_port_are_refused() {
        assert!(HostPort::parse(b"127,0,0,1,4,1").is_ok());
        for bad in [
            "127,0,0,1,4,300",
            "127,0,0,1,4",
            "127,0,0,1,4,1,2",
            "127, 0,0,1,4,1",
            " 127,0,0,1,4,1",
            "0x7f,0,0,1,4,1",
            "127,0,0,1,0,0",
            "-1,0,0,1,4,1",
            "127,0,0,1,4,",
            "127.0.0.1,4,1",
            "",
            ",,,,,",
            "+1,0,0,1,4,1",
            "1270,0,0,1,4,1",
        ] {
            assert_eq!(HostPort::parse(bad.as_bytes()), Err(AddressError::Form), "{bad}");
        }
    }

    #[test]
    fn t27_leftovers_in_eprt_are_refused() {
        assert!(ExtendedAddress::parse(b"|1|127.0.0.1|2000|").is_ok());
        assert!(ExtendedAddress::parse(b"!2!::1!2000!").is_ok());
        assert_eq!(ExtendedAddress::parse(b"|3|127.0.0.1|2000|"), Err(AddressError::Family));
        for bad in [
            "|1|127.0.0.1|65536|",
            "|1|127.0.0.1|0|",
            "|1|::1|2000|",
            "|2|127.0.0.1|2000|",
            "|||||",
            "|",
            "",
            "|1|127.0.0.1|2000",
            "|1|127.0.0.1|2000||",
            " 1 127.0.0.1 2000 ",
            "|1|127.0.0.1| 2000|",
            "|2|fe80::1%eth0|2000|",
            "|1|010.0.0.1|2000|",
            "|99999999999999999999|127.0.0.1|2000|",
        ] {
            assert_eq!(ExtendedAddress::parse(bad.as_bytes()), Err(AddressError::Form), "{bad}");
        }
    }

    #[test]
    fn long_addresses_know_their_families() {
        assert_eq!(LongAddress::parse(b"5,4,1,2,3,4,2,8,8"), Err(AddressError::Family));
        for bad in [
            "4,4,1,2,3,4,2,8",
            "6,16,1,2,8,8",
            "4,5,1,2,3,4,2,8,8",
            "",
            "4,4,1,2,3,4,1,8,8",
            "4,4,1,2,3,4,2,0,0",
        ] {
            assert_eq!(LongAddress::parse(bad.as_bytes()), Err(AddressError::Form), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(v6: bool, bits: u128, port in 1u16..) {
            let v4 = Ipv4Addr::from(bits as u32);
            let address = if v6 { IpAddr::V6(bits.into()) } else { IpAddr::V4(v4) };
            let extended = ExtendedAddress { address, port };
            prop_assert_eq!(ExtendedAddress::parse(extended.to_string().as_bytes()), Ok(extended));
            let long = LongAddress { address, port };
            prop_assert_eq!(LongAddress::parse(long.to_string().as_bytes()), Ok(long));
            let short = HostPort { address: v4, port };
            prop_assert_eq!(HostPort::parse(short.to_string().as_bytes()), Ok(short));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = HostPort::parse(&bytes);
            let _ = ExtendedAddress::parse(&bytes);
            let _ = LongAddress::parse(&bytes);
        }
    }
}
