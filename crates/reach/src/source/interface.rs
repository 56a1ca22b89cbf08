//! The address of an interface of this machine.

use crate::gateway::Gateway;
use if_addrs::IfAddr;
use std::net::Ipv4Addr;

pub(super) async fn ask(name: Option<&str>) -> Result<Ipv4Addr, String> {
    let Some(name) = name else {
        return Gateway::find().await.map(|gateway| gateway.own).map_err(|error| error.to_string());
    };
    let interfaces = if_addrs::get_if_addrs().map_err(|error| error.to_string())?;
    let own = interfaces.into_iter().filter(|interface| interface.name == name);
    let addresses = own.filter_map(|interface| match interface.addr {
        IfAddr::V4(v4) => Some(v4.ip),
        IfAddr::V6(_) => None,
    });
    addresses.into_iter().next().ok_or_else(|| format!("{name} has no IPv4 address"))
}
