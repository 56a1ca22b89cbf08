//! Real clients against the real program, on the loopback interface: log in, list, download, upload,
//! resume past 4 GiB, append, rename, delete, folders, whole trees; in active and passive mode, over
//! IPv4 and IPv6, binary and text.
#![allow(clippy::unwrap_used)]

mod curl;
mod ftplib;
mod lftp;
mod ncftp;
mod one_port;
mod rclone;
mod scene;
mod tnftp;
mod wget;
