//! What travels over a data connection when it is not the plain bytes of the file: text types,
//! record structure, block mode (RFC 959 §3), deflated data (draft-preston-ftpext-deflate).
//!
//! An [`Encoder`] turns the bytes of a file into those of the wire, a [`Decoder`] the other way
//! round; both take their input in any pieces. What this module is not: it moves nothing.

mod block;
mod decode;
mod deflate;
mod ebcdic;
mod encode;
mod record;

pub use block::{Blocks, Marker, Piece};
pub use decode::{DecodeError, Decoder};
pub use encode::Encoder;
