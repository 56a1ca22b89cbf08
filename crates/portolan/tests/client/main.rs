//! The client, with real servers at the other end: Portolan's own and other people's.
#![allow(clippy::unwrap_used)]

mod ahead;
mod bookmarks;
mod charset;
mod commands;
mod fxp;
mod library;
mod mirror;
mod odd;
mod proxy;
mod scene;
mod shell;
mod terminal;
mod trust;
mod vms;
