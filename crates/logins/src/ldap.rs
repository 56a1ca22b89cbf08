//! An LDAP directory that knows users (RFC 4511). Somebody is looked for by a filter, as a user who may search, and their
//! password is right if they can bind by it.

use crate::{Rooms, Secret, with_common};
use async_trait::async_trait;
use ldap3::{
    Ldap as Connection, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry, ldap_escape,
};
use portolan_accounts::{Member, Mount, Profile, Source, SourceError, Verdict};
use portolan_vfs::Rights;
use std::net::IpAddr;
use std::time::Duration;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections at the same time; others wait in the order they came.
const AT_ONCE: usize = 16;

/// What stands for the name in the filter.
const USER: &str = "{user}";

/// The code for a wrong password (RFC 4511 §4.1.9).
const INVALID_CREDENTIALS: u32 = 49;

/// An LDAP directory that knows users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapLogin {
    /// Where it is: `ldap://…` or `ldaps://…`.
    pub url: String,
    /// True when TLS begins on the connection of `ldap://`.
    pub start_tls: bool,
    /// As whom it is searched, and by which password; without it, as nobody.
    pub bind: Option<(String, Secret)>,
    /// Beneath what it is searched.
    pub base: String,
    /// Who it is, with `{user}` for the name.
    pub filter: String,
    /// The attribute with the name, which has to be the one that was said to the letter: directories do not care for
    /// case, and who has two names has every limit twice.
    pub name: String,
    /// The attribute with the folder that they see, and what they may do there.
    pub folder: Option<(String, Rights)>,
    /// The attribute with their groups, by name or by distinguished name, and the groups that count.
    pub groups: Option<(String, Vec<String>)>,
    /// What its users have in common.
    pub member: Member,
}

#[derive(Debug)]
pub(crate) struct Ldap {
    login: LdapLogin,
    rooms: Rooms,
}

/// It cannot be known.
fn failed(error: impl Into<LdapError>) -> SourceError {
    SourceError(error.into().to_string())
}

impl Ldap {
    pub(crate) fn new(login: LdapLogin) -> Ldap {
        Ldap { login, rooms: Rooms::new(AT_ONCE) }
    }

    async fn connect(&self) -> Result<Connection, SourceError> {
        let settings = LdapConnSettings::new().set_conn_timeout(PATIENCE).set_starttls(self.login.start_tls);
        let (driver, mut connection) =
            LdapConnAsync::with_settings(settings, &self.login.url).await.map_err(failed)?;
        tokio::spawn(async move {
            // Whoever asks hears of it, too.
            if let Err(error) = driver.drive().await {
                tracing::debug!(%error, "a connection to a directory");
            }
        });
        if let Some((name, Secret(password))) = &self.login.bind {
            let bound = connection.with_timeout(PATIENCE).simple_bind(name, password).await;
            bound.and_then(ldap3::LdapResult::success).map_err(failed)?;
        }
        Ok(connection)
    }

    /// The entry of a user, if there is one.
    async fn search(
        &self,
        connection: &mut Connection,
        name: &str,
    ) -> Result<Option<SearchEntry>, SourceError> {
        let filter = self.login.filter.replace(USER, &ldap_escape(name));
        let folder = self.login.folder.as_ref().map(|(attribute, _)| attribute);
        let groups = self.login.groups.as_ref().map(|(attribute, _)| attribute);
        let attributes: Vec<&str> =
            [&self.login.name].into_iter().chain(folder).chain(groups).map(String::as_str).collect();
        let found =
            connection.with_timeout(PATIENCE).search(&self.login.base, Scope::Subtree, &filter, attributes);
        let (entries, _) = found.await.and_then(ldap3::SearchResult::success).map_err(failed)?;
        let mut entries = entries.into_iter().filter(|entry| !entry.is_ref());
        match (entries.next(), entries.next()) {
            (None, _) => Ok(None),
            (Some(entry), None) => {
                let entry = SearchEntry::construct(entry);
                Ok(values(&entry, &self.login.name).iter().any(|own| own == name).then_some(entry))
            }
            (Some(_), Some(_)) => {
                Err(SourceError("the filter finds several entries for one name".to_owned()))
            }
        }
    }

    /// What counts for a user by their entry.
    fn member(&self, entry: &SearchEntry) -> Result<Member, SourceError> {
        let mut own = Member::default();
        if let Some((attribute, rights)) = &self.login.folder {
            match values(entry, attribute) {
                [folder] if folder.starts_with('/') => {
                    own.profile =
                        Profile { mounts: vec![Mount::root(folder, *rights)], ..Profile::default() };
                }
                [] => {}
                _ => return Err(SourceError(format!("{}: `{attribute}` is no folder", entry.dn))),
            }
        }
        if let Some((attribute, known)) = &self.login.groups {
            let named = values(entry, attribute).iter().map(|value| first_name(value).to_owned());
            own.groups = named.filter(|name| known.contains(name)).collect();
        }
        Ok(with_common(own, &self.login.member))
    }
}

/// What an entry has in an attribute.
fn values<'e>(entry: &'e SearchEntry, attribute: &str) -> &'e [String] {
    let found = entry.attrs.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute));
    found.map(|(_, values)| &values[..]).unwrap_or_default()
}

/// The name of a group: the value of the first part of a distinguished name, or what it says.
fn first_name(value: &str) -> &str {
    let first = value.split(',').next().unwrap_or(value);
    first.split_once('=').map_or(value, |(_, name)| name.trim())
}

#[async_trait]
impl Source for Ldap {
    fn place(&self) -> String {
        self.login.url.clone()
    }

    async fn check(&self, name: &str, password: &str, _: IpAddr) -> Result<Verdict, SourceError> {
        let _room = Rooms::enter(&self.rooms.check).await?;
        let mut connection = self.connect().await?;
        let Some(entry) = self.search(&mut connection, name).await? else { return Ok(Verdict::Unknown) };
        let bound =
            connection.with_timeout(PATIENCE).simple_bind(&entry.dn, password).await.map_err(failed)?;
        let verdict = match bound.rc {
            0 => Ok(Verdict::Right(Box::new(self.member(&entry)?))),
            INVALID_CREDENTIALS => Ok(Verdict::Wrong),
            _ => Err(failed(bound)),
        };
        // It is over either way.
        let _ = connection.unbind().await;
        verdict
    }

    async fn find(&self, name: &str, _: IpAddr) -> Result<Option<Member>, SourceError> {
        let _room = Rooms::enter(&self.rooms.find).await?;
        let mut connection = self.connect().await?;
        let entry = self.search(&mut connection, name).await?;
        let _ = connection.unbind().await;
        entry.map(|entry| self.member(&entry)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_named_by_itself_or_by_the_first_part_of_its_name() {
        for (value, name) in [
            ("staff", "staff"),
            ("cn=staff,ou=groups,dc=example", "staff"),
            ("CN = Staff Of X,DC=e", "Staff Of X"),
        ] {
            assert_eq!(first_name(value), name);
        }
    }
}
