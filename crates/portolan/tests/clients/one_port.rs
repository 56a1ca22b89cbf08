//! Data connections on the control port: stock clients, with many sessions at the same time.

use crate::scene::*;
use portolan_testkit::launch::{must_be_same_tree, must_run};
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

#[test]
fn trees_by_eight_sessions_at_once_over_tls() {
    // In the clear, a session that a client opens in the very moment of another's transfer cannot be told
    // from its data connection; over TLS it can.
    let scene = Scene::of(&["--one-port"]);
    scene.put_tree();
    let url = format!("ftp://127.0.0.1:{}", scene.port());
    let script = format!(
        "set ssl:verify-certificate no; set ftp:ssl-force yes; set ftp:ssl-allow-anonymous yes; \
         set ftp:ssl-protect-data yes; set cmd:fail-exit yes; open {url}; mirror -P 8 doc/curl down; \
         mirror -R -P 8 /usr/share/perl5/Debconf up"
    );
    must_run(scene.client("lftp").args(["-c", &script]));
    must_be_same_tree(&tree().join("curl"), &scene.local("down"));
    must_be_same_tree("/usr/share/perl5/Debconf".as_ref(), &scene.remote("up"));
    let password = String::from_utf8(must_run(scene.client("rclone").args(["obscure", "x"]))).unwrap();
    let mut rclone = scene.client("rclone");
    rclone
        .env("RCLONE_CONFIG_R_TYPE", "ftp")
        .env("RCLONE_CONFIG_R_HOST", "127.0.0.1")
        .env("RCLONE_CONFIG_R_PORT", scene.port())
        .env("RCLONE_CONFIG_R_USER", "anonymous")
        .env("RCLONE_CONFIG_R_PASS", password.trim())
        .args(["--config", "/dev/null", "--retries", "1", "--low-level-retries", "1", "--transfers", "8"])
        .args(["--ftp-explicit-tls", "--ftp-no-check-certificate", "copy", "r:doc/curl", "rclone"]);
    must_run(&mut rclone);
    must_be_same_tree(&tree().join("curl"), &scene.local("rclone"));
    let mut list = String::new();
    for number in 0..200 {
        fs::write(scene.remote(&format!("{number}")), format!("file {number}")).unwrap();
        list.push_str(&format!("url = {url}/{number}\noutput = \"{number}\"\n"));
    }
    fs::write(scene.local("list"), list).unwrap();
    must_run(scene.client("curl").args(["-sSk", "--ssl-reqd", "-Z", "--parallel-max", "8", "-K", "list"]));
    for number in 0..200 {
        assert_eq!(fs::read_to_string(scene.local(&format!("{number}"))).unwrap(), format!("file {number}"));
    }
}
