//! `portolan user`.

use crate::args::{Changes, Output, UserCommand, Who};
use crate::people::People;
use crate::{Exit, edit, import, password};
use portolan_accounts::{ANONYMOUS, Account, Member, Origin, PasswordHash, User};
use portolan_server::needs::{Need, needs};
use portolan_vfs::{Right, Rights};
use portolan_wire::{Verb, VirtualPath};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::path::Path;

/// Does what a command line says.
pub(crate) fn run(command: UserCommand) -> Result<(), Exit> {
    if let UserCommand::Hash { password } = &command {
        println!("{}", hash(password.password_file.as_deref(), "Password: ")?.as_str());
        return Ok(());
    }
    crate::people::block_on(async {
        match command {
            UserCommand::Add { who, password, group, changes } => {
                add(&who, password.password_file.as_deref(), group, &changes).await
            }
            UserCommand::Set { who, settings, group, no_group, mut changes } => {
                changes.set.extend(settings);
                set(&who, group, no_group, &changes).await
            }
            UserCommand::Passwd { who, password } => passwd(&who, password.password_file.as_deref()).await,
            UserCommand::Remove { who } => remove(&who).await,
            UserCommand::List { source, output } => list(&People::of(&source)?, &output).await,
            UserCommand::Show { who, output, effective } => show(&who, &output, effective).await,
            UserCommand::Can { who, verb, path, from } => can(&who, &verb, &path, from).await,
            UserCommand::Import { format, file, groups, dry_run, folder, rights, group, source } => {
                let people = People::of(&source)?;
                let wanted = import::Wanted { groups, dry_run, folder, rights, group };
                import::run(&people, format, &file, &wanted).await
            }
            UserCommand::Hash { .. } => Ok(()),
        }
    })
}

fn hash(file: Option<&Path>, prompt: &str) -> Result<PasswordHash, Exit> {
    let password = password::read(file, prompt)?;
    PasswordHash::of(password.as_bytes()).map_err(|error| Exit::failed(error.to_string()))
}

async fn add(who: &Who, file: Option<&Path>, groups: Vec<String>, changes: &Changes) -> Result<(), Exit> {
    let (people, name) = (People::of(&who.source)?, &who.name);
    if name.is_empty() || name.contains(char::is_control) || name == ANONYMOUS {
        return Err(Exit::wrong(format!("`{}` cannot be the name of a user", name.escape_debug())));
    }
    people.must_not_be_written(name)?;
    if people.store.user(&people.host, name).await?.is_some() {
        return Err(Exit::failed(format!(
            "there is a user `{name}` already; change it by `portolan user set`"
        )));
    }
    let mut member = Member { groups, ..Member::default() };
    edit::apply(&mut member.profile, changes)?;
    check(&people, name, &member).await?;
    let password = hash(file, &format!("Password of {name}: "))?;
    people.put(User { name: name.clone(), password, member }).await
}

async fn set(who: &Who, groups: Vec<String>, no_group: bool, changes: &Changes) -> Result<(), Exit> {
    let people = People::of(&who.source)?;
    let mut user = people.stored(&who.name).await?;
    if no_group || !groups.is_empty() {
        user.member.groups = groups;
    }
    edit::apply(&mut user.member.profile, changes)?;
    check(&people, &who.name, &user.member).await?;
    people.put(user).await
}

/// What is of no use is not put there.
async fn check(people: &People, name: &str, member: &Member) -> Result<(), Exit> {
    let account = people.account(name, member).await?;
    if account.mounts.is_empty() {
        let text =
            format!("`{name}` would see no folder; write --folder, --mount, or a --group that has one");
        return Err(Exit::wrong(text));
    }
    for mount in account.mounts.iter().filter(|mount| people.config.gives_up(mount.base())) {
        eprintln!(
            "portolan: {} lies among what is the system's, which a server gives up when it starts; to be served, it has \
             to be written as `folders` in [confine]",
            mount.folder.display()
        );
    }
    Ok(())
}

async fn passwd(who: &Who, file: Option<&Path>) -> Result<(), Exit> {
    let people = People::of(&who.source)?;
    let user = people.stored(&who.name).await?;
    let password = hash(file, &format!("New password of {}: ", who.name))?;
    people.put(User { password, ..user }).await
}

async fn remove(who: &Who) -> Result<(), Exit> {
    let people = People::of(&who.source)?;
    // One that makes no sense can be removed, too.
    people.must_not_be_written(&who.name)?;
    match people.store.remove_user(&people.host, &who.name).await? {
        true => Ok(()),
        false => Err(Exit::failed(format!("there is no user `{}`", who.name))),
    }
}

async fn list(people: &People, output: &Output) -> Result<(), Exit> {
    for (name, member) in people.all().await? {
        if output.json {
            println!("{}", json!({ "name": name, "groups": member.groups }));
        } else {
            println!("{:<24} {}", name.escape_debug().to_string(), member.groups.join(", "));
        }
    }
    Ok(())
}

/// Prints what counts for somebody, and where each setting comes from.
async fn show(who: &Who, output: &Output, effective: bool) -> Result<(), Exit> {
    let people = People::of(&who.source)?;
    let member = people.find(&who.name).await?;
    let account = people.account(&who.name, &member).await?;
    let shown = |origin: &Origin| effective || *origin == Origin::User;
    if output.json {
        println!("{}", json_of(&who.name, &member, &account, shown));
        return Ok(());
    }
    println!("{}", who.name.escape_debug());
    if !member.groups.is_empty() {
        println!("  {:<18} {}", "groups", member.groups.join(", "));
    }
    for mount in account.mounts.iter().filter(|mount| shown(&mount.origin)) {
        let only_top = if mount.subfolders { "" } else { ", without subfolders" };
        let what = format!("{} ({}{only_top})", mount.folder.display(), mount.rights);
        println!("  {:<18} {what:<48} {}", String::from_utf8_lossy(mount.at.as_bytes()), mount.origin);
    }
    for (key, value, origin) in account.lines().into_iter().filter(|(_, _, origin)| shown(origin)) {
        println!("  {key:<18} {value:<48} {origin}");
    }
    for total in account.totals.iter().filter(|_| effective) {
        let (up, down) = (total.up.to_string(), total.down.to_string());
        println!("  {:<18} {:<48} group {}", "all together", format!("up {up}, down {down}"), total.group);
    }
    Ok(())
}

fn json_of(name: &str, member: &Member, account: &Account, shown: impl Fn(&Origin) -> bool) -> Value {
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
async fn can(who: &Who, verb: &str, path: &str, from: Option<IpAddr>) -> Result<(), Exit> {
    let people = People::of(&who.source)?;
    let account = people.account(&who.name, &people.find(&who.name).await?).await?;
    let verb = Verb::parse(verb.to_ascii_uppercase().as_bytes())
        .ok_or_else(|| Exit::wrong(format!("`{verb}` is no verb of FTP; write it like STOR")))?;
    let path = VirtualPath::root()
        .join(path.as_bytes())
        .map_err(|error| Exit::wrong(format!("`{path}` is no path: {error}")))?;
    if !*account.enabled {
        return no(&format!("the account is not enabled ({})", account.enabled.origin));
    }
    if let Some(address) = from
        && let Some(reason) = people.config.access.refuses(address)
    {
        return no(&format!("{address}: {reason} (for everybody, by [access])"));
    }
    if let Some(address) = from
        && let Some((reason, origin)) = account.refuses(address)
    {
        return no(&format!("{address}: {reason} ({origin})"));
    }
    let fixed = account.mounts.iter().any(|mount| mount.at.is_within(&path)) || path.is_root();
    if fixed && MOVES.contains(&verb) {
        return no(&format!("something is mounted at {path}, or beneath, and stays where it is"));
    }
    for need in needs(verb) {
        let directory = need.directory(&path);
        let (rights, rule) = rule(&account, &directory);
        if !need.is_met(rights) {
            return no(&format!("{verb} needs {} in {directory}; {rule}", words(*need)));
        }
        println!("{verb} needs {} in {directory}; {rule}", words(*need));
    }
    println!("{}", if MORE.contains(&verb) { "yes, as far as that goes" } else { "yes" });
    Ok(())
}

/// What cannot be done where something is mounted.
const MOVES: &[Verb] = &[
    Verb::Appe,
    Verb::Dele,
    Verb::Mff,
    Verb::Mfmt,
    Verb::Mkd,
    Verb::Rmd,
    Verb::Rmda,
    Verb::Rnto,
    Verb::Stor,
    Verb::Xmkd,
    Verb::Xrmd,
];

/// What needs more, by what there is: another right for a folder than for a file, or for something new.
const MORE: &[Verb] = &[Verb::Appe, Verb::Comb, Verb::Rnfr, Verb::Rnto];

fn no(reason: &str) -> Result<(), Exit> {
    println!("no: {reason}");
    Err(Exit { message: String::new(), code: 1 })
}

fn words(need: Need) -> String {
    let list = |rights: &[Right], between| {
        rights.iter().map(|right| right.as_str()).collect::<Vec<_>>().join(between)
    };
    match need {
        Need::All(_, rights) => list(rights, " and "),
        Need::One(_, rights) if rights.len() == Right::ALL.len() => "any right".to_owned(),
        Need::One(_, rights) => list(rights, " or "),
    }
}

/// The rights in a directory, and the mount that gives them.
fn rule(account: &Account, directory: &VirtualPath) -> (Rights, String) {
    let holding = account.mounts.iter().filter(|mount| directory.is_within(&mount.at));
    let Some(mount) = holding.max_by_key(|mount| mount.at.components().count()) else {
        let list = Rights::of(&[Right::List]);
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
