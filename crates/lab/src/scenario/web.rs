//! A web server (nginx), and the services of dynamic DNS that it stands for: their answers are written down, but
//! what is asked of them is real.

use super::{Outcome, Scene, must};
use crate::served::Served;
use crate::sides::{SERVER, SERVERS, TO_SERVERS};
use portolan_testkit::network::{End, Host};
use std::fs;
use std::io;
use std::process::{Child, Stdio};

/// Starts it at 33.0.1.2 with these locations.
pub(super) fn nginx(scene: &Scene, host: &Host, locations: &str) -> io::Result<Child> {
    let settings = scene.file("nginx.conf");
    let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let places: String = places.iter().map(|name| format!("{name}_temp_path {name};")).collect();
    fs::write(
        &settings,
        format!(
            "user root root; daemon off; master_process off; pid nginx.pid; error_log stderr; events {{}}\n\
             http {{ {places} log_format asked '$request_method $request_uri $http_authorization $request_body';\n\
             access_log asked asked; default_type text/plain;\n\
             server {{ listen 33.0.1.2:80; {locations} }} }}"
        ),
    )?;
    let mut nginx = host.command("nginx");
    nginx.arg("-p").arg(scene.network.folder()).arg("-c").arg(settings);
    nginx.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Each service is asked once, in its own words.
pub(super) fn services(scene: &mut Scene) -> Outcome {
    let (server, asked) = start(
        scene,
        r#"
        location /nic/update { return 200 "good $arg_myip\n"; }
        location /duck { return 200 "OK"; }
        location /cloud/zones/z1/dns_records/r1 { return 200 '{"success":true,"errors":[],"result":{}}'; }
        location /cloud/zones/z1/dns_records {
          return 200 '{"success":true,"errors":[],"result":[{"id":"r1","content":"1.2.3.4","proxied":false}]}';
        }
        location /cloud/zones { return 200 '{"success":true,"errors":[],"result":[{"id":"z1"}]}'; }
        "#,
    )?;
    let settings = write(
        scene,
        "[[dynamic-dns]]\nname = \"ftp.example.org\"\nservice = \"dyndns2\"\nuser = \"anna\"\nsecret = \"secret\"\n\
         server = \"http://33.0.1.2/nic/update\"\n\
         [[dynamic-dns]]\nname = \"home.duckdns.org\"\nservice = \"duckdns\"\nsecret = \"token\"\n\
         server = \"http://33.0.1.2/duck\"\n\
         [[dynamic-dns]]\nname = \"www.example.com\"\nservice = \"cloudflare\"\nsecret = \"token\"\n\
         server = \"http://33.0.1.2/cloud\"\n",
    )?;
    for _ in 0..2 {
        let served = Served::start(&server, &scene.root(), &scene.file("state"), &["-c", &settings])?;
        served.wait_for("are told the address 22.0.1.2")?;
        super::wait_until("all are asked", || Ok(fs::read_to_string(&asked)?.lines().count() >= 5))?;
        served.stop()?;
    }
    let said = fs::read_to_string(&asked)?;
    let lines: Vec<&str> = said.lines().collect();
    let wanted = [
        "GET /nic/update?hostname=ftp.example.org&myip=22.0.1.2 Basic YW5uYTpzZWNyZXQ= -",
        "GET /duck?domains=home&token=token&ip=22.0.1.2 - -",
        "GET /cloud/zones?name=example.com Bearer token -",
        "GET /cloud/zones/z1/dns_records?type=A&name=www.example.com Bearer token -",
        "PATCH /cloud/zones/z1/dns_records/r1 Bearer token ",
    ];
    for line in wanted {
        let count = lines.iter().filter(|said| said.starts_with(line)).count();
        must(count == 1, &format!("`{line}` was asked {count} times:\n{said}"))?;
    }
    Ok(())
}

/// A service that says `abuse` is not asked again, after a restart neither, until the settings change.
pub(super) fn abuse(scene: &mut Scene) -> Outcome {
    let (server, asked) = start(scene, r#"location /nic/update { return 200 "abuse\n"; }"#)?;
    let table = |secret: &str| {
        format!(
            "[[dynamic-dns]]\nname = \"ftp.example.org\"\nservice = \"dyndns2\"\nuser = \"anna\"\nsecret = \"{secret}\"\n\
             server = \"http://33.0.1.2/nic/update\"\n"
        )
    };
    let times = |wanted: usize| -> Outcome {
        let count = fs::read_to_string(&asked)?.lines().count();
        must(count == wanted, &format!("it was asked {count} times, and not {wanted}"))
    };
    for (secret, text, wanted) in [
        ("one", "cannot be written: `abuse`", 1),
        ("one", "is not kept up to date: `abuse`", 1),
        ("two", "cannot be written: `abuse`", 2),
    ] {
        let settings = write(scene, &table(secret))?;
        let served = Served::start(&server, &scene.root(), &scene.file("state"), &["-c", &settings])?;
        served.wait_for(text)?;
        times(wanted)?;
    }
    Ok(())
}

/// A server with an address of its own, the services, and the file where they note what they are asked.
fn start(scene: &mut Scene, locations: &str) -> io::Result<(Host, std::path::PathBuf)> {
    let outsider = scene.outsider(1)?;
    let running = nginx(scene, &outsider, locations)?;
    scene.network.keep(running);
    let server = scene.network.host("server")?;
    let here = End(&server, "eth0", &SERVER[..1]);
    scene.network.link(&here, &End(&scene.internet, "servers", &SERVERS[..1]))?;
    server.route(&TO_SERVERS[..1])?;
    super::wait_until("the services listen", || {
        Ok(scene.client.connect(([33, 0, 1, 2], 80).into()).is_ok())
    })?;
    Ok((server, scene.file("asked")))
}

fn write(scene: &Scene, tables: &str) -> io::Result<String> {
    let file = scene.file("portolan.toml");
    fs::write(&file, format!("announce = \"interface\"\n{tables}"))?;
    Ok(file.display().to_string())
}
