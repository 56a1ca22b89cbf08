//! What a hostile client cannot do from real networks: the holes T01, T03, T04 and T32.

use super::talk::Talk;
use super::{Outcome, Scene, must};
use crate::served::Served;
use crate::sides::rules::{HELPER, forward};
use crate::sides::{CONTROL, PUBLIC, SERVER, SERVERS, TO_SERVERS, behind_nat};
use portolan_testkit::network::{End, Host};
use std::io::{self, Read};

/// The rule that counts what opens a connection to anybody but the client.
const COUNTED: &str = "counter packets 0 bytes 0";

/// Commands that name another host, a port that is none of theirs, or this very server: all are refused, and no
/// packet leaves.
pub(super) fn third_host(scene: &mut Scene) -> Outcome {
    let (server, _served) = open_server(scene, &[])?;
    let _third = scene.outsider(1)?;
    server.rules(
        "table inet count { chain out { type filter hook output priority 0;
           tcp flags & (syn | ack) == syn ip daddr != 11.0.1.2 counter
           tcp flags & (syn | ack) == syn ip daddr 11.0.1.2 tcp dport < 1024 counter
           tcp flags & (syn | ack) == syn meta nfproto ipv6 counter
         }
         }",
    )?;
    let mut talk = Talk::log_in(&scene.client, &format!("{PUBLIC}:{CONTROL}"))?;
    let port = CONTROL.to_be_bytes();
    for address in ["33,0,1,2", "127,0,0,1", "22,0,1,2", "22,0,1,255", "0,0,0,0", "169,254,1,1", "224,0,0,1"]
    {
        for port in [[0x1f, 0x90], port, [0, 22]] {
            refused(&mut talk, &format!("PORT {address},{},{}", port[0], port[1]))?;
            let dotted = address.replace(',', ".");
            refused(&mut talk, &format!("EPRT |1|{dotted}|{}|", u16::from_be_bytes(port)))?;
            refused(&mut talk, &format!("EPRT |2|::ffff:{dotted}|{}|", u16::from_be_bytes(port)))?;
        }
    }
    refused(&mut talk, "PORT 11,0,1,2,0,22")?;
    refused(&mut talk, "LPRT 4,4,33,0,1,2,2,31,144")?;
    refused(&mut talk, "EPRT |2|::1|8080|")?;
    let rules = server.shown("list chain inet count out")?;
    must(rules.matches(COUNTED).count() == 3, &format!("a packet left: {rules}"))?;
    // The counters count: the client itself is connected to.
    let counted = "add rule inet count out tcp flags & (syn | ack) == syn ip daddr 11.0.1.2 counter";
    server.shown(counted)?;
    talk.ask("PORT 11,0,1,2,31,144")?;
    talk.ask("LIST")?;
    talk.reply()?;
    let rules = server.shown("list chain inet count out")?;
    must(rules.matches(COUNTED).count() == 3, &format!("nothing is counted: {rules}"))
}

fn refused(talk: &mut Talk, command: &str) -> Outcome {
    let reply = talk.ask(command)?;
    must(reply.starts_with('5'), &format!("{command}: {reply}"))?;
    // Nor does a transfer connect there that is tried all the same.
    let reply = talk.ask("NLST")?;
    let reply = if reply.starts_with('1') { talk.reply()? } else { reply };
    must(reply.starts_with('4') || reply.starts_with('5'), &format!("NLST after {command}: {reply}"))
}

/// A third host that is first at the passive port gets nothing, and the client does.
pub(super) fn theft(scene: &mut Scene) -> Outcome {
    let (_server, _served) = open_server(scene, &[])?;
    let third = scene.outsider(1)?;
    std::fs::write(scene.root().join("file"), "secret")?;
    let mut talk = Talk::log_in(&scene.client, &format!("{PUBLIC}:{CONTROL}"))?;
    for _ in 0..5 {
        let place = talk.passive()?;
        let mut thief = third.connect(place.into())?;
        let mut own = scene.client.connect(place.into())?;
        talk.ask("RETR file")?;
        let mut got = String::new();
        own.read_to_string(&mut got)?;
        must(got == "secret", "the client does not get the file")?;
        let stolen = thief.read(&mut [0; 8]).unwrap_or(0);
        must(stolen == 0, "a third host gets the file")?;
        talk.reply()?;
    }
    Ok(())
}

/// Thousands of passive ports are asked for, and none is used.
pub(super) fn exhaustion(scene: &mut Scene) -> Outcome {
    let (_server, _served) = open_server(scene, &["--passive-ports", "50000-50003"])?;
    let other = scene.outsider(1)?;
    let mut talk = Talk::log_in(&other, &format!("{PUBLIC}:{CONTROL}"))?;
    for _ in 0..10_000 {
        talk.passive()?;
    }
    scene.must_transfer()?;
    must(talk.ask("NOOP")?.starts_with("200"), "the session itself is gone")
}

/// Words of a client that look like a reply open nothing in a router that reads along.
pub(super) fn slipstream(scene: &mut Scene) -> Outcome {
    let server = scene.network.host("server")?;
    let router = behind_nat(&mut scene.network, &scene.internet, &server, "10.20.0.2/24")?;
    router.rules(&forward("wan", &CONTROL.to_string(), "10.20.0.2"))?;
    router.rules(HELPER)?;
    let _served = Served::start::<&str>(&server, &scene.root(), &scene.file("state"), &[])?;
    let mut talk = Talk::log_in(&scene.client, &format!("{PUBLIC}:{CONTROL}"))?;
    let bait = "227 Entering Passive Mode (10,20,0,2,0,22)";
    for verb in ["MKD", "CWD", "RNFR", "SIZE", "STAT", "MLST", "RMD", "SITE", "HELP", "USER", "XYZ", "HOST"] {
        talk.ask(&format!("{verb} {bait}"))?;
        must(expected(&router)? == 0, &format!("{verb} opened a port in the router"))?;
        talk.ask(&format!("{verb} {bait}\r"))?;
        must(expected(&router)? == 0, &format!("{verb} opened a port in the router"))?;
    }
    // It does read along.
    let mut talk = Talk::log_in(&scene.client, &format!("{PUBLIC}:{CONTROL}"))?;
    talk.passive()?;
    must(expected(&router)? == 1, "the router does not read along")
}

/// Connections that a router lets in since it was told of them.
fn expected(router: &Host) -> io::Result<usize> {
    let output = router.command("conntrack").args(["-L", "expect"]).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().count())
}

fn open_server(scene: &mut Scene, settings: &[&str]) -> io::Result<(Host, Served)> {
    let server = scene.network.host("server")?;
    scene.network.link(&End(&server, "eth0", SERVER), &End(&scene.internet, "servers", SERVERS))?;
    server.route(TO_SERVERS)?;
    let served = Served::start(&server, &scene.root(), &scene.file("state"), settings)?;
    Ok((server, served))
}
