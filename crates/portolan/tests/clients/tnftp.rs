//! tnftp, the FTP client of the BSDs.

use crate::scene::*;
use portolan_testkit::launch::must_be_same_tree;
use std::fs::{self, File};

impl Scene {
    /// Types commands into tnftp and gives what it printed.
    fn tnftp(&self, host: &str, flags: &[&str], commands: &str) -> String {
        let mut client = self.client("tnftp");
        client.args(["-n", "-i", "-v"]).args(flags).args([host, &self.port()]);
        let script = self.local("script");
        fs::write(&script, format!("user anonymous x\nbinary\n{commands}\nbye\n")).unwrap();
        let output = client.stdin(File::open(&script).unwrap()).output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("221 "), "{said}");
        said
    }
}

#[test]
fn everything_in_every_mode_over_both_families() {
    let scene = Scene::new();
    fs::write(scene.local("bytes"), bytes()).unwrap();
    fs::write(scene.local("text"), text()).unwrap();
    let modes: &[(&str, &str)] = &[("127.0.0.1", "-p"), ("127.0.0.1", "-A"), ("::1", "-p"), ("::1", "-A")];
    for (host, mode) in modes {
        let said = scene.tnftp(
            host,
            &[mode],
            "mkdir a\ncd a\nput bytes\nappend bytes bytes\nget bytes down\nascii\nput text\nget text down.txt\nbinary\n\
             rename text moved\nsize moved\nmodtime moved\nls\nmls * names\npwd",
        );
        assert!(said.contains("moved"), "{said}");
        assert_eq!(fs::read(scene.remote("a/bytes")).unwrap(), [bytes(), bytes()].concat(), "{said}");
        scene.must_be_same("a/bytes", "down");
        scene.must_be_same("a/moved", "text");
        must_be_same(&scene.local("down.txt"), &scene.local("text"));
        let said = scene.tnftp(host, &[mode], "delete a/bytes\ndelete a/moved\nrmdir a");
        assert!(!scene.remote("a").exists(), "{said}");
    }
}

#[test]
fn resume_past_4_gib_both_ways() {
    let scene = Scene::new();
    make_large(&scene.remote("large"));
    make_large_part(&scene.local("large"));
    let said = scene.tnftp("127.0.0.1", &["-p"], "reget large");
    must_be_large(&scene.local("large"));
    assert!(said.contains("350 "), "{said}");
    fs::rename(scene.local("large"), scene.local("up")).unwrap();
    make_large_part(&scene.remote("up"));
    scene.tnftp("127.0.0.1", &["-p"], &format!("restart {}\nput up", LARGE - REST));
    must_be_large(&scene.remote("up"));
}

#[test]
fn a_tree_down_and_up_folder_by_folder() {
    let scene = Scene::new();
    scene.put_tree();
    let (mut down, mut up) = (String::from("mkdir /up\n"), String::new());
    fs::create_dir(scene.local("down")).unwrap();
    let mut folders = vec![tree().to_owned()];
    while let Some(folder) = folders.pop() {
        let name = folder.strip_prefix(tree()).unwrap().to_str().unwrap();
        fs::create_dir_all(scene.local("down").join(name)).unwrap();
        let mut files = false;
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files = true;
            }
        }
        let local = scene.local("down").join(name);
        down += &format!("cd \"/doc/{name}\"\nlcd \"{}\"\n", local.display());
        up += &format!("mkdir \"/up/{name}\"\ncd \"/up/{name}\"\nlcd \"{}\"\n", local.display());
        if files {
            // A folder is fetched too when the pattern takes it in; that fails and harms nothing.
            down += "mget *\n";
            up += "mput *\n";
        }
    }
    scene.tnftp("127.0.0.1", &["-p"], &down);
    must_be_same_tree(tree(), &scene.local("down"));
    scene.tnftp("127.0.0.1", &["-p"], &format!("mkdir /up\n{up}"));
    must_be_same_tree(tree(), &scene.remote("up"));
}
