use super::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

fn path(name: &str) -> VirtualPath {
    VirtualPath::root().join(name.as_bytes()).unwrap()
}

fn tree() -> (tempfile::TempDir, Local) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(directory.path().join("secret"), "secret").unwrap();
    let local = Local::open_waiting(&root, Uploads::Atomic, None).unwrap();
    (directory, local)
}

#[tokio::test]
async fn the_battery() {
    let kept = std::sync::Mutex::new(Vec::new());
    for uploads in [Uploads::Atomic, Uploads::Direct] {
        let empty = || {
            let directory = tempfile::tempdir().map_err(|_| Error::Local)?;
            let local = Local::open_waiting(directory.path(), uploads, None).map_err(|_| Error::Local);
            kept.lock().unwrap().push(directory);
            local
        };
        if uploads == Uploads::Atomic {
            portolan_vfs::battery::run(empty).await.unwrap();
        } else {
            portolan_vfs::battery::run_direct(empty).await.unwrap();
        }
    }
}

#[tokio::test]
async fn t12_links_that_lead_outside_are_refused_by_every_request() {
    let (directory, local) = tree();
    let root = directory.path().join("root");
    symlink("../secret", root.join("file")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("/", root.join("absolute")).unwrap();
    symlink("circle", root.join("circle")).unwrap();
    for name in ["file", "up/secret", "absolute/etc/passwd", "circle"] {
        assert_eq!(local.read(&path(name)).await.err(), Some(Error::Outside), "{name}");
        assert_eq!(local.describe(&path(name), true).await.err(), Some(Error::Outside), "{name}");
        assert_eq!(local.write(&path(name), Write::New).await.err(), Some(Error::Outside), "{name}");
        assert_eq!(local.write(&path(name), Write::End).await.err(), Some(Error::Outside), "{name}");
        assert_eq!(local.set_facts(&path(name), None, Some(0o600)).await, Err(Error::Outside), "{name}");
    }
    for name in ["up/x", "absolute/tmp/x"] {
        assert_eq!(local.make_directory(&path(name)).await, Err(Error::Outside), "{name}");
        assert_eq!(local.delete(&path(name)).await, Err(Error::Outside), "{name}");
        assert_eq!(local.remove_directory(&path(name)).await, Err(Error::Outside), "{name}");
        assert_eq!(local.rename(&path("file"), &path(name)).await, Err(Error::Outside), "{name}");
        assert_eq!(local.link(&path("file"), &path(name)).await, Err(Error::Outside), "{name}");
    }
    assert_eq!(local.list(&path("up")).await.err(), Some(Error::Outside));
    local.delete(&path("file")).await.unwrap();
    assert_eq!(fs::read_to_string(directory.path().join("secret")).unwrap(), "secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_a_directory_swapped_for_a_link_never_leads_outside() {
    let (directory, local) = tree();
    let root = directory.path().join("root");
    let outside = directory.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::create_dir(root.join("a")).unwrap();
    symlink("../outside", root.join("b")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swapping = {
        let (root, stop) = (root.clone(), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let _ = fs::rename(root.join("a"), root.join("c"));
                let _ = fs::rename(root.join("b"), root.join("a"));
                let _ = fs::rename(root.join("a"), root.join("b"));
                let _ = fs::rename(root.join("c"), root.join("a"));
            }
        })
    };
    for number in 0..300 {
        let name = path(&format!("a/{number}"));
        if let Ok(mut file) = local.write(&name, Write::New).await {
            let _ = file.begin().await;
            let _ = file.write(b"x".to_vec()).await;
            let _ = file.commit().await;
        }
        let _ = local.make_directory(&path(&format!("a/d{number}"))).await;
        let _ = local.rename(&path("b"), &path(&format!("a/r{number}"))).await;
        let _ = local.rename(&path(&format!("a/r{number}")), &path("b")).await;
    }
    stop.store(true, Ordering::Relaxed);
    let _ = swapping.join();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[tokio::test]
async fn a_pipe_is_neither_read_nor_waited_for() {
    let (directory, local) = tree();
    let pipe = directory.path().join("root/pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    assert_eq!(local.read(&path("pipe")).await.err(), Some(Error::NotFile));
    assert_eq!(local.write(&path("pipe"), Write::New).await.err(), Some(Error::NotFile));
    assert_eq!(local.write(&path("pipe"), Write::End).await.err(), Some(Error::NotFile));
}

#[tokio::test]
async fn what_is_not_whole_cannot_be_seen_or_named() {
    let (directory, local) = tree();
    let mut file = local.write(&path("new"), Write::New).await.unwrap();
    file.begin().await.unwrap();
    file.write(b"half".to_vec()).await.unwrap();
    assert!(local.list(&path("/")).await.unwrap().next_batch().await.unwrap().is_empty());
    let entry = fs::read_dir(directory.path().join("root")).unwrap().next().unwrap().unwrap();
    let name = entry.file_name().into_string().unwrap();
    assert_eq!(local.read(&path(&name)).await.err(), Some(Error::NotFound));
    assert_eq!(local.delete(&path(&name)).await, Err(Error::BadName));
    assert_eq!(local.write(&path(&name), Write::New).await.err(), Some(Error::BadName));
}

#[tokio::test]
async fn links_within_the_tree_work_from_inside_and_outside() {
    let (directory, local) = tree();
    fs::create_dir_all(directory.path().join("root/a/b")).unwrap();
    fs::write(directory.path().join("root/target"), "text").unwrap();
    local.link(&path("target"), &path("a/b/link")).await.unwrap();
    assert_eq!(fs::read_to_string(directory.path().join("root/a/b/link")).unwrap(), "text");
    assert_eq!(local.describe(&path("a/b/link"), true).await.unwrap().size, 4);
    let mut file = local.write(&path("a/b/link"), Write::New).await.unwrap();
    file.begin().await.unwrap();
    file.write(b"new".to_vec()).await.unwrap();
    file.commit().await.unwrap();
    assert_eq!(fs::read_to_string(directory.path().join("root/target")).unwrap(), "new");
}

#[tokio::test]
async fn large_directories_come_in_batches() {
    let (directory, local) = tree();
    for number in 0..3000 {
        fs::write(directory.path().join(format!("root/{number}")), "").unwrap();
    }
    let mut entries = local.list(&path("/")).await.unwrap();
    let (mut batches, mut all) = (0, std::collections::HashSet::new());
    loop {
        let batch = entries.next_batch().await.unwrap();
        if batch.is_empty() {
            break;
        }
        batches += 1;
        all.extend(batch.into_iter().map(|entry| entry.name));
    }
    assert!(batches > 1);
    assert_eq!(all.len(), 3000);
}

#[tokio::test]
async fn an_upload_that_brings_nothing_leaves_nothing() {
    let (directory, local) = tree();
    for how in [Write::New, Write::End, Write::Unique] {
        let mut file = local.write(&path("new"), how).await.unwrap();
        file.begin().await.unwrap();
        file.keep().await.unwrap();
        assert_eq!(fs::read_dir(directory.path().join("root")).unwrap().count(), 0, "{how:?}");
    }
}

#[tokio::test]
async fn what_other_programs_append_meanwhile_stays() {
    let (directory, local) = tree();
    let log = directory.path().join("root/log");
    fs::write(&log, "one ").unwrap();
    let mut file = local.write(&path("log"), Write::End).await.unwrap();
    fs::write(&log, "one two ").unwrap();
    file.begin().await.unwrap();
    file.write(b"three".to_vec()).await.unwrap();
    file.commit().await.unwrap();
    assert_eq!(fs::read_to_string(&log).unwrap(), "one two three");
}

#[tokio::test]
async fn what_a_crash_has_left_does_not_keep_its_directory() {
    let (directory, local) = tree();
    let folder = directory.path().join("root/d");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(".portolan-upload-0123456789abcdef"), "half").unwrap();
    let running = local.write(&path("d/new"), Write::New).await.unwrap();
    assert_eq!(local.remove_directory(&path("d")).await, Err(Error::NotEmpty));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "the upload that runs is still there");
    running.keep().await.unwrap();
    fs::write(folder.join(".portolan-upload-0123456789abcdef"), "half").unwrap();
    local.remove_directory(&path("d")).await.unwrap();
    assert!(!folder.exists());
}

#[tokio::test]
async fn t12_no_link_is_made_through_a_link() {
    let (directory, local) = tree();
    fs::create_dir_all(directory.path().join("root/a/b/c")).unwrap();
    local.link(&path("/"), &path("a/b/c/up")).await.unwrap();
    assert_eq!(local.link(&path("etc/passwd"), &path("a/b/c/up/evil")).await, Err(Error::Outside));
}

#[test]
fn who_opens_the_same_root_shares_it_until_its_path_means_another() {
    let above = tempfile::tempdir().unwrap();
    let path = above.path().join("root");
    std::fs::create_dir(&path).unwrap();
    let open = || Local::open_waiting(&path, Uploads::Atomic, None).unwrap().root;
    let (one, same) = (open(), open());
    assert!(Arc::ptr_eq(&one, &same));
    std::fs::rename(&path, above.path().join("old")).unwrap();
    std::fs::create_dir(&path).unwrap();
    let other = open();
    assert!(!Arc::ptr_eq(&one, &other));
    assert!(Arc::ptr_eq(&other, &open()));
}

#[test]
fn a_disk_that_kept_somebody_waiting_is_left_alone_for_a_while() {
    let pace = pace::Pace::new(true);
    pace.at_once(|| ());
    assert!(pace.is_quick());
    pace.at_once(|| std::thread::sleep(std::time::Duration::from_millis(110)));
    assert!(!pace.is_quick());
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(pace.is_quick());
    assert!(!pace::Pace::new(false).is_quick());
}
