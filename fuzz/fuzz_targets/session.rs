//! Whole sessions: whatever a client sends on either connection, nothing panics and nothing is left.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portolan_proto::server::Settings;
use portolan_testkit::world::World;
use std::time::Duration;

fuzz_target!(|acts: Vec<(u8, Vec<u8>)>| {
    let settings = Settings::default();
    let mut world = World::new(settings, "192.0.2.9:4000".parse().unwrap());
    world.put("a", b"some text\n");
    world.send(b"USER anna\r\nPASS right\r\n");
    for (act, bytes) in acts.into_iter().take(64) {
        match act % 8 {
            0..=2 => world.send(&[&bytes[..], b"\r\n"].concat()),
            3 => world.send(&bytes),
            4 => drop(world.connect()),
            5 => drop(world.with_data(|data| data.from_client.extend(bytes))),
            6 => drop(world.with_data(|data| data.client_ended = true)),
            _ => world.wait(Duration::from_secs(bytes.len() as u64)),
        }
    }
    world.hang_up();
    world.wait(Duration::from_secs(24 * 3600));
    assert!(world.closed);
    world.cut();
    assert!(world.is_clean());
});
