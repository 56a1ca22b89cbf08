//! The tables `[[login]]`: others who know users.

use crate::file::Check;
use crate::person::{self, Item};
use portolan_accounts::{Groups, Member};
use portolan_logins::{HttpLogin, LdapLogin, Login, PamLogin, Secret};
use portolan_vfs::Rights;
use toml::de::DeTable;

/// Keys of a directory.
pub(crate) const LDAP: &[(&str, &str)] = &[
    ("ldap", "The directory that is asked, like ldaps://ldap.example.org."),
    ("start-tls", "Whether TLS begins on the connection of ldap://."),
    ("bind", "As whom it is searched."),
    ("bind-password-file", "The file with the password for that."),
    ("base", "Beneath what it is searched."),
    ("filter", "Who it is, with `{user}` for the name. By default (uid={user})."),
    ("name-attribute", "The attribute with the name, as it has to be said to the letter. By default uid."),
    ("folder-attribute", "The attribute with the folder that they see."),
    ("rights", "What they may do there."),
    ("groups-attribute", "The attribute with their groups, of which those count that are in this file."),
];

/// Keys of a web service.
pub(crate) const HTTP: &[(&str, &str)] = &[
    ("http", "The web service that is asked, instead."),
    ("authorization", "What goes into the header Authorization."),
];

/// Keys of the system.
pub(crate) const PAM: &[(&str, &str)] = &[
    ("pam", "The service of PAM that is asked, instead: the name of a file in /etc/pam.d."),
    (
        "home",
        "What its users may do in their home folder, which they see as / unless `root` is written. By default full.",
    ),
    (
        "as-user",
        "Whether what they do to files is their own doing, with the rights of the system. By default it is.",
    ),
];

/// The logins that tables mean; what is wrong is noted.
pub(crate) fn logins(file: &DeTable<'_>, groups: &Groups, check: &mut Check<'_>) -> Vec<Login> {
    let mut logins = Vec::new();
    for item in person::list(file, "login") {
        let Some(table) = person::table(item, "[[login]]", check) else { continue };
        let keys = match (table.contains_key("http"), table.contains_key("pam")) {
            (true, _) => HTTP,
            (_, true) => PAM,
            (false, false) => LDAP,
        };
        let keys: Vec<&str> = keys.iter().map(|(key, _)| *key).chain(["groups"]).collect();
        let member = person::common(table, &keys, groups, check);
        let login = match (table.get("ldap"), table.get("http"), table.get("pam")) {
            (Some(url), None, None) => ldap(item, table, url, member, groups, check).map(Login::Ldap),
            (None, Some(url), None) => http(table, url, member, check).map(Login::Http),
            (None, None, Some(service)) => pam(table, service, member, check).map(Login::Pam),
            _ => {
                let message = "say who is asked, and nobody else; write ldap = \"ldaps://…\", http = \"https://…\" or \
                               pam = \"portolan\"";
                check.wrong(item, message.to_owned());
                None
            }
        };
        logins.extend(login);
    }
    logins
}

fn http(table: &DeTable<'_>, url: &Item<'_>, member: Member, check: &mut Check<'_>) -> Option<HttpLogin> {
    let place = person::string(url, check)?;
    // Passwords go there.
    if !place.starts_with("https://") && !is_here(&place, "http://") {
        check
            .wrong(url, "passwords go there, which others could read on the way; write https://…".to_owned());
    }
    let authorization = table.get("authorization").and_then(|item| person::string(item, check)).map(Secret);
    Some(HttpLogin { url: place, authorization, member })
}

fn pam(table: &DeTable<'_>, service: &Item<'_>, member: Member, check: &mut Check<'_>) -> Option<PamLogin> {
    let name = person::string(service, check)?;
    if name.is_empty()
        || name.contains(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter))
    {
        check.wrong(service, "a service is the name of a file in /etc/pam.d, like portolan".to_owned());
    }
    let home = rights(table, "home", Rights::FULL, check)?;
    let as_user = table.get("as-user").and_then(|item| person::boolean(item, check)).unwrap_or(true);
    if as_user && member.profile.mounts.iter().any(|mount| mount.make) {
        let message = "a folder that is made belongs to the server, and users of the system may not write there; write \
                       make = false, or as-user = false";
        check.wrong(service, message.to_owned());
    }
    Some(PamLogin { service: name, home, as_user, member })
}

/// What a key says that may be done.
fn rights(table: &DeTable<'_>, key: &str, otherwise: Rights, check: &mut Check<'_>) -> Option<Rights> {
    let Some(item) = table.get(key) else { return Some(otherwise) };
    let text = person::scalar(item, check)?;
    Rights::parse(&text).map_err(|message| check.wrong(item, message)).ok()
}

fn ldap(
    item: &Item<'_>,
    table: &DeTable<'_>,
    url: &Item<'_>,
    member: Member,
    groups: &Groups,
    check: &mut Check<'_>,
) -> Option<LdapLogin> {
    let mut text = |key: &str| table.get(key).and_then(|item| person::string(item, check));
    let (bind, file) = (text("bind"), text("bind-password-file"));
    let (base, filter) = (text("base"), text("filter"));
    let name = text("name-attribute").unwrap_or_else(|| "uid".to_owned());
    let (folder, group) = (text("folder-attribute"), text("groups-attribute"));
    let place = person::string(url, check)?;
    let start_tls = table.get("start-tls").and_then(|item| person::boolean(item, check)).unwrap_or_default();
    if !place.starts_with("ldaps://") && !start_tls && !is_here(&place, "ldap://") {
        let message =
            "passwords go there, which others could read on the way; write ldaps://…, or start-tls = true";
        check.wrong(url, message.to_owned());
    }
    let filter = filter.unwrap_or_else(|| "(uid={user})".to_owned());
    if !filter.contains("{user}") {
        let place = table.get("filter").unwrap_or(item);
        check.wrong(place, "the filter finds the same for everybody; write (uid={user})".to_owned());
    }
    let Some(base) = base else {
        check.wrong(item, "say where users are; write base = \"ou=people,dc=example,dc=org\"".to_owned());
        return None;
    };
    let bind = match (bind, file) {
        (None, None) => None,
        (Some(bind), Some(file)) => {
            let path = check.folder(file.as_ref());
            match std::fs::read_to_string(&path) {
                Ok(text) => Some((bind, Secret(text.lines().next().unwrap_or_default().to_owned()))),
                Err(error) => {
                    let place = table.get("bind-password-file").unwrap_or(item);
                    check.wrong(place, format!("{}: {error}", path.display()));
                    None
                }
            }
        }
        _ => {
            check.wrong(item, "`bind` and `bind-password-file` belong together; write both".to_owned());
            None
        }
    };
    let rights = rights(table, "rights", Rights::READ_ONLY, check)?;
    let known = groups.iter().map(|(name, _)| name.to_owned()).collect();
    Some(LdapLogin {
        url: place,
        start_tls,
        bind,
        base,
        filter,
        name,
        folder: folder.map(|attribute| (attribute, rights)),
        groups: group.map(|attribute| (attribute, known)),
        member,
    })
}

/// True for what is on this machine.
fn is_here(url: &str, scheme: &str) -> bool {
    let host = url.strip_prefix(scheme).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}
