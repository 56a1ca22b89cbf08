//! The load: clients that cost as little as they can, since they share the machine with the server. Every one blocks
//! on a thread of its own; data is thrown away in the kernel, and sent from it.

pub(crate) mod bulk;
pub(crate) mod client;
pub(crate) mod listing;
pub(crate) mod logins;
pub(crate) mod many;
pub(crate) mod small;
