//! Listeners, control and data connections, and the loops that move bytes.
//!
//! What this crate is not: it knows neither storage nor accounts nor what a command means.

pub mod active;
pub mod control;
pub mod dtp;
mod listen;
pub mod passive;
mod proxied;
mod socket;
mod stream;
pub mod tls;

pub use active::{Active, ActivePort};
pub use control::Control;
pub use listen::{Listener, is_no_ipv6};
pub use passive::{Direction, Newcomer, OnePort, PassivePool, Place, Secured};
pub use proxied::Proxies;
pub use socket::{KeepAlive, bind, listen};
pub use stream::{ConnectError, Guard, Stream};
