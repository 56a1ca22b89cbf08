//! Lines out of bytes: any split gives the same lines, and memory is bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portolan_wire::{Command, Frame, LineBuffer};

fuzz_target!(|pieces: Vec<Vec<u8>>| {
    let (mut split, mut whole) = (LineBuffer::default(), LineBuffer::default());
    for piece in &pieces {
        split.push(piece);
    }
    whole.push(&pieces.concat());
    loop {
        let frame = split.next_frame();
        assert_eq!(frame, whole.next_frame());
        match frame {
            None | Some(Frame::Endless) => return,
            Some(Frame::Line(line)) => drop(Command::parse(&line)),
            Some(Frame::TooLong | Frame::Malformed) => {}
        }
    }
});
