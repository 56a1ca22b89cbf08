//! Users that others know: in an LDAP directory, and by a web service.

use crate::{log_in, prepared};
use portolan_testkit::launch::{PATIENCE, Served, Talk, connect, free_ports, isolate, must_run};
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Somebody who is asked, until it is dropped.
struct Asked(Child);

impl Asked {
    /// Starts it, and waits until it is there.
    fn start(command: &mut Command, port: u16) -> Asked {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (asked, begun) = (Asked(child), Instant::now());
        while connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), None).is_err() {
            assert!(begun.elapsed() < PATIENCE, "{command:?}");
        }
        asked
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const SLAPD: &str = "\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile FOLDER/slapd.pid
disallow bind_anon
database mdb
maxsize 16777216
suffix dc=example,dc=org
rootdn cn=admin,dc=example,dc=org
rootpw manager
directory FOLDER/db
access to attrs=userPassword by anonymous auth by * none
access to * by * read
";

const PEOPLE: &str = "\
dn: dc=example,dc=org
objectClass: domain
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=anna,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
objectClass: posixAccount
uid: anna
cn: Anna
sn: A
uidNumber: 1000
gidNumber: 1000
homeDirectory: FOLDER/homes/anna
departmentNumber: cn=staff,ou=groups,dc=example,dc=org
departmentNumber: cn=choir,ou=groups,dc=example,dc=org
userPassword: secret

dn: uid=otto,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: otto
cn: Otto
sn: O
userPassword: secret
";

/// A directory with those people.
fn slapd(folder: &Path, port: u16) -> Asked {
    let at = |text: &str| text.replace("FOLDER", &folder.display().to_string());
    fs::create_dir_all(folder.join("db")).unwrap();
    fs::write(folder.join("slapd.conf"), at(SLAPD)).unwrap();
    fs::write(folder.join("people.ldif"), at(PEOPLE)).unwrap();
    let conf = folder.join("slapd.conf");
    must_run(Command::new("slapadd").arg("-f").arg(&conf).arg("-l").arg(folder.join("people.ldif")));
    let url = format!("ldap://127.0.0.1:{port}");
    Asked::start(Command::new("slapd").args(["-d", "0", "-h", &url, "-f"]).arg(&conf), port)
}

fn serve_with(ldap: u16, http: u16) -> Served {
    let text = format!(
        r#"
[[group]]
name = "staff"
speed-down = "1 GB/s"
mount = [{{ at = "/staff", folder = "staff", rights = "full" }}]

[[user]]
name = "kurt"
password = "SECRET"
root = "common"

[[login]]
ldap = "ldap://127.0.0.1:{ldap}"
base = "ou=people,dc=example,dc=org"
bind = "cn=admin,dc=example,dc=org"
bind-password-file = "manager"
folder-attribute = "homeDirectory"
rights = "full"
groups-attribute = "departmentNumber"
root = "common"

[[login]]
http = "http://127.0.0.1:{http}/login"
authorization = "Bearer word"
root = "common"

[[host]]
names = ["b.example"]
[[host.login]]
http = "http://127.0.0.1:{http}/login"
authorization = "Bearer word"
root = "special"
"#
    );
    let (folder, text) = prepared(&["common", "staff", "homes/anna", "special"], &text);
    fs::write(folder.path().join("manager"), "manager\n").unwrap();
    fs::write(folder.path().join("common/shared"), "").unwrap();
    Served::configured(env!("CARGO_BIN_EXE_portolan"), folder, &text)
}

fn names(talk: &mut Talk) -> String {
    let said = talk.ask("STAT /");
    let names = said.lines().filter(|line| line.contains("rw")).filter_map(|line| line.rsplit(' ').next());
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_directory_knows_who_it_is_and_what_they_see() {
    isolate();
    let (ldap, http) = (free_ports(1), free_ports(1));
    let served = serve_with(ldap, http);
    let mut early = served.talk();
    assert!(
        log_in(&mut early, "anna").starts_with("451"),
        "nobody answers yet, and that is no fault of hers"
    );
    let directory = slapd(served.folder.path(), ldap);
    let mut anna = served.talk();
    assert!(log_in(&mut anna, "anna").starts_with("230"));
    drop(anna.open_data("STOR mine"));
    assert!(anna.reply().starts_with("226"));
    assert!(served.folder.path().join("homes/anna/mine").exists(), "she sees her own home");
    assert!(
        anna.ask("MKD /staff/new").starts_with("257"),
        "and what her group sees; the other group is none here"
    );
    let mut otto = served.talk();
    assert!(log_in(&mut otto, "otto").starts_with("230"));
    assert_eq!(names(&mut otto), "shared", "he has no home there, and sees what all of them see");
    assert!(otto.ask("MKD x").starts_with("550"));
    // T25: a name is no part of a filter, and an empty password is none, though directories may think otherwise.
    for (name, password) in [
        ("anna", "wrong"),
        ("anna", ""),
        ("*", "secret"),
        ("an*", "secret"),
        ("anna)(uid=*", "secret"),
        ("otto)(|(uid=anna", "secret"),
        ("Anna", "secret"),
        ("kurt", "wrong"),
    ] {
        let mut talk = served.talk();
        talk.ask(&format!("USER {name}"));
        let said = talk.ask(&format!("PASS {password}"));
        // Who the directory does not know is asked of the service, which is not there.
        assert!(said.starts_with("530") || said.starts_with("451"), "{name}: {said}");
        assert_eq!(said.starts_with("451"), !matches!(name, "anna" | "kurt"), "{name}: {said}");
    }
    assert!(
        log_in(&mut served.talk(), "kurt").starts_with("230"),
        "who is in the file is asked of nobody else"
    );
    // Who cannot be looked up stays logged in.
    drop(directory);
    must_run(Command::new("kill").args(["-HUP", &served.pid().to_string()]));
    served.wait_for_log("cannot be looked up");
    assert!(anna.ask("NOOP").starts_with("200") && otto.ask("NOOP").starts_with("200"));
}

/// It knows Mia and her password, and gives her a folder of her own; it knows nobody else.
const SERVICE: &str = r#"
import http.server, json, os, sys
class Service(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = ""
        if self.headers["authorization"] != "Bearer word" or asked["address"] != "127.0.0.1":
            status = 500
        elif asked["user"] == "odd":
            status, answer = 200, '{"settings": {"nonsense": "1"}}'
        elif asked["user"] == "uma" and os.path.exists("FOLDER/uma"):
            status = 200
        elif asked["user"] != "mia":
            status = 404
        elif asked.get("password", "secret") != "secret":
            status = 401
        else:
            own = {"at": "/own", "folder": "FOLDER/special", "rights": "full"}
            status, answer = 200, json.dumps({"groups": ["staff"], "mounts": [own], "settings": {"sessions": "1"}})
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()
"#;

#[test]
fn a_web_service_is_asked_when_the_directory_does_not_know() {
    isolate();
    let (ldap, http) = (free_ports(1), free_ports(1));
    let served = serve_with(ldap, http);
    let folder = served.folder.path();
    let _directory = slapd(folder, ldap);
    fs::write(folder.join("service.py"), SERVICE.replace("FOLDER", &folder.display().to_string())).unwrap();
    let mut command = Command::new("python3");
    let _service = Asked::start(command.arg(folder.join("service.py")).arg(http.to_string()), http);
    let mut mia = served.talk();
    assert!(log_in(&mut mia, "mia").starts_with("230"));
    assert!(mia.ask("CWD /staff").starts_with("250") && mia.ask("CWD /own").starts_with("250"));
    let mut data = mia.open_data("STOR file");
    data.write_all(b"some").unwrap();
    drop(data);
    assert!(mia.reply().starts_with("226"));
    assert_eq!(fs::read(folder.join("special/file")).unwrap(), b"some");
    assert_eq!(names(&mut mia), "own shared staff", "what it does not say comes from the file");
    assert!(log_in(&mut served.talk(), "mia").starts_with("421"), "one session, it says");
    let mut wrong = served.talk();
    wrong.ask("USER mia");
    assert!(wrong.ask("PASS wrong").starts_with("530"));
    assert!(log_in(&mut served.talk(), "nobody").starts_with("530"));
    // A virtual host asks those that are written there.
    let mut there = served.talk();
    assert!(there.ask("HOST b.example").starts_with("220"));
    assert!(log_in(&mut there, "mia").starts_with("230"), "it is somebody else of this name");
    assert_eq!(names(&mut there), "file own staff");
    let mut anna = served.talk();
    anna.ask("HOST b.example");
    assert!(log_in(&mut anna, "anna").starts_with("530"), "the directory is asked for others");
    // Who is gone there is gone here, with the next look.
    let mut uma = served.talk();
    fs::write(folder.join("uma"), "").unwrap();
    assert!(log_in(&mut uma, "uma").starts_with("230"));
    fs::remove_file(folder.join("uma")).unwrap();
    must_run(Command::new("kill").args(["-HUP", &served.pid().to_string()]));
    assert!(uma.reply().starts_with("421 This account may not be used any more"));
    assert!(log_in(&mut served.talk(), "odd").starts_with("451"));
    served.wait_for_log("the answer makes no sense: `nonsense` is no setting");
}
