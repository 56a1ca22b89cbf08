//! What comes over a data connection: no bytes panic, in any type, structure and mode.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portolan_wire::data::Decoder;
use portolan_wire::parameters::{Mode, Parameters, Representation, Structure};

fuzz_target!(|input: (u8, Vec<Vec<u8>>)| {
    let (choice, pieces) = input;
    let representations = [Representation::Ascii, Representation::Ebcdic, Representation::Image];
    let parameters = Parameters {
        representation: representations[usize::from(choice % 3)],
        structure: if choice & 64 == 0 { Structure::File } else { Structure::Record },
        mode: if choice & 128 == 0 { Mode::Stream } else { Mode::Block },
    };
    let mut decoder = Decoder::new(parameters, 0);
    let mut file = Vec::new();
    for piece in &pieces {
        if decoder.decode(piece, &mut file).is_err() {
            return;
        }
    }
    let _ = decoder.finish(&mut file);
    let sent: usize = pieces.iter().map(Vec::len).sum();
    assert!(file.len() <= sent + 1, "what comes is never much more than what was sent");
});
