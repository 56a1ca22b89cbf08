//! Every verb with every right, from the table of verbs: in a mount, in its subfolders, and outside of it. What is
//! needed for what stands in `portolan_server::needs`, and what is refused must change nothing, and must not tell what
//! there is (T13, T14).
#![allow(clippy::unwrap_used)]

use futures_util::FutureExt;
use portolan_proto::server::{VERBS, When};
use portolan_server::needs::{Need, Place, needs};
use portolan_testkit::world::World;
use portolan_vfs::{Memory, Mount, Right, Rights, Vfs, Write};
use portolan_wire::{Verb, VirtualPath};
use std::sync::Arc;
use std::time::Duration;

fn path(name: &str) -> VirtualPath {
    VirtualPath::root().join(name.as_bytes()).unwrap()
}

/// What is mounted at `/in`: in it and in `sub` a file `x`, another `y`, and folders `dir` and `full`.
fn disk() -> Memory {
    let disk = Memory::new();
    async {
        for folder in ["/", "/sub"] {
            let folder = path(folder);
            if !folder.is_root() {
                disk.make_directory(&folder).await.unwrap();
            }
            for name in ["dir", "full"] {
                disk.make_directory(&folder.join(name.as_bytes()).unwrap()).await.unwrap();
            }
            for name in ["x", "y", "full/z"] {
                let mut file = disk.write(&folder.join(name.as_bytes()).unwrap(), Write::New).await.unwrap();
                file.begin().await.unwrap();
                file.write(b"text".to_vec()).await.unwrap();
                file.commit().await.unwrap();
            }
        }
    }
    .now_or_never()
    .unwrap();
    disk
}

/// Everything on it: names and lengths.
fn inventory(disk: &Memory) -> Vec<(String, u64)> {
    let walk = async {
        let (mut found, mut folders) = (Vec::new(), vec![VirtualPath::root()]);
        while let Some(folder) = folders.pop() {
            let mut entries = disk.list(&folder).await.unwrap();
            loop {
                let batch = entries.next_batch().await.unwrap();
                if batch.is_empty() {
                    break;
                }
                for entry in batch {
                    let path = folder.child(&entry.name).unwrap();
                    found.push((path.to_string(), entry.size));
                    folders.extend(entry.is_directory().then_some(path));
                }
            }
        }
        found.sort();
        found
    };
    walk.now_or_never().unwrap()
}

fn world(disk: &Memory, rights: Rights, subfolders: bool) -> World {
    let settings = portolan_proto::server::Settings::default();
    let mut world = World::new(settings, "192.0.2.9:4000".parse().unwrap());
    world.mounts = vec![Mount { at: path("/in"), storage: Arc::new(disk.clone()), rights, subfolders }];
    world.send(b"USER anna\r\nPASS right\r\nTYPE I\r\nEPSV\r\n");
    world
}

/// The last reply to a line, after all that comes of it.
fn ask(world: &mut World, line: &str) -> String {
    world.replies.clear();
    world.send(format!("{line}\r\n").as_bytes());
    world.connect();
    world.with_data(|data| {
        data.from_client.extend_from_slice(b"new");
        data.client_ended = true;
    });
    world.wait(Duration::from_secs(2));
    let text = String::from_utf8_lossy(&world.replies).into_owned();
    text.lines().last().unwrap_or_else(|| panic!("no reply to {line}")).to_owned()
}

/// The verb, said with something in this folder that it could be done with; `there`: something that there is.
fn line(verb: Verb, folder: &str, there: bool) -> String {
    let name = match (verb, there) {
        (_, false) => "nothing",
        (Verb::Mkd | Verb::Xmkd | Verb::Rnto, true) => "new",
        (Verb::Rmda, true) => "full",
        (Verb::Rmd | Verb::Xrmd | Verb::Cwd | Verb::Xcwd, true) => "dir",
        (Verb::List | Verb::Nlst | Verb::Mlsd | Verb::Stat | Verb::Dsiz, true) => "dir",
        (_, true) => "x",
    };
    let target = format!("{folder}/{name}");
    match verb {
        Verb::Mfmt => format!("{verb} 20200101000000 {target}"),
        Verb::Mff => format!("MFF Modify=20200101000000; {target}"),
        Verb::Site => format!("SITE CHMOD 600 {target}"),
        Verb::Comb => format!("COMB \"{target}\" \"{folder}/y\""),
        Verb::Cdup | Verb::Xcup => verb.to_string(),
        _ => format!("{verb} {target}"),
    }
}

/// All that a verb needs in the tests below: `needs` says the least.
fn all_needs(verb: Verb) -> Vec<Need> {
    let more: &[Need] = match verb {
        Verb::Rnto => &[
            Need::One(Place::Around, &[Right::Read, Right::List]),
            Need::All(Place::Around, &[Right::Delete, Right::Write]),
        ],
        Verb::Comb => &[Need::All(Place::Around, &[Right::Read, Right::Delete])],
        _ => &[],
    };
    needs(verb).iter().chain(more).copied().collect()
}

/// None, each alone, all but each, all.
fn sets() -> Vec<Rights> {
    let but = |left_out: Right| {
        let rest: Vec<Right> = Right::ALL.iter().copied().filter(|right| *right != left_out).collect();
        Rights::of(&rest)
    };
    let alone = Right::ALL.iter().map(|right| Rights::of(&[*right]));
    let all_but = Right::ALL.iter().map(|right| but(*right));
    [Rights::NONE, Rights::FULL].into_iter().chain(alone).chain(all_but).collect()
}

#[test]
fn t13_every_verb_is_refused_without_its_rights_and_not_with_them() {
    let (mut refused, mut done) = (0, 0);
    for entry in VERBS.iter().filter(|entry| !needs(entry.verb).is_empty()) {
        let verb = entry.verb;
        for rights in sets() {
            for (folder, subfolders) in [("/in", true), ("/in", false), ("/in/sub", true), ("/in/sub", false)]
            {
                let disk = disk();
                let mut world = world(&disk, rights, subfolders);
                if matches!(verb, Verb::Cdup | Verb::Xcup) {
                    // It leads to where everybody may go.
                    continue;
                }
                if verb == Verb::Rnto {
                    ask(&mut world, &format!("RNFR {folder}/x"));
                }
                let before = inventory(&disk);
                let reply = ask(&mut world, &line(verb, folder, true));
                let inside = match (folder, subfolders) {
                    ("/in", _) | (_, true) => rights,
                    _ => Rights::NONE,
                };
                // What a verb does in a folder beneath is in a subfolder already.
                let beneath = if subfolders { rights } else { Rights::NONE };
                let met = |need: &Need| match need {
                    Need::All(Place::Inside, _) | Need::One(Place::Inside, _) => need.is_met(beneath),
                    Need::All(Place::Around, _) | Need::One(Place::Around, _) => need.is_met(inside),
                };
                let what = format!("{verb} in {folder} with {rights}, subfolders {subfolders}: {reply}");
                if all_needs(verb).iter().all(met) {
                    let code = if verb == Verb::Rnfr { '3' } else { '2' };
                    assert!(reply.starts_with(code), "{what}");
                    done += 1;
                } else {
                    let of_rename = verb == Verb::Rnto && reply.starts_with("503");
                    assert!((reply.starts_with("550") && reply.contains("may not")) || of_rename, "{what}");
                    assert_eq!(inventory(&disk), before, "{what}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 1000 && done > 500, "{refused} {done}");
}

/// What does nothing to files, and may be said by everybody who is logged in.
const HARMLESS: &[Verb] = &[
    Verb::Acct,
    Verb::Allo,
    Verb::Ccc,
    Verb::Cpsv,
    Verb::Eprt,
    Verb::Epsv,
    Verb::Lprt,
    Verb::Lpsv,
    Verb::Mfct,
    Verb::Mode,
    Verb::Pasv,
    Verb::Port,
    Verb::Pwd,
    Verb::Rest,
    Verb::Sscn,
    Verb::Stru,
    Verb::Type,
    Verb::Xpwd,
];

#[test]
fn t14_every_verb_that_needs_a_login_says_what_it_needs() {
    for entry in VERBS.iter().filter(|entry| entry.allowed == When::LoggedIn) {
        assert_eq!(needs(entry.verb).is_empty(), HARMLESS.contains(&entry.verb), "{}", entry.verb);
    }
}

#[test]
fn t14_what_is_refused_does_not_tell_what_there_is() {
    for entry in VERBS.iter().filter(|entry| !needs(entry.verb).is_empty()) {
        for (folder, rights, subfolders) in [
            ("/in", Rights::NONE, true),
            ("/in/sub", Rights::NONE, false),
            ("/in", Rights::of(&[Right::Write]), true),
            ("/in", Rights::UPLOAD_ONLY, true),
        ] {
            // What may be done shows by being done.
            let met = |need: &Need| need.is_met(rights);
            if all_needs(entry.verb).iter().all(met)
                && !matches!(entry.verb, Verb::Cwd | Verb::Xcwd | Verb::Avbl)
            {
                continue;
            }
            let disk = disk();
            let mut world = world(&disk, rights, subfolders);
            let mut replies = [true, false].map(|there| ask(&mut world, &line(entry.verb, folder, there)));
            if matches!(entry.verb, Verb::Cwd | Verb::Xcwd) && rights != Rights::NONE {
                // Who may leave something in a folder may go there; what is no folder is not told from nothing.
                replies[0] = ask(&mut world, &format!("{} {folder}/x", entry.verb));
            }
            assert_eq!(replies[0], replies[1], "{} {rights}", entry.verb);
        }
    }
}

#[test]
fn t13_a_link_leads_to_nothing_that_its_place_may_do_more_with() {
    let (disk, inner) = (disk(), disk());
    let mut world = world(&disk, Rights::FULL, true);
    world.mounts.push(Mount {
        at: path("/in/full"),
        storage: Arc::new(inner),
        rights: Rights::READ_ONLY,
        subfolders: true,
    });
    for (target, name) in [("/in", "/in/a"), ("/", "/in/a"), ("/in/full", "/in/a"), ("/in/full/x", "/in/a")] {
        let reply = ask(&mut world, &format!("SITE SYMLINK {target} {name}"));
        assert!(reply.starts_with("550"), "{target}: {reply}");
    }
    let only_top = &mut self::world(&disk, Rights::FULL, false);
    let reply = ask(only_top, "SITE SYMLINK /in/sub/x /in/a");
    assert!(reply.starts_with("550 This account may not"), "{reply}");
}

#[test]
fn t14_outside_of_all_mounts_nothing_can_be_done() {
    let listing = [Verb::List, Verb::Nlst, Verb::Mlsd, Verb::Stat, Verb::Cdup, Verb::Xcup];
    for entry in VERBS.iter().filter(|entry| !needs(entry.verb).is_empty() && !listing.contains(&entry.verb))
    {
        for folder in ["", "/out"] {
            let disk = disk();
            let mut world = world(&disk, Rights::FULL, true);
            let before = inventory(&disk);
            let reply = ask(&mut world, &line(entry.verb, folder, true));
            assert!(reply.starts_with('5'), "{}: {reply}", entry.verb);
            assert_eq!(inventory(&disk), before, "{}", entry.verb);
        }
    }
}

#[test]
fn what_is_mounted_stays_where_it_is() {
    let disk = disk();
    let mut world = world(&disk, Rights::FULL, true);
    let before = inventory(&disk);
    for command in
        ["RMD /in", "RMDA /in", "DELE /in", "RNFR /in\r\nRNTO /out", "STOR /in", "MKD /in", "RMDA /"]
    {
        let reply = ask(&mut world, command);
        assert!(reply.starts_with('5'), "{command}: {reply}");
        assert_eq!(inventory(&disk), before, "{command}");
    }
    assert!(ask(&mut world, "MLST /in").starts_with("250"));
    assert!(ask(&mut world, "CWD /in").starts_with("250"));
}
