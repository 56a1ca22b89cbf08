//! Groups, and what their members inherit.

use crate::setting::{Account, NoFolder, Origin, Profile, Total};
use crate::value::Speed;
use portolan_confine::Identity;
use std::collections::HashMap;
use std::sync::Arc;

/// What somebody sets, and the groups from which the rest comes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// Names of the groups; what an earlier one sets comes before what a later one does.
    pub groups: Vec<String>,
    /// What is set for this one alone. It comes before what the groups set.
    pub profile: Profile,
    /// The user of the system whose doing it is what they do to files; else the server’s.
    pub identity: Option<Arc<Identity>>,
}

/// What its members have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// What is set for each of them.
    pub profile: Profile,
    /// How fast they may upload, all of them together.
    pub total_up: Speed,
    /// How fast they may download, all of them together.
    pub total_down: Speed,
}

/// The groups of a server, by name.
#[derive(Debug, Clone, Default)]
pub struct Groups(HashMap<String, Group>);

/// Why it cannot be said what counts for somebody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// There is no such group.
    #[error("there is no group `{0}`")]
    NoGroup(String),
    /// The name has to be that of a folder.
    #[error(transparent)]
    NoFolder(#[from] NoFolder),
}

impl Groups {
    /// Those with these names and settings.
    pub fn new(groups: impl IntoIterator<Item = (String, Group)>) -> Groups {
        Groups(groups.into_iter().collect())
    }

    /// True when there is one of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Those of a member.
    pub(crate) fn of(&self, member: &Member) -> Vec<(String, Group)> {
        let own = member.groups.iter().filter_map(|name| Some((name.clone(), self.0.get(name)?.clone())));
        own.collect()
    }

    /// The groups, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Group)> {
        self.0.iter().map(|(name, group)| (name.as_str(), group))
    }

    /// What counts for a member of this name.
    ///
    /// # Errors
    /// When a group is missing, or a folder has to have the name and cannot.
    pub fn resolve(&self, name: &str, member: &Member) -> Result<Account, Unresolved> {
        let (mut profiles, mut totals) = (vec![(Origin::User, &member.profile)], Vec::new());
        for name in &member.groups {
            let group = self.0.get(name).ok_or_else(|| Unresolved::NoGroup(name.clone()))?;
            profiles.push((Origin::Group(name.clone()), &group.profile));
            if group.total_up != Speed(None) || group.total_down != Speed(None) {
                totals.push(Total { group: name.clone(), up: group.total_up, down: group.total_down });
            }
        }
        Ok(Account::of(name, &profiles, totals, member.identity.clone())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mount, TlsNeed};
    use portolan_vfs::Rights;
    use portolan_wire::VirtualPath;

    #[test]
    fn the_own_setting_comes_before_the_first_groups_and_that_before_the_seconds() {
        let at = |name: &str, rights| Mount {
            at: VirtualPath::root().join(name.as_bytes()).unwrap(),
            ..Mount::root("/srv/{user}", rights)
        };
        let staff = Profile {
            mounts: vec![at("/", Rights::FULL), at("/shared", Rights::FULL)],
            tls: Some(TlsNeed::Login),
            ..Profile::default()
        };
        let press = Profile {
            mounts: vec![at("/shared", Rights::READ_ONLY), at("/press", Rights::READ_ONLY)],
            tls: Some(TlsNeed::Data),
            fxp: Some(true),
            ..Profile::default()
        };
        let group = |profile| Group { profile, ..Group::default() };
        let groups = Groups::new([("staff".to_owned(), group(staff)), ("press".to_owned(), group(press))]);
        let own = Profile { mounts: vec![at("/", Rights::UPLOAD_ONLY)], ..Profile::default() };
        let member =
            Member { groups: vec!["staff".to_owned(), "press".to_owned()], profile: own, identity: None };
        let account = groups.resolve("anna", &member).unwrap();
        let group = |name: &str| Origin::Group(name.to_owned());
        let mounts: Vec<_> = account
            .mounts
            .iter()
            .map(|mount| (mount.at.to_string(), mount.rights, mount.origin.clone()))
            .collect();
        assert_eq!(
            mounts,
            [
                ("/".to_owned(), Rights::UPLOAD_ONLY, Origin::User),
                ("/shared".to_owned(), Rights::FULL, group("staff")),
                ("/press".to_owned(), Rights::READ_ONLY, group("press")),
            ]
        );
        assert_eq!((*account.tls, &account.tls.origin), (TlsNeed::Login, &group("staff")));
        assert_eq!((*account.fxp, &account.fxp.origin), (true, &group("press")));
        assert_eq!(account.enabled.origin, Origin::Default);
    }
}
