//! Python's ftplib.

use crate::scene::*;
use portolan_testkit::launch::{must_be_same_tree, must_run};
use std::fs;

impl Scene {
    /// Runs a script in which `ftp` is logged in.
    fn python(&self, host: &str, passive: bool, script: &str) {
        let passive = if passive { "True" } else { "False" };
        let port = self.port();
        let head = format!(
            "import ftplib, io, os, sys\n\
             ftp = ftplib.FTP(encoding='latin-1', timeout=60)\n\
             ftp.connect('{host}', {port})\n\
             ftp.login()\n\
             ftp.set_pasv({passive})\n"
        );
        must_run(self.client("python3").arg("-c").arg(format!("{head}{script}\nftp.quit()\n")));
    }
}

#[test]
fn everything_in_every_mode_over_both_families() {
    let scene = Scene::new();
    fs::write(scene.local("bytes"), bytes()).unwrap();
    fs::write(scene.local("text"), text()).unwrap();
    for (host, passive) in [("127.0.0.1", true), ("127.0.0.1", false), ("::1", true), ("::1", false)] {
        scene.python(
            host,
            passive,
            r"
assert ftp.mkd('a') == '/a'
ftp.cwd('a')
assert ftp.pwd() == '/a'
ftp.storbinary('STOR bytes', open('bytes', 'rb'))
ftp.storbinary('APPE bytes', open('bytes', 'rb'))
ftp.storlines('STOR text', open('text', 'rb'))
lines = []
ftp.retrlines('RETR text', lines.append)
assert lines == open('text').read().splitlines()
ftp.rename('text', 'moved')
assert ftp.nlst() == ['bytes', 'moved'], ftp.nlst()
entries = dict(ftp.mlsd())
assert entries['moved']['type'] == 'file' and entries['moved']['size'] == str(os.path.getsize('text'))
ftp.voidcmd('TYPE I')
assert ftp.size('bytes') == 2 * os.path.getsize('bytes')
with open('down', 'wb') as down:
    ftp.retrbinary('RETR bytes', down.write)
with open('tail', 'wb') as tail:
    ftp.retrbinary('RETR bytes', tail.write, rest=os.path.getsize('bytes'))
ftp.delete('bytes')
ftp.delete('moved')
ftp.cwd('..')
ftp.rmd('a')
assert ftp.nlst() == []
",
        );
        assert_eq!(fs::read(scene.local("down")).unwrap(), [bytes(), bytes()].concat());
        must_be_same(&scene.local("tail"), &scene.local("bytes"));
    }
}

#[test]
fn resume_past_4_gib_both_ways() {
    let scene = Scene::new();
    make_large(&scene.remote("large"));
    make_large_part(&scene.local("down"));
    make_large_part(&scene.remote("up"));
    scene.python(
        "127.0.0.1",
        true,
        r"
start = os.path.getsize('down')
with open('down', 'ab') as down:
    ftp.retrbinary('RETR large', down.write, rest=start)
with open('down', 'rb') as up:
    up.seek(start)
    ftp.storbinary('STOR up', up, rest=start)
",
    );
    must_be_large(&scene.local("down"));
    must_be_large(&scene.remote("up"));
}

#[test]
fn a_tree_down_and_up() {
    let scene = Scene::new();
    scene.put_tree();
    scene.python(
        "127.0.0.1",
        true,
        r"
def down(remote, local):
    os.makedirs(local)
    for name, facts in list(ftp.mlsd(remote)):
        if facts['type'] == 'dir':
            down(remote + '/' + name, local + '/' + name)
        else:
            with open(local + '/' + name, 'wb') as file:
                ftp.retrbinary('RETR ' + remote + '/' + name, file.write)

def up(local, remote):
    ftp.mkd(remote)
    for entry in os.scandir(local):
        if entry.is_dir():
            up(entry.path, remote + '/' + entry.name)
        else:
            with open(entry.path, 'rb') as file:
                ftp.storbinary('STOR ' + remote + '/' + entry.name, file)

down('doc', 'down')
up('down', 'up')
",
    );
    must_be_same_tree(tree(), &scene.local("down"));
    must_be_same_tree(tree(), &scene.remote("up"));
}

#[test]
fn hard_names_survive() {
    let scene = Scene::new();
    put_hard_names(&scene.remote("names"));
    scene.python(
        "127.0.0.1",
        true,
        r"
# Latin-1 gives each byte a letter. A byte 255 is doubled on the control connection, as Telnet wants it.
telnet = lambda name: name.replace('\xff', '\xff\xff')
ftp.mkd('up')
for name in ftp.nlst('names'):
    data = io.BytesIO()
    ftp.retrbinary('RETR ' + telnet(name), data.write)
    base = name[len('names/'):]
    assert data.getvalue() == base.encode('latin-1'), name
    data.seek(0)
    ftp.storbinary('STOR up/' + telnet(base), data)
    ftp.voidcmd('TYPE I')
    assert ftp.size('up/' + telnet(base)) == len(base)
",
    );
    must_have_hard_names(&scene.remote("up"));
}
