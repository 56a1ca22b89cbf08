//! Settings of accounts, and where each comes from.
//!
//! There is one table of them. Whoever reads or writes settings as text goes by it: the configuration file, the command
//! line, the store.

use crate::hours::Hours;
use crate::mount::Mount;
use crate::value::{Bytes, Count, Networks, Ratio, Seconds, Speed, TlsNeed, Value};
use portolan_confine::Identity;
use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It is so unless somebody says otherwise.
    Default,
    /// This group.
    Group(String),
    /// The user's own.
    User,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Group(name) => write!(f, "group {name}"),
            Origin::User => f.write_str("own"),
        }
    }
}

/// A setting as it counts, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The setting.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

impl<T> Deref for Setting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// How fast the members of a group may be together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// The group.
    pub group: String,
    /// When they upload.
    pub up: Speed,
    /// When they download.
    pub down: Speed,
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])* $name:ident $key:literal $type:ty = $default:expr,)*) => {
        /// What a group or a user sets. What is not set comes from elsewhere.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Profile {
            /// Folders, of which those of others come to these.
            pub mounts: Vec<Mount>,
            $($(#[doc = $doc])* pub $name: Option<$type>,)*
        }

        /// What counts for somebody who is logged in.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Account {
            /// The name, as it is known here.
            pub name: String,
            /// The folders that they see.
            pub mounts: Vec<Setting<Mount>>,
            /// How fast they may be together with the other members of each of their groups.
            pub totals: Vec<Total>,
            /// The user of the system whose doing it is what they do to files; else the server's.
            pub identity: Option<Arc<Identity>>,
            $($(#[doc = $doc])* pub $name: Setting<$type>,)*
        }

        /// Names of the settings, as they are written, and what they mean.
        pub const SETTINGS: &[(&str, &str)] = &[$(($key, concat!($($doc),*)),)*];

        impl Profile {
            /// Sets what a text means.
            ///
            /// # Errors
            /// When there is no such setting, or the text is none for it: what is wrong, and what to write.
            pub fn set(&mut self, key: &str, text: &str) -> Result<(), String> {
                match key {
                    $($key => self.$name = Some(Value::parse(text)?),)*
                    _ => return Err(format!("`{key}` is no setting; there are {}", keys())),
                }
                Ok(())
            }

            /// Sets it no longer.
            ///
            /// # Errors
            /// When there is no such setting.
            pub fn unset(&mut self, key: &str) -> Result<(), String> {
                match key {
                    $($key => self.$name = None,)*
                    _ => return Err(format!("`{key}` is no setting; there are {}", keys())),
                }
                Ok(())
            }

            /// What is set, as it is written.
            pub fn texts(&self) -> Vec<(&'static str, String)> {
                let mut texts = Vec::new();
                $(texts.extend(self.$name.as_ref().map(|value| ($key, value.to_text())));)*
                texts
            }
        }

        impl Account {
            /// What these make together. The earlier ones win; of folders, those that are seen at the same place.
            pub(crate) fn of(
                name: &str,
                profiles: &[(Origin, &Profile)],
                totals: Vec<Total>,
                identity: Option<Arc<Identity>>,
            ) -> Result<Account, NoFolder> {
                let mut mounts: Vec<Setting<Mount>> = Vec::new();
                for (origin, profile) in profiles {
                    for mount in &profile.mounts {
                        if mounts.iter().all(|taken| taken.at != mount.at) {
                            let value = mount.of_user(name).ok_or(NoFolder)?;
                            mounts.push(Setting { value, origin: origin.clone() });
                        }
                    }
                }
                Ok(Account { name: name.to_owned(), mounts, totals, identity, $($name: first(profiles, |profile| profile.$name.as_ref(), $default),)* })
            }

            /// The settings as they are written: name, value and origin of each.
            pub fn lines(&self) -> Vec<(&'static str, String, &Origin)> {
                vec![$(($key, self.$name.value.to_text(), &self.$name.origin),)*]
            }
        }
    };
}

impl Setting<Mount> {
    /// True for a folder that is the account's own: by the name in its path, or since it is set for the account alone.
    pub fn is_own(&self) -> bool {
        self.value.own || self.origin == Origin::User
    }
}

impl Account {
    /// Why somebody may not log in from an address, and where that comes from; `None` where they may.
    pub fn refuses(&self, address: IpAddr) -> Option<(String, &Origin)> {
        if let Some(network) = self.deny.find(address) {
            return Some((format!("{network} is denied"), &self.deny.origin));
        }
        let elsewhere = !self.allow.is_empty() && self.allow.find(address).is_none();
        elsewhere.then(|| ("it is not among the addresses that are allowed".to_owned(), &self.allow.origin))
    }
}

/// The user's name has to be that of a folder, and cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the user's name cannot be the name of a folder")]
pub struct NoFolder;

fn first<T: Clone>(
    profiles: &[(Origin, &Profile)],
    setting: impl Fn(&Profile) -> Option<&T>,
    default: T,
) -> Setting<T> {
    let set = profiles.iter().find_map(|(origin, profile)| Some((origin, setting(profile)?)));
    match set {
        Some((origin, value)) => Setting { value: value.clone(), origin: origin.clone() },
        None => Setting { value: default, origin: Origin::Default },
    }
}

fn keys() -> String {
    SETTINGS.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(", ")
}

settings! {
    /// True when they may log in.
    enabled "enabled" bool = true,
    /// What they need TLS for: offer, require-login, require.
    tls "tls" TlsNeed = TlsNeed::Nothing,
    /// True when they may have data connections with other addresses than their own (FXP).
    fxp "fxp" bool = false,
    /// Where they may log in from, like 192.0.2.0/24; without any, from everywhere.
    allow "allow" Networks = Networks::default(),
    /// Where they may not log in from, though it be allowed.
    deny "deny" Networks = Networks::default(),
    /// Hours of the week in which they may be logged in, like Mon-Fri 08:00-18:00, Sat; without any, always.
    hours "hours" Hours = Hours::default(),
    /// Seconds between commands after which a session ends; default is what the server has for all.
    idle "idle" Seconds = Seconds(None),
    /// Seconds after the login after which a session ends, when a transfer that runs is done; default is never.
    session_time "session-time" Seconds = Seconds(None),
    /// Sessions that they may have at the same time.
    sessions "sessions" Count = Count(None),
    /// Transfers that they may have at the same time.
    transfers "transfers" Count = Count(None),
    /// How fast they may upload, in all their sessions together.
    speed_up "speed-up" Speed = Speed(None),
    /// How fast they may download, in all their sessions together.
    speed_down "speed-down" Speed = Speed(None),
    /// How much may lie in their own folders, like 10 GB.
    quota_bytes "quota-bytes" Bytes = Bytes(None),
    /// How many files and links may lie in their own folders.
    quota_files "quota-files" Count = Count(None),
    /// How many bytes they may download for those that they upload, like 1:3.
    ratio "ratio" Ratio = Ratio(None),
}
