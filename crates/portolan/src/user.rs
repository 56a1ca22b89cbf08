//! `portolan user`.

use crate::args::{UserSource, Who};
use crate::{Exit, config, password};
use portolan_accounts::{Account, Groups, Member, PasswordHash};
use portolan_config::Config;
use portolan_server::needs::{Need, needs};
use portolan_vfs::Rights;
use portolan_wire::{Verb, VirtualPath};
use serde_json::{Value, json};
use std::path::Path;

/// Prints the hash of a password.
pub(crate) fn hash(file: Option<&Path>) -> Result<(), Exit> {
    let password = password::read(file, "Password: ")?;
    let hash = PasswordHash::of(password.as_bytes()).map_err(|error| Exit::failed(error.to_string()))?;
    println!("{}", hash.as_str());
    Ok(())
}

/// Prints who may log in.
pub(crate) fn list(source: &UserSource) -> Result<(), Exit> {
    let config = config::read(&source.config)?;
    let mut names: Vec<(&str, &Member)> = everybody(&config, source)?;
    names.sort_by_key(|(name, _)| *name);
    if source.json {
        let lines = names.iter().map(|(name, member)| json!({ "name": name, "groups": member.groups }));
        lines.for_each(|line| println!("{line}"));
    } else {
        for (name, member) in names {
            println!("{:<24} {}", name.escape_debug().to_string(), member.groups.join(", "));
        }
    }
    Ok(())
}

/// Prints what counts for somebody, and where each setting comes from.
pub(crate) fn show(who: &Who, effective: bool) -> Result<(), Exit> {
    let config = config::read(&who.source.config)?;
    let member = find(&config, who)?;
    let account = resolve(&config.groups, &who.name, member)?;
    let own = |origin: &portolan_accounts::Origin| effective || *origin == portolan_accounts::Origin::User;
    if who.source.json {
        println!("{}", json_of(&who.name, member, &account, own));
        return Ok(());
    }
    println!("{}", who.name.escape_debug());
    if !member.groups.is_empty() {
        println!("  {:<18} {}", "groups", member.groups.join(", "));
    }
    for mount in account.mounts.iter().filter(|mount| own(&mount.origin)) {
        let only_top = if mount.subfolders { "" } else { ", without subfolders" };
        let what = format!("{} ({}{only_top})", mount.folder.display(), mount.rights);
        println!("  {:<18} {what:<48} {}", mount.at.to_string(), mount.origin);
    }
    for (key, value, origin) in account.lines().into_iter().filter(|(_, _, origin)| own(origin)) {
        println!("  {key:<18} {value:<48} {origin}");
    }
    Ok(())
}

fn json_of(
    name: &str,
    member: &Member,
    account: &Account,
    shown: impl Fn(&portolan_accounts::Origin) -> bool,
) -> Value {
    let mounts = account.mounts.iter().filter(|mount| shown(&mount.origin)).map(|mount| {
        json!({
            "at": mount.at.to_string(),
            "folder": mount.folder,
            "rights": mount.rights.to_string(),
            "subfolders": mount.subfolders,
            "origin": mount.origin.to_string(),
        })
    });
    let settings = account.lines().into_iter().filter(|(_, _, origin)| shown(origin));
    let settings: serde_json::Map<String, Value> = settings
        .map(|(key, value, origin)| (key.to_owned(), json!({ "value": value, "origin": origin.to_string() })))
        .collect();
    json!({
        "name": name,
        "groups": member.groups,
        "mounts": mounts.collect::<Vec<_>>(),
        "settings": settings,
    })
}

/// Says whether somebody may do something, and what decides that. The exit code is 1 when not.
pub(crate) fn can(who: &Who, verb: &str, path: &str) -> Result<(), Exit> {
    let config = config::read(&who.source.config)?;
    let account = resolve(&config.groups, &who.name, find(&config, who)?)?;
    let verb = Verb::parse(verb.to_ascii_uppercase().as_bytes())
        .ok_or_else(|| Exit::wrong(format!("`{verb}` is no verb of FTP; write it like STOR")))?;
    let path = VirtualPath::root()
        .join(path.as_bytes())
        .map_err(|error| Exit::wrong(format!("`{path}` is no path: {error}")))?;
    if !*account.enabled {
        return no(&format!("the account is not enabled ({})", account.enabled.origin));
    }
    for need in needs(verb) {
        let directory = need.directory(&path);
        let (rights, rule) = rule(&account, &directory);
        if !need.is_met(rights) {
            return no(&format!("{verb} needs {} in {directory}; {rule}", words(*need)));
        }
        println!("{verb} needs {} in {directory}; {rule}", words(*need));
    }
    println!("yes");
    Ok(())
}

fn no(reason: &str) -> Result<(), Exit> {
    println!("no: {reason}");
    Err(Exit { message: String::new(), code: 1 })
}

fn words(need: Need) -> String {
    let list = |rights: &[portolan_vfs::Right], between| {
        rights.iter().map(|right| right.as_str()).collect::<Vec<_>>().join(between)
    };
    match need {
        Need::All(_, rights) => list(rights, " and "),
        Need::One(_, rights) if rights.len() == portolan_vfs::Right::ALL.len() => "any right".to_owned(),
        Need::One(_, rights) => list(rights, " or "),
    }
}

/// The rights in a directory, and the mount that gives them.
fn rule(account: &Account, directory: &VirtualPath) -> (Rights, String) {
    let holding = account.mounts.iter().filter(|mount| directory.is_within(&mount.at));
    let Some(mount) = holding.max_by_key(|mount| mount.at.components().count()) else {
        let list = Rights::of(&[portolan_vfs::Right::List]);
        return match account.mounts.iter().any(|mount| mount.at.is_within(directory)) {
            true => (list, "it only leads to mounts, and may be listed".to_owned()),
            false => (Rights::NONE, "nothing is mounted there".to_owned()),
        };
    };
    let from = format!("the mount at {} ({}) gives {}", mount.at, mount.origin, mount.rights);
    if mount.subfolders || *directory == mount.at {
        (mount.rights, from)
    } else {
        (Rights::NONE, format!("{from}, and does not reach into subfolders"))
    }
}

fn resolve(groups: &Groups, name: &str, member: &Member) -> Result<Account, Exit> {
    groups.resolve(name, member).map_err(|error| Exit::failed(format!("{name}: {error}")))
}

fn find<'a>(config: &'a Config, who: &Who) -> Result<&'a Member, Exit> {
    let found = everybody(config, &who.source)?.into_iter().find(|(name, _)| *name == who.name);
    found.map(|(_, member)| member).ok_or_else(|| Exit::failed(format!("there is no user `{}`", who.name)))
}

/// Everybody who may log in, by name: at the default host, or the one that is asked for.
fn everybody<'a>(config: &'a Config, source: &UserSource) -> Result<Vec<(&'a str, &'a Member)>, Exit> {
    let (users, anonymous) = match &source.host {
        None => (&config.users, &config.anonymous),
        Some(name) => {
            let host =
                config.hosts.iter().find(|host| host.names.iter().any(|own| own.eq_ignore_ascii_case(name)));
            let host = host.ok_or_else(|| Exit::failed(format!("there is no virtual host `{name}`")))?;
            (&host.users, &host.anonymous)
        }
    };
    let anonymous = anonymous.as_ref().map(|member| (portolan_accounts::ANONYMOUS, member));
    Ok(users.iter().map(|user| (user.name.as_str(), &user.member)).chain(anonymous).collect())
}
