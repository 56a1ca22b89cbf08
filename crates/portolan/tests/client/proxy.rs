//! The client through other people's proxies.

use crate::scene::{Scene, Which};
use portolan_testkit::launch::free_ports;
use portolan_testkit::peers::Peer;
use portolan_testkit::proxies::Proxy;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const SERVERS: [Which; 2] = [Which::Portolan, Which::Other(Peer::Vsftpd)];

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 509) as u8).collect()
}

/// Lists, fetches and stores by a proxy. What a transcript says in each of them.
fn round(scene: &Scene, proxy: &str, host: &str, how: &[&str]) -> String {
    let what = format!("{proxy} {host} {how:?}");
    let url = |path: &str| scene.url(path).replace("localhost", host);
    let run = |command: &[&str]| {
        let more = ["-v", "--retries", "0", "--proxy", proxy];
        let (code, out, said) = scene.try_run(&[command, &more, how].concat());
        assert_eq!(code, 0, "{what} {command:?}: {said}");
        assert!(!said.contains("secret"), "{what}: {said}");
        (out, said)
    };
    let (own, whole) = (scene.own.path(), content(1_000_000));
    fs::write(own.join("up"), &whole).unwrap();
    run(&["put", "up", &url("file")]);
    assert!(fs::read(scene.root().join("file")).unwrap() == whole, "{what}");
    let (listed, said) = run(&["ls", &url("")]);
    assert_eq!(listed, "file\n", "{what}");
    run(&["get", &url("file"), "-o", "down"]);
    assert!(fs::read(own.join("down")).unwrap() == whole, "{what}");
    said
}

/// With both servers, in the clear and by TLS, where the certificate is good for the name of the server.
fn carried(proxy: Proxy, urls: &[&str]) {
    for which in SERVERS {
        let scene = Scene::new(which);
        let running = proxy.start();
        for url in urls {
            let url = url.replace("PORT", &running.port.to_string());
            let shown = url.replace("anna:secret@", "");
            let shown = if shown.contains("://") { shown } else { format!("http://{shown}") };
            // That proxy knows no names by this protocol.
            let all = ["127.0.0.1", "localhost"];
            for host in if url.starts_with("socks4a") { &all[..1] } else { &all } {
                let tls = if *host == "localhost" { "required" } else { "off" };
                let said = round(&scene, &url, host, &["--tls", tls]);
                let through = format!("* through {shown} to ");
                let place = format!("{host}:{}", scene.port);
                let local = url.starts_with("socks4:") || url.starts_with("socks5:");
                // Where names are looked up here, the proxy is told an address.
                assert!(said.contains(&through) && (local || said.contains(&(through + &place))), "{said}");
                assert!(local || said.contains(&format!("* data connection to {host}:")), "{said}");
            }
        }
    }
}

#[test]
fn socks_carries_both_connections() {
    carried(
        Proxy::Dante,
        &[
            "socks4://127.0.0.1:PORT",
            "socks4a://127.0.0.1:PORT",
            "socks5://127.0.0.1:PORT",
            "socks5h://127.0.0.1:PORT",
        ],
    );
}

#[test]
fn socks_with_a_login_carries_both_connections() {
    carried(
        Proxy::MicroSocks,
        &["socks5://anna:secret@127.0.0.1:PORT", "socks5h://anna:secret@127.0.0.1:PORT"],
    );
}

#[test]
fn http_carries_both_connections() {
    carried(Proxy::Tinyproxy, &["http://127.0.0.1:PORT", "127.0.0.1:PORT"]);
    carried(Proxy::TinyproxyWithLogin, &["http://anna:secret@127.0.0.1:PORT"]);
}

#[test]
fn an_ftp_proxy_goes_on_to_the_server() {
    // vsftpd asks guests here for no password, and the proxy does not see then that they are logged in.
    for which in [Which::Portolan, Which::Other(Peer::PureFtpd)] {
        let scene = Scene::new(which);
        for (proxy, login) in [(Proxy::ProFtpd, ""), (Proxy::ProFtpdWithLogin, "anna:secret@")] {
            let running = proxy.start();
            for mode in ["passive", "active"] {
                let url = format!("ftp://{login}127.0.0.1:{}", running.port);
                let said = round(&scene, &url, "127.0.0.1", &["--tls", "off", "--mode", mode]);
                assert_eq!(said.contains("* waiting for a data connection"), mode == "active", "{said}");
                let user = format!("> USER {}@127.0.0.1:{}", scene.user.0, scene.port);
                assert!(said.contains(&user), "{mode}: {said}");
                assert_eq!(said.contains("> USER anna\n"), !login.is_empty(), "{said}");
            }
        }
    }
}

#[test]
fn tls_is_with_an_ftp_proxy() {
    let scene = Scene::new(Which::Portolan);
    let both = scene.own.path().join("both.pem");
    // It does not want to be read by others.
    fs::set_permissions(&both, fs::Permissions::from_mode(0o600)).unwrap();
    let running = Proxy::ProFtpdWithLogin.start_with(&both);
    let proxy = format!("ftp://anna:secret@localhost:{}", running.port);
    let said = round(&scene, &proxy, "127.0.0.1", &["--tls", "required"]);
    let (begun, login) = (said.find("* TLS 1.3").unwrap(), said.find("> USER anna\n").unwrap());
    assert!(begun < login, "{said}");
    // What the server offers is nothing, if the proxy does not.
    let plain = Proxy::ProFtpd.start();
    let proxy = format!("ftp://127.0.0.1:{}", plain.port);
    let (code, _, said) = scene.try_run(&["ls", "--proxy", &proxy, "--tls", "required", &scene.url("")]);
    assert!(code == 5 && said.contains("AUTH"), "{said}");
}

#[test]
fn a_proxy_that_says_no_is_heard() {
    let scene = Scene::new(Which::Portolan);
    let nobody = free_ports(1);
    let (dante, micro) = (Proxy::Dante.start_closed(), Proxy::MicroSocks.start());
    let (tiny, login) = (Proxy::Tinyproxy.start_closed(), Proxy::TinyproxyWithLogin.start());
    let ftp = Proxy::ProFtpdWithLogin.start();
    let ports = [("DANTE", dante.port), ("MICRO", micro.port), ("TINY", tiny.port), ("LOGIN", login.port)];
    let say = |proxy: &str, port: u16, text: &str, more: &[&str], wanted: i32| {
        let mut proxy = proxy.to_owned();
        for (name, port) in ports.into_iter().chain([("NOBODY", nobody), ("FTP", ftp.port)]) {
            proxy = proxy.replace(name, &format!("127.0.0.1:{port}"));
        }
        let url = format!("ftp://127.0.0.1:{port}/");
        let (code, _, said) = scene.try_run(&[&["ls", "--proxy", &proxy, &url], more].concat());
        assert_eq!(code, wanted, "{proxy}: {said}");
        assert!(said.contains(text) && !said.contains("secret"), "{proxy}: {said}");
    };
    let server = scene.port;
    // It may not go there.
    say("socks5://DANTE", server, "the proxy socks5://127.0.0.1:", &[], 3);
    say("socks5://DANTE", server, "not allowed by ruleset", &[], 3);
    say("socks4://DANTE", server, "it cannot connect", &[], 3);
    say("http://TINY", server, "it refuses: 403", &[], 3);
    // There is nobody.
    say("socks5://anna:secret@MICRO", nobody, "it cannot connect: Connection refused", &[], 3);
    say("http://LOGIN", nobody, "it does not take the login: 407", &[], 3);
    say("http://anna:secret@LOGIN", nobody, "it cannot connect: 500", &[], 3);
    // Wrong passwords, and none.
    say("socks5://anna:secret2@MICRO", server, "it does not take the login", &[], 3);
    say("socks5://MICRO", server, "it does not take the login", &[], 3);
    say("http://anna:secret2@LOGIN", server, "it does not take the login: 401", &[], 3);
    say("ftp://anna:secret2@FTP", server, "logging in to the proxy: 530", &[], 3);
    // Something else is there, or nothing.
    say("http://MICRO", server, "the proxy http://127.0.0.1:", &[], 3);
    say("socks5://TINY", server, "the proxy socks5://127.0.0.1:", &["--timeout", "5"], 3);
    say("socks5://NOBODY", server, "refused", &[], 3);
    // What cannot be.
    say("socks5://DANTE", server, "--mode active needs --proxy none", &["--mode", "active"], 2);
    say("quic://anna:secret@DANTE", server, "--proxy: a proxy is socks4://", &[], 2);
    say("none", server, "", &[], 0);
}

#[test]
fn the_environment_names_a_proxy() {
    let scene = Scene::new(Which::Portolan);
    let micro = Proxy::MicroSocks.start();
    let ls = |variables: &[(&str, &str)], more: &[&str]| {
        let mut command = scene.command(&[&["ls", "-v", &scene.url("")], more].concat());
        for name in ["ftp_proxy", "FTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
            command.env_remove(name);
        }
        let output = command.envs(variables.iter().copied()).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let proxy = format!("socks5h://anna:secret@127.0.0.1:{}", micro.port);
    let (through, nowhere) = ("* through socks5h://127.0.0.1:", ("all_proxy", "socks5h://127.0.0.1:1"));
    let (code, said) = ls(&[("ftp_proxy", &proxy), nowhere], &[]);
    assert!(code == 0 && said.contains(through) && !said.contains("secret"), "{said}");
    let (code, said) = ls(&[("ALL_PROXY", &proxy)], &[]);
    assert!(code == 0 && said.contains(through), "{said}");
    assert_eq!(ls(&[nowhere], &[]).0, 3);
    for (variables, more) in [
        (&[nowhere, ("no_proxy", "x,localhost")][..], &[][..]),
        (&[nowhere], &["--proxy", "none"]),
        (&[], &[]),
    ] {
        let (code, said) = ls(variables, more);
        assert!(code == 0 && !said.contains("* through"), "{said}");
    }
    // What was said on the command line counts, whatever else there is.
    let (code, said) = ls(&[nowhere, ("no_proxy", "*")], &["--proxy", &proxy]);
    assert!(code == 0 && said.contains(through), "{said}");
}
