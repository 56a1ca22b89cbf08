//! Who may log in, and what they may do.
//!
//! What this crate is not: it knows neither FTP nor sockets. It takes about the same time whether the name or the
//! password was wrong, once the hashes that came from other servers are replaced.

mod access;
pub mod bans;
mod group;
mod hours;
pub mod import;
mod mount;
mod password;
mod setting;
mod source;
mod store;
mod tally;
mod value;

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

pub use access::Access;
pub use bans::{Ban, BanMode, BanRules, Bans};
pub use group::{Group, Groups, Member, Unresolved};
pub use hours::{Hours, Open};
pub use mount::{Mount, is_template};
use password::Checker;
pub use password::{HashError, PasswordHash};
pub use setting::{Account, Origin, Profile, SETTINGS, Setting, Total};
pub use source::{Source, SourceError, Verdict, parse_member};
pub use store::{Store, StoreError};
pub use tally::Tally;
pub use value::{
    Bytes, Count, Networks, Ratio, Seconds, Speed, TlsNeed, parse_hours, parse_networks, parse_speed,
};

/// Somebody who logs in with a password.
#[derive(Debug, Clone)]
pub struct User {
    /// The name, as `USER` gives it.
    pub name: String,
    /// The hash of the password.
    pub password: PasswordHash,
    /// What the user may use.
    pub member: Member,
}

/// Why somebody may not log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such user, or that is not the password.
    Wrong,
    /// The account is not enabled.
    Disabled,
    /// It cannot be looked up, or makes no sense; that is no fault of theirs.
    Unusable,
}

/// The name that everybody can use where that is allowed.
pub const ANONYMOUS: &str = "anonymous";

/// All accounts of a server, or of one of its virtual hosts.
#[derive(Debug)]
pub struct Accounts {
    groups: Groups,
    users: HashMap<Vec<u8>, User>,
    anonymous: Option<Member>,
    /// Where there are more, and the host that they belong to there.
    store: Option<(Arc<Store>, String)>,
    /// Others who are asked for those who are not known here, in this order.
    sources: Vec<Arc<dyn Source>>,
    checker: Checker,
    /// What was moved, where there is no store to keep it.
    tallies: Mutex<HashMap<String, Tally>>,
    /// Accounts of those who are logged in.
    used: Mutex<HashMap<String, Weak<Account>>>,
}

impl Accounts {
    /// Accounts of these users, and of everybody if `anonymous` is given. Of two users with one name
    /// the later counts.
    pub fn new(groups: Groups, users: impl IntoIterator<Item = User>, anonymous: Option<Member>) -> Accounts {
        let users = users.into_iter().map(|user| (user.name.clone().into_bytes(), user)).collect();
        let (checker, tallies, used) = (Checker::new(), Mutex::default(), Mutex::default());
        Accounts { groups, users, anonymous, store: None, sources: Vec::new(), checker, tallies, used }
    }

    /// With those of this host in a store as well. Who is here comes before who is there.
    #[must_use]
    pub fn with_store(self, store: Arc<Store>, host: String) -> Accounts {
        Accounts { store: Some((store, host)), ..self }
    }

    /// With those that these know as well, each asked when the ones before do not know somebody.
    #[must_use]
    pub fn with_sources(self, sources: Vec<Arc<dyn Source>>) -> Accounts {
        Accounts { sources, ..self }
    }

    /// The account, if the password is right, for somebody who comes from there. `anonymous` and `ftp`, in any case, need none. Passwords
    /// are checked on threads that may wait, few at a time; the others wait in the order they came.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn authenticate(
        &self,
        name: &[u8],
        password: &[u8],
        from: IpAddr,
    ) -> Result<Arc<Account>, Refusal> {
        let everybody = [ANONYMOUS.as_bytes(), b"ftp"].iter().any(|known| name.eq_ignore_ascii_case(known));
        if let Some(anonymous) = self.anonymous.as_ref().filter(|_| everybody) {
            return self.admit(ANONYMOUS, anonymous).await;
        }
        let known = self.find(name).await?;
        if known.is_none() && !self.sources.is_empty() {
            return self.ask_sources(name, password, from).await;
        }
        let checked = self.checker.check(password, known.as_deref().map(|user| &user.password)).await;
        let user = known.filter(|_| checked.right).ok_or(Refusal::Wrong)?;
        if let (Some(better), Cow::Owned(user), Some((store, host))) = (checked.better, &user, &self.store) {
            match store.replace_hash(host, &user.name, &user.password, &better).await {
                Ok(()) => tracing::info!(user = %user.name.escape_debug(), "the password is hashed anew"),
                // It is tried again at the next login.
                Err(error) => tracing::warn!(%error, "the password stays hashed as it was"),
            }
        }
        self.admit(&user.name, &user.member).await
    }

    /// The account of a user whom a good certificate names, so that no password is needed. `names` are
    /// those in the certificate.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn vouched(
        &self,
        name: &[u8],
        names: &[String],
        from: IpAddr,
    ) -> Result<Arc<Account>, Refusal> {
        if !names.iter().any(|vouched| vouched.as_bytes() == name) {
            return Err(Refusal::Wrong);
        }
        match self.find(name).await? {
            Some(user) => self.admit(&user.name, &user.member).await,
            None => self.find_elsewhere(name, from).await,
        }
    }

    /// The account of somebody who has logged in before, as it is now. The name is that of their account.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn again(&self, name: &[u8], from: IpAddr) -> Result<Arc<Account>, Refusal> {
        if let Some(anonymous) = self.anonymous.as_ref().filter(|_| name == ANONYMOUS.as_bytes()) {
            return self.admit(ANONYMOUS, anonymous).await;
        }
        match self.find(name).await? {
            Some(user) => self.admit(&user.name, &user.member).await,
            None => self.find_elsewhere(name, from).await,
        }
    }

    /// Asks others for somebody who is not known here, until one of them knows.
    async fn ask_sources(&self, name: &[u8], password: &[u8], from: IpAddr) -> Result<Arc<Account>, Refusal> {
        let (Ok(name), Ok(password)) = (std::str::from_utf8(name), std::str::from_utf8(password)) else {
            return Err(Refusal::Wrong);
        };
        // Some directories take an empty password for the wish to be nobody, and grant it.
        if password.is_empty() || name.is_empty() || name.contains(char::is_control) {
            return Err(Refusal::Wrong);
        }
        for source in &self.sources {
            match source.check(name, password, from).await.map_err(|error| unusable(&**source, &error))? {
                Verdict::Right(member) => return self.admit(name, &member).await,
                Verdict::Wrong => return Err(Refusal::Wrong),
                Verdict::Unknown => {}
            }
        }
        Err(Refusal::Wrong)
    }

    /// Looks for somebody who is not known here.
    async fn find_elsewhere(&self, name: &[u8], from: IpAddr) -> Result<Arc<Account>, Refusal> {
        let name = std::str::from_utf8(name).map_err(|_| Refusal::Wrong)?;
        for source in &self.sources {
            let found = source.find(name, from).await.map_err(|error| unusable(&**source, &error))?;
            if let Some(member) = found {
                return self.admit(name, &member).await;
            }
        }
        Err(Refusal::Wrong)
    }

    /// The user of this name.
    async fn find(&self, name: &[u8]) -> Result<Option<Cow<'_, User>>, Refusal> {
        if let Some(user) = self.users.get(name) {
            return Ok(Some(Cow::Borrowed(user)));
        }
        let (Some((store, host)), Ok(name)) = (&self.store, std::str::from_utf8(name)) else {
            return Ok(None);
        };
        match store.user(host, name).await {
            Ok(user) => Ok(user.map(Cow::Owned)),
            Err(error) => {
                tracing::error!(%error, "a user cannot be looked up, and may not log in");
                Err(Refusal::Unusable)
            }
        }
    }

    /// The account, one for all sessions of a user as long as it stays the same.
    fn share(&self, name: &str, account: Account) -> Arc<Account> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = used.get(name).and_then(Weak::upgrade).filter(|other| **other == account) {
            return same;
        }
        let account = Arc::new(account);
        used.retain(|_, other| other.strong_count() > 0);
        used.insert(name.to_owned(), Arc::downgrade(&account));
        account
    }

    /// What counts for somebody who has shown who they are, if they may log in.
    async fn admit(&self, name: &str, member: &Member) -> Result<Arc<Account>, Refusal> {
        let mut groups = self.groups.of(member);
        if let Some((store, _)) = &self.store {
            for name in member.groups.iter().filter(|name| !self.groups.contains(name)) {
                match store.group(name).await {
                    Ok(group) => groups.extend(group.map(|group| (name.clone(), group))),
                    Err(error) => tracing::error!(%error, "a group cannot be looked up"),
                }
            }
        }
        match Groups::new(groups).resolve(name, member) {
            Ok(account) if *account.enabled => Ok(self.share(name, account)),
            Ok(_) => Err(Refusal::Disabled),
            Err(error) => {
                tracing::error!(user = %name.escape_debug(), %error, "the account is of no use");
                Err(Refusal::Unusable)
            }
        }
    }
}

/// A source that does not know what it should denies everybody, who may come again.
fn unusable(source: &dyn Source, error: &SourceError) -> Refusal {
    tracing::error!(source = source.place(), %error, "a user cannot be looked up, and may not log in");
    Refusal::Unusable
}

#[cfg(test)]
mod tests {
    use super::*;
    use portolan_vfs::Rights;
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn member(rights: Rights) -> Member {
        let profile = Profile { mounts: vec![Mount::root("/", rights)], ..Profile::default() };
        Member { profile, ..Member::default() }
    }

    fn anna(member: Member) -> User {
        User { name: "anna".to_owned(), password: PasswordHash::of(b"right").unwrap(), member }
    }

    #[tokio::test]
    async fn only_the_right_password_opens() {
        let accounts = Accounts::new(Groups::default(), [anna(member(Rights::FULL))], None);
        let account = accounts.authenticate(b"anna", b"right", HERE).await.unwrap();
        assert_eq!((account.mounts[0].rights, account.name.as_str()), (Rights::FULL, "anna"));
        for (name, password) in
            [("anna", "wrong"), ("anna", ""), ("Anna", "right"), ("otto", "right"), ("anonymous", "x")]
        {
            let said = accounts.authenticate(name.as_bytes(), password.as_bytes(), HERE).await;
            assert_eq!(said, Err(Refusal::Wrong), "{name}");
        }
    }

    #[tokio::test]
    async fn t24_an_account_that_does_not_make_sense_opens_nothing() {
        let off = Profile { enabled: Some(false), ..Profile::default() };
        let lost = Member { groups: vec!["lost".to_owned()], ..member(Rights::FULL) };
        let refusals = [Refusal::Disabled, Refusal::Unusable];
        for (member, refusal) in
            [Member { profile: off, ..Member::default() }, lost].into_iter().zip(refusals)
        {
            let accounts = Accounts::new(Groups::default(), [anna(member)], None);
            assert_eq!(accounts.authenticate(b"anna", b"right", HERE).await, Err(refusal));
            assert_eq!(accounts.authenticate(b"anna", b"wrong", HERE).await, Err(Refusal::Wrong));
            assert_eq!(accounts.vouched(b"anna", &["anna".to_owned()], HERE).await, Err(refusal));
        }
    }

    #[tokio::test]
    async fn anonymous_needs_no_password_where_it_is_allowed() {
        let accounts = Accounts::new(Groups::default(), [], Some(member(Rights::READ_ONLY)));
        let account = accounts.authenticate(b"Anonymous", b"me@example", HERE).await.unwrap();
        assert_eq!(account.mounts[0].rights, Rights::READ_ONLY);
        assert_eq!(accounts.authenticate(b"FTP", b"", HERE).await.unwrap().name, ANONYMOUS);
        assert!(accounts.authenticate(b"root", b"", HERE).await.is_err());
    }
}
