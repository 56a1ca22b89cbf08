//! The store, in SQLite and in a real PostgreSQL alike.
#![allow(clippy::unwrap_used)]

use portolan_accounts::{
    Accounts, Group, Groups, Member, Mount, PasswordHash, Profile, Refusal, SETTINGS, Speed, Store, User,
};
use portolan_testkit::postgres::Postgres;
use portolan_vfs::Rights;
use portolan_wire::VirtualPath;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Of `secret`, as others hash it.
const DATED: &str = "$1$saltsalt$9xy1btjgzLYfb7hivXtC//";

fn mount(at: &str, folder: &str, rights: Rights) -> Mount {
    Mount { at: VirtualPath::root().join(at.as_bytes()).unwrap(), ..Mount::root(folder, rights) }
}

fn anna() -> User {
    let mut profile = Profile { mounts: vec![mount("/", "/srv/{user}", Rights::FULL)], ..Profile::default() };
    for (key, text) in
        [("tls", "require"), ("speed-up", "3 MB/s"), ("deny", "192.0.2.0/24"), ("sessions", "2")]
    {
        profile.set(key, text).unwrap();
    }
    let member = Member { groups: vec!["staff".to_owned()], profile, ..Member::default() };
    User { name: "anna ü".to_owned(), password: PasswordHash::parse(DATED).unwrap(), member }
}

async fn battery(store: Arc<Store>) {
    assert!(store.user("", "anna ü").await.unwrap().is_none());
    assert!(store.users("").await.unwrap().is_empty() && store.groups().await.unwrap().is_empty());

    let staff = Group {
        profile: Profile {
            mounts: vec![mount("/für alle", "/srv/all", Rights::READ_ONLY)],
            ..Profile::default()
        },
        total_up: Speed(Some(5_000_000)),
        total_down: Speed(None),
    };
    store.put_group("staff", &staff).await.unwrap();
    store.put_user("", &anna()).await.unwrap();
    assert_eq!(store.group("staff").await.unwrap(), Some(staff.clone()));
    let groups: Vec<_> = store.groups().await.unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(groups, [("staff".to_owned(), staff)]);
    let found = store.user("", "anna ü").await.unwrap().unwrap();
    assert_eq!((found.password, found.member), (anna().password, anna().member));
    // The same name elsewhere is somebody else.
    assert!(store.user("ftp.example.org", "anna ü").await.unwrap().is_none());

    let accounts = Accounts::new(Groups::default(), [], None).with_store(Arc::clone(&store), String::new());
    let account = accounts.authenticate("anna ü".as_bytes(), b"secret", HERE).await.unwrap();
    assert_eq!(account.mounts.len(), 2);
    assert_eq!(account.mounts[0].folder.to_str().unwrap(), "/srv/anna ü");
    assert_eq!(account.totals[0].up, Speed(Some(5_000_000)));
    let now = store.user("", "anna ü").await.unwrap().unwrap();
    assert!(!now.password.is_dated(), "the hash was replaced");
    assert!(accounts.authenticate("anna ü".as_bytes(), b"secret", HERE).await.is_ok());
    assert!(accounts.authenticate("anna ü".as_bytes(), b"wrong", HERE).await == Err(Refusal::Wrong));
    for name in [&b"otto"[..], b"\xff", b"' OR 1=1 --", b"anna \xc3\xbc\0"] {
        assert!(accounts.authenticate(name, b"secret", HERE).await.is_err());
    }

    assert!(store.remove_group("staff").await.unwrap());
    assert!(
        accounts.authenticate("anna ü".as_bytes(), b"secret", HERE).await == Err(Refusal::Unusable),
        "its group is gone"
    );
    assert!(store.remove_user("", "anna ü").await.unwrap());
    assert!(!store.remove_user("", "anna ü").await.unwrap() && !store.remove_group("staff").await.unwrap());
}

#[tokio::test]
async fn the_battery_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::in_file(&folder.path().join("accounts.db")).unwrap();
    assert!(!store.is_there());
    battery(Arc::new(store)).await;
}

#[tokio::test]
async fn the_battery_in_postgresql() {
    let postgres = Postgres::start();
    battery(Arc::new(Store::at(&postgres.url()).unwrap())).await;
}

#[tokio::test]
async fn t24_a_database_that_is_not_there_denies() {
    let store = Store::at("postgres://nobody@localhost/x?host=%2Fnowhere").unwrap();
    assert!(store.user("", "anna").await.is_err());
    let accounts = Accounts::new(Groups::default(), [], None).with_store(Arc::new(store), String::new());
    assert!(accounts.authenticate(b"anna", b"secret", HERE).await == Err(Refusal::Unusable));
    assert!(Store::at("nonsense").is_err());
}

/// A row that somebody else has written.
async fn row(folder: &std::path::Path, password: &str, profile: &str) -> Store {
    let file = folder.join("accounts.db");
    let store = Store::in_file(&file).unwrap();
    store.put_user("", &anna()).await.unwrap();
    let pool = sqlx::AnyPool::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let query = sqlx::query("UPDATE portolan_users SET password = $1, profile = $2");
    query.bind(password).bind(profile).execute(&pool).await.unwrap();
    pool.close().await;
    store
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn t24_what_cannot_be_read_denies(text in "\\PC*", key in 0..SETTINGS.len(), value in "\\PC{0,12}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let setting = serde_json::json!({ "settings": { SETTINGS[key].0: value } }).to_string();
        for (password, profile) in [(text.as_str(), "{}"), (DATED, text.as_str()), (DATED, setting.as_str())] {
            let folder = tempfile::tempdir().unwrap();
            let said = runtime.block_on(async { row(folder.path(), password, profile).await.user("", "anna ü").await });
            let mut own = Profile::default();
            let sensible = profile == "{}" || (profile == setting && own.set(SETTINGS[key].0, &value).is_ok());
            let readable = sensible && PasswordHash::parse(password).is_ok();
            prop_assert_eq!(said.is_ok(), readable);
        }
    }
}
