//! Data connections on the control port: stock clients, with many sessions at the same time.

use crate::scene::*;
use portolan_testkit::launch::{free_ports, must_be_same_tree, must_run};
use std::fs;

#[test]
fn single_files_by_every_client() {
    let scene = Scene::of(&["--one-port"]);
    assert!(scene.served.banner.contains("of the control connection"), "{}", scene.served.banner);
    assert!(
        scene.served.banner.contains(&format!("let in TCP port {};", scene.port())),
        "{}",
        scene.served.banner
    );
    fs::write(scene.remote("bytes"), bytes()).unwrap();
    let (port, url) = (scene.port(), format!("ftp://127.0.0.1:{}", scene.port()));
    let fetched = |name: &str| {
        scene.must_be_same("bytes", name);
        fs::remove_file(scene.local(name)).unwrap();
    };
    for mode in [&["--ftp-pasv"][..], &["--disable-epsv"]] {
        must_run(scene.client("curl").args(["-sS", "-o", "down", &format!("{url}/bytes")]).args(mode));
        fetched("down");
        for tls in ["1.2", "1.3"] {
            let mut curl = scene.client("curl");
            curl.args(["-sSk", "--ssl-reqd", "--tls-max", tls, "-o", "down", &format!("{url}/bytes")]);
            must_run(curl.args(mode));
            fetched("down");
        }
    }
    must_run(scene.client("wget").args(["-q", "-O", "down", &format!("{url}/bytes")]));
    fetched("down");
    must_run(scene.client("ncftpget").args(["-P", &port, "127.0.0.1", ".", "/bytes"]));
    fetched("bytes");
    must_run(scene.client("tnftp").args(["-V", "-o", "down", &format!("{url}/bytes")]));
    fetched("down");
}

/// How control connections are protected, and where they go.
#[derive(Clone, Copy, PartialEq)]
enum Tls {
    Off,
    Explicit,
    Implicit(u16),
}

#[test]
fn trees_by_eight_sessions_at_once_in_the_clear() {
    trees_by_eight_sessions_at_once(&Scene::of(&["--one-port"]), Tls::Off);
}

#[test]
fn trees_by_eight_sessions_at_once_over_tls() {
    trees_by_eight_sessions_at_once(&Scene::of(&["--one-port"]), Tls::Explicit);
}

#[test]
fn trees_by_eight_sessions_at_once_over_implicit_tls() {
    let port = free_ports(1);
    let scene = Scene::of(&["--one-port", "--listen-implicit", &format!("127.0.0.1:{port}")]);
    trees_by_eight_sessions_at_once(&scene, Tls::Implicit(port));
}

#[test]
fn single_files_over_implicit_tls() {
    let port = free_ports(1);
    let scene = Scene::of(&["--one-port", "--listen-implicit", &format!("127.0.0.1:{port}")]);
    fs::write(scene.remote("bytes"), bytes()).unwrap();
    fs::write(scene.remote("nothing"), "").unwrap();
    let url = format!("ftps://127.0.0.1:{port}");
    for tls in ["1.2", "1.3"] {
        for mode in [&["--ftp-pasv"][..], &["--disable-epsv"]] {
            for name in ["bytes", "nothing"] {
                let mut curl = scene.client("curl");
                curl.args(["-sSk", "--tls-max", tls, "-o", "down", &format!("{url}/{name}")]).args(mode);
                must_run(&mut curl);
                scene.must_be_same(name, "down");
                let mut curl = scene.client("curl");
                curl.args(["-sSk", "--tls-max", tls, "-T", "down", &format!("{url}/up")]).args(mode);
                must_run(&mut curl);
                scene.must_be_same("up", "down");
                fs::remove_file(scene.remote("up")).unwrap();
                fs::remove_file(scene.local("down")).unwrap();
            }
        }
        for clear in ["yes", "no"] {
            let script = format!(
                "set ssl:verify-certificate no; set cmd:fail-exit yes; set ftp:ssl-protect-data {clear}; \
                 set ssl:priority NORMAL:-VERS-ALL:+VERS-TLS{tls}; open {url}; \
                 get bytes -o down; put down -o up; get nothing -o less; put less -o none"
            );
            must_run(scene.client("lftp").args(["-c", &script]));
            scene.must_be_same("bytes", "down");
            scene.must_be_same("up", "down");
            scene.must_be_same("none", "less");
            for file in ["down", "less"] {
                fs::remove_file(scene.local(file)).unwrap();
            }
            for file in ["up", "none"] {
                fs::remove_file(scene.remote(file)).unwrap();
            }
        }
    }
}

fn trees_by_eight_sessions_at_once(scene: &Scene, tls: Tls) {
    scene.put_tree();
    let (scheme, port) = match tls {
        Tls::Off | Tls::Explicit => ("ftp", scene.port()),
        Tls::Implicit(port) => ("ftps", port.to_string()),
    };
    let url = format!("{scheme}://127.0.0.1:{port}");
    let word = if tls == Tls::Off { "no" } else { "yes" };
    let script = format!(
        "set ssl:verify-certificate no; set ftp:ssl-allow {word}; set ftp:ssl-force {word}; \
         set ftp:ssl-allow-anonymous {word}; set ftp:ssl-protect-data {word}; set cmd:fail-exit yes; open {url}; \
         mirror -P 8 doc/curl down; mirror -R -P 8 /usr/share/perl5/Debconf up"
    );
    must_run(scene.client("lftp").args(["-c", &script]));
    must_be_same_tree(&tree().join("curl"), &scene.local("down"));
    must_be_same_tree("/usr/share/perl5/Debconf".as_ref(), &scene.remote("up"));
    let password = String::from_utf8(must_run(scene.client("rclone").args(["obscure", "x"]))).unwrap();
    for (from, to) in [("r:doc/curl", "rclone"), ("rclone", "r:again")] {
        let mut rclone = scene.client("rclone");
        rclone
            .env("RCLONE_CONFIG_R_TYPE", "ftp")
            .env("RCLONE_CONFIG_R_HOST", "127.0.0.1")
            .env("RCLONE_CONFIG_R_PORT", &port)
            .env("RCLONE_CONFIG_R_USER", "anonymous")
            .env("RCLONE_CONFIG_R_PASS", password.trim())
            .env("RCLONE_CONFIG_R_EXPLICIT_TLS", (tls == Tls::Explicit).to_string())
            .env("RCLONE_CONFIG_R_TLS", matches!(tls, Tls::Implicit(_)).to_string())
            .args([
                "--config",
                "/dev/null",
                "--transfers",
                "8",
                "--ftp-no-check-certificate",
                "copy",
                from,
                to,
            ]);
        must_run(&mut rclone);
    }
    must_be_same_tree(&tree().join("curl"), &scene.local("rclone"));
    must_be_same_tree(&tree().join("curl"), &scene.remote("again"));
    let mut list = String::new();
    for number in 0..200 {
        fs::write(scene.remote(&format!("{number}")), format!("file {number}")).unwrap();
        list.push_str(&format!("url = {url}/{number}\noutput = \"{number}\"\n"));
    }
    fs::write(scene.local("list"), list).unwrap();
    let mut curl = scene.client("curl");
    curl.args(["-sSk", "-Z", "--parallel-max", "8", "-K", "list"]);
    must_run(if tls == Tls::Explicit { curl.arg("--ssl-reqd") } else { &mut curl });
    for number in 0..200 {
        assert_eq!(fs::read_to_string(scene.local(&format!("{number}"))).unwrap(), format!("file {number}"));
    }
}
