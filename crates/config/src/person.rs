//! Users, groups, and what everybody may do: the tables `[[user]]`, `[[group]]` and `[anonymous]`, here and at virtual
//! hosts. They have the settings of `portolan-accounts`, each by the name that it has there.

use crate::file::Check;
use portolan_accounts::{
    ANONYMOUS, Group, Groups, Member, Mount, PasswordHash, Profile, SETTINGS, User, is_template, parse_speed,
};
use portolan_vfs::Rights;
use portolan_wire::VirtualPath;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) type Item<'i> = Spanned<DeValue<'i>>;

/// Keys of a mount.
pub(crate) const MOUNT_KEYS: &[(&str, &str)] = &[
    ("at", "Where it is seen."),
    ("folder", "The folder; `{user}` in it stands for the user's name."),
    (
        "rights",
        "What may be done there: full, read-only, upload-only, none, or some of read, write, append, delete, list, make-folders, remove-folders.",
    ),
    ("subfolders", "Whether that counts for what lies deeper, too."),
    ("make", "Whether it is made at a login."),
];

/// Keys that say which folders somebody sees.
pub(crate) const FOLDER_KEYS: &[(&str, &str)] = &[
    ("root", "The folder that is seen as /."),
    ("write", "Whether everything may be done there; else it may be read."),
    ("mount", "Folders and where they are seen: tables of their own."),
];

/// The groups of the file.
pub(crate) fn groups(file: &DeTable<'_>, check: &mut Check<'_>) -> Groups {
    let mut groups: Vec<(String, Group)> = Vec::new();
    for item in list(file, "group") {
        let Some(table) = table(item, "[[group]]", check) else { continue };
        let Some(name) = name(item, table, "group", check) else { continue };
        if groups.iter().any(|(taken, _)| *taken == name) {
            check.wrong(item, format!("there is a group `{name}` already; choose another name"));
        }
        let profile = profile(table, &["name", "total-speed-up", "total-speed-down"], check);
        let mut total = |key| {
            let item: Option<&Item<'_>> = table.get(key);
            let speed = item.and_then(|item| {
                let speed = parse_speed(&scalar(item, check)?);
                speed.map_err(|message| check.wrong(item, message)).ok()
            });
            speed.unwrap_or_default()
        };
        let (total_up, total_down) = (total("total-speed-up"), total("total-speed-down"));
        groups.push((name, Group { profile, total_up, total_down }));
    }
    Groups::new(groups)
}

/// The users in a table: of the file, or of a virtual host.
pub(crate) fn users(parent: &DeTable<'_>, groups: &Groups, check: &mut Check<'_>) -> Vec<User> {
    let mut users: Vec<User> = Vec::new();
    for item in list(parent, "user") {
        let Some(table) = table(item, "[[user]]", check) else { continue };
        let Some(name) = name(item, table, "user", check) else { continue };
        if users.iter().any(|user| user.name == name) {
            let place = table.get("name").unwrap_or(item);
            check.wrong(place, format!("there is a user `{name}` already; choose another name"));
        }
        let member = member(item, table, &name, &["name", "password"], groups, check);
        let Some(password) = table.get("password") else {
            check.wrong(
                item,
                "a user has a password; write password = \"…\", as `portolan user hash` prints it".to_owned(),
            );
            continue;
        };
        let hash = string(password, check).and_then(|text| {
            let hash = PasswordHash::parse(&text);
            let wrong = |error| format!("{error}; `portolan user hash` makes one of a password");
            hash.map_err(|error| check.wrong(password, wrong(error))).ok()
        });
        users.extend(hash.map(|password| User { name, password, member }));
    }
    users
}

/// What everybody may do, if anything.
pub(crate) fn anonymous(parent: &DeTable<'_>, groups: &Groups, check: &mut Check<'_>) -> Option<Member> {
    let item = parent.get("anonymous")?;
    let table = table(item, "[anonymous]", check)?;
    Some(member(item, table, ANONYMOUS, &[], groups, check))
}

/// The items of a list, be it written as one or as many; none if it is not there.
pub(crate) fn list<'t, 'i>(parent: &'t DeTable<'i>, key: &str) -> Vec<&'t Item<'i>> {
    let Some(item) = parent.get(key) else { return Vec::new() };
    item.get_ref().as_array().map_or_else(|| vec![item], |items| items.iter().collect())
}

pub(crate) fn table<'t, 'i>(
    item: &'t Item<'i>,
    written: &str,
    check: &mut Check<'_>,
) -> Option<&'t DeTable<'i>> {
    let table = item.get_ref().as_table();
    if table.is_none() {
        check.wrong(item, format!("write a table {written}"));
    }
    table
}

/// The name of a user or a group.
fn name(item: &Item<'_>, table: &DeTable<'_>, what: &str, check: &mut Check<'_>) -> Option<String> {
    let Some(item) = table.get("name") else {
        check.wrong(item, format!("a {what} has a name; write name = \"…\""));
        return None;
    };
    let name = string(item, check)?;
    if name.is_empty() || name.contains(char::is_control) {
        check.wrong(item, format!("the name of a {what} has at least one letter and no control characters"));
        return None;
    }
    Some(name)
}

/// Groups and settings. `keys` are the ones that are looked at elsewhere.
pub(crate) fn common(table: &DeTable<'_>, keys: &[&str], groups: &Groups, check: &mut Check<'_>) -> Member {
    let mut own = Vec::new();
    for group in list(table, "groups") {
        let Some(text) = string(group, check) else { continue };
        if groups.iter().all(|(known, _)| known != text) {
            check.wrong(group, format!("there is no group `{text}`; write a table [[group]] with that name"));
        }
        own.push(text);
    }
    Member { groups: own, profile: profile(table, keys, check), identity: None }
}

/// What is set for somebody. `keys` are the ones that are looked at elsewhere.
fn member(
    item: &Item<'_>,
    table: &DeTable<'_>,
    name: &str,
    keys: &[&str],
    groups: &Groups,
    check: &mut Check<'_>,
) -> Member {
    let member = common(table, &[keys, &["groups"]].concat(), groups, check);
    match groups.resolve(name, &member) {
        Ok(account) if account.mounts.is_empty() => {
            check.wrong(item, format!("`{name}` has no folder; write root = \"…\", or [[user.mount]]"));
        }
        // What is missing was said above.
        Ok(_) | Err(portolan_accounts::Unresolved::NoGroup(_)) => {}
        Err(error) => check.wrong(item, format!("{error}; write a folder without {{user}}, or another name")),
    }
    member
}

/// The folders and the settings. `keys` are the ones that are looked at elsewhere.
fn profile(table: &DeTable<'_>, keys: &[&str], check: &mut Check<'_>) -> Profile {
    let mut profile = Profile::default();
    for (key, item) in table {
        let key_text: &str = key.get_ref();
        if keys.contains(&key_text) || is_among(key_text, FOLDER_KEYS) {
            continue;
        }
        if !is_among(key_text, SETTINGS) {
            let settings = FOLDER_KEYS.iter().chain(SETTINGS).map(|(known, _)| *known);
            let known: Vec<&str> = keys.iter().copied().chain(settings).collect();
            check.wrong(key, format!("`{key_text}` is not known here; there are {}", known.join(", ")));
        } else if let Some(text) = scalar(item, check)
            && let Err(message) = profile.set(key_text, &text)
        {
            check.wrong(item, message);
        }
    }
    profile.mounts = mounts(table, check);
    profile
}

fn mounts(table: &DeTable<'_>, check: &mut Check<'_>) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    if let Some(item) = table.get("root")
        && let Some(text) = string(item, check)
    {
        let write = table.get("write").and_then(|item| boolean(item, check)).unwrap_or(false);
        let rights = if write { Rights::FULL } else { Rights::READ_ONLY };
        mounts.push(Mount::root(check.folder(Path::new(&text)), rights));
        check_folder(item, &mounts[0], check);
    } else if let Some(item) = table.get("write") {
        check.wrong(item, "`write` is for `root`; a mount has `rights`".to_owned());
    }
    for item in list(table, "mount") {
        let Some(mount) = mount(item, check) else { continue };
        if mounts.iter().any(|other| other.at == mount.at) {
            check.wrong(item, format!("there is a mount at {} already; choose another place", mount.at));
        }
        mounts.push(mount);
    }
    mounts
}

fn mount(item: &Item<'_>, check: &mut Check<'_>) -> Option<Mount> {
    let table = table(item, "[[….mount]]", check)?;
    for (key, _) in table.iter().filter(|(key, _)| !is_among(key.get_ref(), MOUNT_KEYS)) {
        let message = format!("`{}` is not known here; there are {}", key.get_ref(), known(MOUNT_KEYS));
        check.wrong(key, message);
    }
    let Some(folder) = table.get("folder") else {
        check.wrong(item, "a mount has a folder; write folder = \"…\"".to_owned());
        return None;
    };
    let written = string(folder, check)?;
    let path = check.folder(Path::new(&written));
    let rights = match table.get("rights") {
        None => Rights::READ_ONLY,
        Some(item) => {
            let text = scalar(item, check)?;
            Rights::parse(&text).map_err(|message| check.wrong(item, message)).ok()?
        }
    };
    let at = match table.get("at") {
        None => VirtualPath::root(),
        Some(item) => {
            let text = string(item, check)?;
            let place = VirtualPath::root().join(text.as_bytes()).ok().filter(|_| text.starts_with('/'));
            if place.is_none() {
                check.wrong(item, format!("`{text}` is no place in the tree; write it like /public"));
            }
            place?
        }
    };
    let root = Mount::root(path, rights);
    let mut flag = |key, default| table.get(key).and_then(|item| boolean(item, check)).unwrap_or(default);
    let mount = Mount { at, subfolders: flag("subfolders", true), make: flag("make", root.make), ..root };
    check_folder(folder, &mount, check);
    Some(mount)
}

/// True for a key that is told of.
fn is_among(key: &str, all: &[(&str, &str)]) -> bool {
    all.iter().any(|(known, _)| *known == key)
}

/// Keys for a message.
fn known(all: &[(&str, &str)]) -> String {
    all.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(", ")
}

/// A folder that is not made has to be there.
fn check_folder(item: &Item<'_>, mount: &Mount, check: &mut Check<'_>) {
    let needed = if mount.make { mount.base() } else { &mount.folder };
    if (!mount.make || is_template(&mount.folder)) && !needed.is_dir() {
        check.wrong(item, format!("{} is no directory; make it, or write another", needed.display()));
    }
}

pub(crate) fn string(item: &Item<'_>, check: &mut Check<'_>) -> Option<String> {
    let text = item.get_ref().as_str();
    if text.is_none() {
        check.wrong(item, "write it in quotes".to_owned());
    }
    text.map(str::to_owned)
}

pub(crate) fn boolean(item: &Item<'_>, check: &mut Check<'_>) -> Option<bool> {
    let flag = item.get_ref().as_bool();
    if flag.is_none() {
        check.wrong(item, "write true or false".to_owned());
    }
    flag
}

/// A value as text. Those of a list come after each other.
pub(crate) fn scalar(item: &Item<'_>, check: &mut Check<'_>) -> Option<String> {
    match item.get_ref() {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Array(items) => {
            let texts: Option<Vec<String>> = items.iter().map(|item| scalar(item, check)).collect();
            Some(texts?.join(", "))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => {
            check.wrong(item, "write a text, a number, true or false, or a list of texts".to_owned());
            None
        }
    }
}
