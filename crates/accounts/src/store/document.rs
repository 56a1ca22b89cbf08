//! What is set for a user or a group, as JSON.

use crate::group::{Group, Member};
use crate::mount::Mount;
use crate::setting::Profile;
use crate::value::{Speed, Value};
use portolan_vfs::Rights;
use portolan_wire::VirtualPath;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Document {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mounts: Vec<MountDocument>,
    /// By the names that they have in the configuration file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    settings: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total_speed_up: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total_speed_down: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MountDocument {
    at: String,
    folder: PathBuf,
    rights: String,
    #[serde(default = "yes")]
    subfolders: bool,
    #[serde(default)]
    make: bool,
}

fn yes() -> bool {
    true
}

impl Document {
    pub(super) fn read(text: &str) -> Result<Document, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// The text.
    ///
    /// # Errors
    /// When the path of a folder is no UTF-8.
    pub(super) fn to_text(&self) -> Result<String, String> {
        serde_json::to_string(self).map_err(|error| error.to_string())
    }

    pub(super) fn of_member(member: &Member) -> Document {
        Document { groups: member.groups.clone(), ..Document::of_profile(&member.profile) }
    }

    pub(super) fn of_group(group: &Group) -> Document {
        let total = |speed: Speed| speed.0.map(|_| speed.to_text());
        Document {
            total_speed_up: total(group.total_up),
            total_speed_down: total(group.total_down),
            ..Document::of_profile(&group.profile)
        }
    }

    fn of_profile(profile: &Profile) -> Document {
        let mount = |mount: &Mount| MountDocument {
            at: String::from_utf8_lossy(mount.at.as_bytes()).into_owned(),
            folder: mount.folder.clone(),
            rights: mount.rights.to_string(),
            subfolders: mount.subfolders,
            make: mount.make,
        };
        Document {
            mounts: profile.mounts.iter().map(mount).collect(),
            settings: profile.texts().into_iter().map(|(key, text)| (key.to_owned(), text)).collect(),
            ..Document::default()
        }
    }

    pub(super) fn into_member(self) -> Result<Member, String> {
        if self.total_speed_up.is_some() || self.total_speed_down.is_some() {
            return Err("a user has no total speed".to_owned());
        }
        Ok(Member { groups: self.groups.clone(), profile: self.into_profile()?, identity: None })
    }

    pub(super) fn into_group(self) -> Result<Group, String> {
        if !self.groups.is_empty() {
            return Err("a group is not a member of others".to_owned());
        }
        let total = |text: &Option<String>| text.as_deref().map_or(Ok(Speed(None)), Speed::parse);
        let (total_up, total_down) = (total(&self.total_speed_up)?, total(&self.total_speed_down)?);
        Ok(Group { profile: self.into_profile()?, total_up, total_down })
    }

    fn into_profile(self) -> Result<Profile, String> {
        let mut profile = Profile::default();
        for (key, text) in &self.settings {
            profile.set(key, text)?;
        }
        for mount in self.mounts {
            let at = VirtualPath::root().join(mount.at.as_bytes()).map_err(|error| error.to_string())?;
            let rights = Rights::parse(&mount.rights)?;
            let MountDocument { folder, subfolders, make, .. } = mount;
            profile.mounts.push(Mount { at, folder, rights, subfolders, make, own: false });
        }
        Ok(profile)
    }
}
