//! Every parser of an argument: no bytes panic, and what is written is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portolan_wire::facts::FactSet;
use portolan_wire::hash::Algorithm;
use portolan_wire::list::Options;
use portolan_wire::parameters::{Mode, Representation, Structure};
use portolan_wire::{ExtendedAddress, HostPort, LongAddress, Timestamp, VirtualPath, pattern};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(address) = HostPort::parse(bytes) {
        assert_eq!(HostPort::parse(address.to_string().as_bytes()), Ok(address));
    }
    if let Ok(address) = ExtendedAddress::parse(bytes) {
        assert_eq!(ExtendedAddress::parse(address.to_string().as_bytes()), Ok(address));
    }
    if let Ok(address) = LongAddress::parse(bytes) {
        assert_eq!(LongAddress::parse(address.to_string().as_bytes()), Ok(address));
    }
    if let Ok(path) = VirtualPath::root().join(bytes) {
        assert!(path.components().all(|part| part != b".."));
        assert_eq!(VirtualPath::root().join(path.as_bytes()), Ok(path));
    }
    if let Some(time) = Timestamp::parse(bytes) {
        assert!(Timestamp::parse(time.to_fact().as_bytes()).is_some());
    }
    let (pattern, name) = bytes.split_at(bytes.len() / 2);
    pattern::matches(pattern, name);
    let _ = (Options::parse(bytes), FactSet::parse(bytes), Algorithm::parse(bytes));
    let _ = (Representation::parse(bytes), Structure::parse(bytes), Mode::parse(bytes));
});
