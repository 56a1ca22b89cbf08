//! How a machine is reached from outside: the address that the world knows it by, ports that routers lead to
//! it, holes in the machine's own firewall, and its name in the DNS.
//!
//! What this crate is not: it knows nothing of FTP, and opens no connection that carries files.

mod gateway;
mod outside;
mod scope;

pub mod ddns;
pub mod mapping;
pub mod pinhole;
pub mod source;

pub use gateway::Gateway;
pub use outside::{Near, Outside};
pub use scope::Scope;
