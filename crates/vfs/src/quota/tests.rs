//! Whatever is done, what is counted is what is there, and never more than there may be.

use super::*;
use crate::Memory;

fn quota(storage: &Memory, most: Most) -> Quota {
    let folder = Ledger::default().folder("one", Arc::new(storage.clone()));
    let allowance = Arc::new(Allowance::new(most, vec![Arc::clone(&folder)]));
    Quota::new(Arc::new(storage.clone()), folder, allowance)
}

fn path(name: &str) -> VirtualPath {
    VirtualPath::root().join(name.as_bytes()).unwrap()
}

async fn store(quota: &Quota, name: &str, how: Write, bytes: usize) -> Result<()> {
    let mut file = quota.write(&path(name), how).await?;
    file.begin().await?;
    match file.write(vec![7; bytes]).await {
        Ok(_) => file.commit().await,
        Err(error) => file.keep().await.and(Err(error)),
    }
}

#[tokio::test]
async fn the_battery() {
    crate::battery::run(|| Ok(quota(&Memory::new(), Most::default()))).await.unwrap();
}

#[tokio::test]
async fn t22_not_one_byte_more_by_any_way() {
    let most = Most { bytes: Some(100), files: Some(3) };
    let quota = quota(&Memory::new(), most);
    let used = || async { quota.allowance.used().await.unwrap() };
    store(&quota, "a", Write::New, 60).await.unwrap();
    assert_eq!(store(&quota, "b", Write::New, 41).await, Err(Error::QuotaExceeded));
    assert_eq!(store(&quota, "a", Write::At(60), 41).await, Err(Error::QuotaExceeded));
    assert_eq!(store(&quota, "a", Write::End, 41).await, Err(Error::QuotaExceeded));
    store(&quota, "b", Write::New, 40).await.unwrap();
    assert_eq!(used().await, Counts { bytes: 100, files: 2 });
    // An old file makes room for the one that takes its place, but for no other.
    store(&quota, "a", Write::New, 60).await.unwrap();
    assert_eq!(store(&quota, "a", Write::New, 61).await, Err(Error::QuotaExceeded));
    let mut one = quota.write(&path("a"), Write::New).await.unwrap();
    one.begin().await.unwrap();
    one.write(vec![7; 60]).await.unwrap();
    assert_eq!(store(&quota, "b", Write::New, 41).await, Err(Error::QuotaExceeded));
    // Which then does not go after all.
    quota.rename(&path("a"), &path("c")).await.unwrap();
    assert_eq!(one.commit().await, Err(Error::QuotaExceeded));
    assert_eq!(used().await, Counts { bytes: 100, files: 2 });
    // Nor are there more files, empty though they be.
    store(&quota, "d", Write::New, 0).await.unwrap();
    assert_eq!(store(&quota, "e", Write::New, 0).await, Err(Error::QuotaExceeded));
    assert_eq!(store(&quota, "e", Write::Unique, 0).await, Err(Error::QuotaExceeded));
    assert_eq!(store(&quota, "e", Write::End, 0).await, Err(Error::QuotaExceeded));
    assert_eq!(quota.space(&path("")).await, Ok(0));
    quota.delete(&path("b")).await.unwrap();
    assert_eq!(used().await, Counts { bytes: 60, files: 2 });
    assert_eq!(quota.space(&path("")).await, Ok(40));
}

#[tokio::test]
async fn uploads_at_once_share_what_is_left() {
    let memory = Memory::new();
    let ledger = Ledger::default();
    let folders = ["one", "two"].map(|name| ledger.folder(name, Arc::new(memory.clone())));
    let most = Most { bytes: Some(100), files: None };
    let allowance = Arc::new(Allowance::new(most, folders.to_vec()));
    let [one, two] =
        folders.map(|folder| Quota::new(Arc::new(memory.clone()), folder, Arc::clone(&allowance)));
    let mut left = one.write(&path("left"), Write::New).await.unwrap();
    let mut right = two.write(&path("right"), Write::New).await.unwrap();
    left.write(vec![7; 60]).await.unwrap();
    assert_eq!(right.write(vec![7; 41]).await, Err(Error::QuotaExceeded));
    right.write(vec![7; 40]).await.unwrap();
    drop(left);
    right.write(vec![7; 60]).await.unwrap();
}
