//! The tests that every backend must pass. Each starts with an empty tree.

use crate::{Error, Result, Vfs, Write};
use portolan_wire::{Timestamp, VirtualPath};

fn path(name: &str) -> Result<VirtualPath> {
    VirtualPath::root().join(name.as_bytes()).map_err(|_| Error::BadName)
}

async fn store(tree: &dyn Vfs, name: &str, text: &str) -> Result<()> {
    let mut file = tree.write(&path(name)?, Write::New).await?;
    file.begin().await?;
    file.write(text.as_bytes().to_vec()).await?;
    file.commit().await
}

async fn content(tree: &dyn Vfs, name: &str) -> Result<String> {
    let mut file = tree.read(&path(name)?).await?;
    let size = file.size() as usize;
    let mut bytes = Vec::new();
    while bytes.len() < size {
        let more = file.read_at(bytes.len() as u64, size).await?;
        assert!(!more.is_empty(), "the file is shorter than it said");
        bytes.extend(more);
    }
    assert!(file.read_at(size as u64, 10).await?.is_empty(), "nothing lies behind the end");
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn names(tree: &dyn Vfs, directory: &str) -> Result<Vec<String>> {
    let mut entries = tree.list(&path(directory)?).await?;
    let mut names = Vec::new();
    loop {
        let batch = entries.next_batch().await?;
        if batch.is_empty() {
            names.sort();
            return Ok(names);
        }
        names.extend(batch.iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned()));
    }
}

/// Runs all tests; `empty` makes an empty tree for each.
///
/// # Errors
/// What the backend refused although it should not.
///
/// # Panics
/// When the backend did something else than it should.
pub async fn run<T: Vfs>(empty: impl Fn() -> Result<T>) -> Result<()> {
    run_direct(&empty).await?;
    broken_uploads(&empty()?).await?;
    two_writers(&empty()?).await
}

/// Runs all tests but those of uploads that leave an old file as it is until they are whole.
///
/// # Errors
/// As [`run`].
///
/// # Panics
/// As [`run`].
pub async fn run_direct<T: Vfs>(empty: impl Fn() -> Result<T>) -> Result<()> {
    files(&empty()?).await?;
    directories(&empty()?).await?;
    renames(&empty()?).await?;
    facts(&empty()?).await?;
    resumed_uploads(&empty()?).await?;
    unique_names(&empty()?).await
}

async fn files(tree: &dyn Vfs) -> Result<()> {
    store(tree, "a", "one").await?;
    store(tree, "a", "two!").await?;
    assert_eq!(content(tree, "a").await?, "two!");
    assert_eq!(tree.describe(&path("a")?, true).await?.size, 4);
    assert_eq!(tree.read(&path("b")?).await.err(), Some(Error::NotFound));
    assert_eq!(tree.read(&path("/")?).await.err(), Some(Error::NotFile));
    assert_eq!(tree.read(&path("a/b")?).await.err(), Some(Error::NotDirectory));
    assert_eq!(tree.write(&path("x/y")?, Write::New).await.err(), Some(Error::NotFound));
    tree.delete(&path("a")?).await?;
    assert_eq!(tree.delete(&path("a")?).await, Err(Error::NotFound));
    assert!(names(tree, "/").await?.is_empty());
    Ok(())
}

async fn directories(tree: &dyn Vfs) -> Result<()> {
    tree.make_directory(&path("d")?).await?;
    assert_eq!(tree.make_directory(&path("d")?).await, Err(Error::Exists));
    assert_eq!(tree.make_directory(&path("x/y")?).await, Err(Error::NotFound));
    store(tree, "d/f", "").await?;
    assert_eq!(tree.remove_directory(&path("d")?).await, Err(Error::NotEmpty));
    assert_eq!(tree.remove_directory(&path("d/f")?).await, Err(Error::NotDirectory));
    assert_eq!(tree.delete(&path("d")?).await, Err(Error::NotFile));
    assert_eq!(tree.list(&path("d/f")?).await.err(), Some(Error::NotDirectory));
    assert_eq!(names(tree, "d").await?, ["f"]);
    tree.delete(&path("d/f")?).await?;
    tree.remove_directory(&path("d")?).await?;
    assert_eq!(tree.describe(&path("d")?, true).await.err(), Some(Error::NotFound));
    Ok(())
}

async fn renames(tree: &dyn Vfs) -> Result<()> {
    store(tree, "a", "a").await?;
    store(tree, "b", "b").await?;
    tree.rename(&path("a")?, &path("b")?).await?;
    assert_eq!(content(tree, "b").await?, "a");
    tree.make_directory(&path("d")?).await?;
    store(tree, "d/f", "f").await?;
    tree.rename(&path("d")?, &path("e")?).await?;
    assert_eq!(content(tree, "e/f").await?, "f");
    assert_eq!(tree.rename(&path("e")?, &path("e/g")?).await, Err(Error::BadName));
    assert_eq!(tree.rename(&path("none")?, &path("x")?).await, Err(Error::NotFound));
    assert_eq!(tree.rename(&path("b")?, &path("e")?).await, Err(Error::NotFile));
    assert_eq!(names(tree, "/").await?, ["b", "e"]);
    Ok(())
}

async fn facts(tree: &dyn Vfs) -> Result<()> {
    store(tree, "a", "a").await?;
    let time = Timestamp::from_unix(1_000_000_000, 0);
    tree.set_facts(&path("a")?, Some(time), Some(0o600)).await?;
    let entry = tree.describe(&path("a")?, true).await?;
    assert_eq!((entry.modified, entry.mode), (time, 0o600));
    store(tree, "a", "b").await?;
    assert_eq!(tree.describe(&path("a")?, true).await?.mode, 0o600, "a file that is replaced keeps its mode");
    assert_eq!(tree.set_facts(&path("b")?, None, Some(0o600)).await, Err(Error::NotFound));
    assert!(tree.space(&path("/")?).await? > 0);
    Ok(())
}

async fn broken_uploads(tree: &dyn Vfs) -> Result<()> {
    store(tree, "old", "old").await?;
    for name in ["old", "new"] {
        let mut file = tree.write(&path(name)?, Write::New).await?;
        file.begin().await?;
        file.write(b"half".to_vec()).await?;
        file.keep().await?;
    }
    assert_eq!(content(tree, "old").await?, "old");
    assert_eq!(content(tree, "new").await?, "half");
    let mut dropped = tree.write(&path("old")?, Write::New).await?;
    dropped.begin().await?;
    dropped.write(b"half".to_vec()).await?;
    drop(dropped);
    tree.write(&path("never")?, Write::New).await?.keep().await?;
    assert_eq!(names(tree, "/").await?, ["new", "old"], "nothing else is left");
    Ok(())
}

async fn resumed_uploads(tree: &dyn Vfs) -> Result<()> {
    store(tree, "a", "0123456789").await?;
    let untouched = tree.write(&path("a")?, Write::At(4)).await?;
    untouched.keep().await?;
    assert_eq!(content(tree, "a").await?, "0123456789");
    let mut file = tree.write(&path("a")?, Write::At(4)).await?;
    assert_eq!(file.position(), 4);
    file.begin().await?;
    file.write(b"xy".to_vec()).await?;
    file.keep().await?;
    assert_eq!(content(tree, "a").await?, "0123xy");
    let mut file = tree.write(&path("a")?, Write::End).await?;
    file.begin().await?;
    file.write(b"z".to_vec()).await?;
    file.commit().await?;
    assert_eq!(content(tree, "a").await?, "0123xyz");
    assert_eq!(tree.write(&path("a")?, Write::At(8)).await.err(), Some(Error::BadOffset));
    assert_eq!(tree.write(&path("b")?, Write::At(1)).await.err(), Some(Error::NotFound));
    Ok(())
}

async fn unique_names(tree: &dyn Vfs) -> Result<()> {
    let first = tree.write(&path("u")?, Write::Unique).await?;
    let second = tree.write(&path("u")?, Write::Unique).await?;
    assert_eq!((first.name(), second.name()), (&b"u"[..], &b"u.1"[..]));
    first.commit().await?;
    second.commit().await?;
    assert_eq!(names(tree, "/").await?, ["u", "u.1"]);
    Ok(())
}

async fn two_writers(tree: &dyn Vfs) -> Result<()> {
    store(tree, "a", "a").await?;
    let first = tree.write(&path("a")?, Write::End).await?;
    assert_eq!(tree.write(&path("a")?, Write::End).await.err(), Some(Error::Busy));
    assert_eq!(tree.write(&path("a")?, Write::At(0)).await.err(), Some(Error::Busy));
    assert_eq!(tree.write(&path("a")?, Write::New).await.err(), Some(Error::Busy));
    first.commit().await?;
    let mut one = tree.write(&path("a")?, Write::New).await?;
    let mut two = tree.write(&path("a")?, Write::New).await?;
    for file in [&mut one, &mut two] {
        file.begin().await?;
    }
    one.write(b"1111".to_vec()).await?;
    two.write(b"22".to_vec()).await?;
    two.commit().await?;
    one.commit().await?;
    assert_eq!(content(tree, "a").await?, "1111");
    Ok(())
}
