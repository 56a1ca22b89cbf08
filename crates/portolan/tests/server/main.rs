//! The real program, driven by hand over real sockets: what no stock client does.
#![allow(clippy::unwrap_used)]

mod active;
mod command_line;
mod control;
mod deflate;
mod holes;
mod passive;
mod shutdown;
mod transfers;
mod uploads;

use portolan_testkit::launch::Served;

/// A server on a new folder.
fn serve(arguments: &[&str]) -> Served {
    Served::start(env!("CARGO_BIN_EXE_portolan"), arguments)
}
