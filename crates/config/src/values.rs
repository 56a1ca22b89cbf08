//! Values that are written as text, in the file and on the command line alike.

use portolan_net::ActivePort;
use std::ops::RangeInclusive;

/// Reads `50000-50099`, or one port.
///
/// # Errors
/// What is wrong and what to write.
pub fn parse_ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(first..=last),
        _ => Err(format!("`{text}` is no range of ports; write it like 50000-50099")),
    }
}

/// Reads `auto`, `any` or a port.
///
/// # Errors
/// What is wrong and what to write.
pub fn parse_active_port(text: &str) -> Result<ActivePort, String> {
    match text {
        "auto" => Ok(ActivePort::Auto),
        "any" => Ok(ActivePort::Any),
        _ => match text.parse() {
            Ok(port) if port > 0 => Ok(ActivePort::Fixed(port)),
            _ => Err(format!("`{text}` is no port; write auto, any, or a number from 1 to 65535")),
        },
    }
}
