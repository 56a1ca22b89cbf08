//! From where and when anybody may come, whoever it is.

use crate::{Hours, Networks};
use std::net::IpAddr;

/// From where and when anybody may come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// From where; without any, from everywhere.
    pub allow: Networks,
    /// From where not, though it be allowed.
    pub deny: Networks,
    /// When; without any, always.
    pub hours: Hours,
}

impl Access {
    /// Why nobody may come from an address; `None` where they may.
    pub fn refuses(&self, address: IpAddr) -> Option<String> {
        if let Some(network) = self.deny.find(address) {
            return Some(format!("{network} is denied"));
        }
        let elsewhere = !self.allow.is_empty() && self.allow.find(address).is_none();
        elsewhere.then(|| "it is not among the addresses that are allowed".to_owned())
    }
}
