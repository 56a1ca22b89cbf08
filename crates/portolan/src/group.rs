//! `portolan group`.

use crate::args::{Changes, GroupCommand, Output, Source, Totals, WhichGroup};
use crate::people::People;
use crate::{Exit, edit};
use portolan_accounts::{Group, Speed, parse_speed};
use serde_json::json;

/// Does what a command line says.
pub(crate) fn run(command: GroupCommand) -> Result<(), Exit> {
    crate::people::block_on(async {
        match command {
            GroupCommand::Add { group, totals, changes } => add(&group, &totals, &changes).await,
            GroupCommand::Set { group, settings, totals, mut changes } => {
                changes.set.extend(settings);
                set(&group, &totals, &changes).await
            }
            GroupCommand::Remove { group } => remove(&group).await,
            GroupCommand::List { source, output } => list(&People::of(&source)?, &output).await,
            GroupCommand::Show { group, output } => show(&group, &output).await,
        }
    })
}

fn people(group: &WhichGroup) -> Result<People, Exit> {
    People::of(&Source { config: group.config.clone(), host: None })
}

async fn add(which: &WhichGroup, totals: &Totals, changes: &Changes) -> Result<(), Exit> {
    let (people, name) = (people(which)?, &which.name);
    if name.is_empty() || name.contains(char::is_control) {
        return Err(Exit::wrong(format!("`{}` cannot be the name of a group", name.escape_debug())));
    }
    if people.groups().await?.contains(name) {
        return Err(Exit::failed(format!(
            "there is a group `{name}` already; change it by `portolan group set`"
        )));
    }
    let mut group = Group::default();
    change(&mut group, totals, changes)?;
    put(&people, name, &group).await
}

async fn set(which: &WhichGroup, totals: &Totals, changes: &Changes) -> Result<(), Exit> {
    let people = people(which)?;
    let mut group = stored(&people, &which.name).await?;
    change(&mut group, totals, changes)?;
    put(&people, &which.name, &group).await
}

fn change(group: &mut Group, totals: &Totals, changes: &Changes) -> Result<(), Exit> {
    let total = |text: &Option<String>, before: Speed| {
        text.as_deref().map_or(Ok(before), |text| parse_speed(text).map_err(Exit::wrong))
    };
    group.total_up = total(&totals.total_speed_up, group.total_up)?;
    group.total_down = total(&totals.total_speed_down, group.total_down)?;
    edit::apply(&mut group.profile, changes)
}

async fn put(people: &People, name: &str, group: &Group) -> Result<(), Exit> {
    people.must_not_expose(&group.profile)?;
    people.store.put_group(name, group).await?;
    people.say_where();
    Ok(())
}

/// A group of the store, to be changed there.
async fn stored(people: &People, name: &str) -> Result<Group, Exit> {
    if people.config.groups.contains(name) {
        return Err(Exit::failed(format!("`{name}` is in the configuration file; change it there")));
    }
    people.store.group(name).await?.ok_or_else(|| Exit::failed(format!("there is no group `{name}`")))
}

async fn remove(which: &WhichGroup) -> Result<(), Exit> {
    let people = people(which)?;
    stored(&people, &which.name).await?;
    people.store.remove_group(&which.name).await?;
    let members = people.all().await?.into_iter().filter(|(_, member)| member.groups.contains(&which.name));
    for (name, _) in members {
        eprintln!("portolan: {name} is still a member, and cannot log in until that is changed");
    }
    Ok(())
}

async fn list(people: &People, output: &Output) -> Result<(), Exit> {
    let groups = people.groups().await?;
    let mut names: Vec<&str> = groups.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    for name in names {
        if output.json {
            println!("{}", json!({ "name": name }));
        } else {
            println!("{}", name.escape_debug());
        }
    }
    Ok(())
}

async fn show(which: &WhichGroup, output: &Output) -> Result<(), Exit> {
    let groups = people(which)?.groups().await?;
    let found = groups.iter().find(|(name, _)| *name == which.name);
    let (name, group) = found.ok_or_else(|| Exit::failed(format!("there is no group `{}`", which.name)))?;
    let mounts = group.profile.mounts.iter();
    if output.json {
        let mounts = mounts.map(|mount| {
            json!({
                "at": String::from_utf8_lossy(mount.at.as_bytes()),
                "folder": mount.folder,
                "rights": mount.rights.to_string(),
                "subfolders": mount.subfolders,
            })
        });
        let settings: serde_json::Map<_, _> =
            group.profile.texts().into_iter().map(|(key, text)| (key.to_owned(), text.into())).collect();
        let totals = json!({ "up": group.total_up.to_string(), "down": group.total_down.to_string() });
        let mounts: Vec<_> = mounts.collect();
        println!(
            "{}",
            json!({ "name": name, "mounts": mounts, "settings": settings, "total-speed": totals })
        );
        return Ok(());
    }
    println!("{}", name.escape_debug());
    for mount in mounts {
        let at = String::from_utf8_lossy(mount.at.as_bytes());
        println!("  {at:<18} {} ({})", mount.folder.display(), mount.rights);
    }
    let totals = [("total-speed-up", group.total_up), ("total-speed-down", group.total_down)];
    let totals = totals.into_iter().filter(|(_, speed)| *speed != Speed(None));
    let texts = group.profile.texts().into_iter().chain(totals.map(|(key, speed)| (key, speed.to_string())));
    texts.for_each(|(key, text)| println!("  {key:<18} {text}"));
    Ok(())
}
