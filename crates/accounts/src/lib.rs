//! Who may log in, and what they may do.
//!
//! What this crate is not: it knows neither FTP nor sockets. It never says why a login is denied,
//! and takes the same time whether the name or the password was wrong.

mod group;
mod mount;
mod password;
mod setting;
mod value;

use std::collections::HashMap;
use std::sync::Arc;

pub use group::{Group, Groups, Member, Unresolved};
pub use mount::{Mount, is_template};
use password::Checker;
pub use password::{HashError, PasswordHash};
pub use setting::{Account, Origin, Profile, SETTINGS, Setting, Total};
pub use value::{Count, Networks, Speed, TlsNeed, parse_speed};

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

/// The name that everybody can use where that is allowed.
pub const ANONYMOUS: &str = "anonymous";

/// All accounts of a server.
#[derive(Debug)]
pub struct Accounts {
    groups: Groups,
    users: HashMap<Vec<u8>, User>,
    anonymous: Option<Member>,
    checker: Checker,
}

impl Accounts {
    /// Accounts of these users, and of everybody if `anonymous` is given. Of two users with one name
    /// the later counts.
    pub fn new(groups: Groups, users: impl IntoIterator<Item = User>, anonymous: Option<Member>) -> Accounts {
        let users = users.into_iter().map(|user| (user.name.clone().into_bytes(), user)).collect();
        Accounts { groups, users, anonymous, checker: Checker::new() }
    }

    /// The account, if the password is right. `anonymous` and `ftp`, in any case, need none. Passwords
    /// are checked on threads that may wait, few at a time; the others wait in the order they came.
    pub async fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<Arc<Account>> {
        let everybody = [ANONYMOUS.as_bytes(), b"ftp"].iter().any(|known| name.eq_ignore_ascii_case(known));
        if let Some(anonymous) = self.anonymous.as_ref().filter(|_| everybody) {
            return self.admit(ANONYMOUS, anonymous);
        }
        let known = self.users.get(name);
        let right = self.checker.check(password, known.map(|user| &user.password)).await;
        let user = known.filter(|_| right)?;
        self.admit(&user.name, &user.member)
    }

    /// The account of a user whom a good certificate names, so that no password is needed. `names` are
    /// those in the certificate.
    pub fn vouched(&self, name: &[u8], names: &[String]) -> Option<Arc<Account>> {
        let named = names.iter().any(|vouched| vouched.as_bytes() == name);
        let user = self.users.get(name).filter(|_| named)?;
        self.admit(&user.name, &user.member)
    }

    /// What counts for somebody who has shown who they are, if they may log in.
    fn admit(&self, name: &str, member: &Member) -> Option<Arc<Account>> {
        match self.groups.resolve(name, member) {
            Ok(account) => Some(Arc::new(account)).filter(|account| *account.enabled),
            Err(error) => {
                tracing::error!(user = %name.escape_debug(), %error, "the account is of no use");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portolan_vfs::Rights;

    fn member(rights: Rights) -> Member {
        let profile = Profile { mounts: vec![Mount::root("/", rights)], ..Profile::default() };
        Member { groups: Vec::new(), profile }
    }

    fn anna(member: Member) -> User {
        User { name: "anna".to_owned(), password: PasswordHash::of(b"right").unwrap(), member }
    }

    #[tokio::test]
    async fn only_the_right_password_opens() {
        let accounts = Accounts::new(Groups::default(), [anna(member(Rights::FULL))], None);
        let account = accounts.authenticate(b"anna", b"right").await.unwrap();
        assert_eq!(account.mounts[0].rights, Rights::FULL);
        for (name, password) in
            [("anna", "wrong"), ("anna", ""), ("Anna", "right"), ("otto", "right"), ("anonymous", "x")]
        {
            assert_eq!(accounts.authenticate(name.as_bytes(), password.as_bytes()).await, None, "{name}");
        }
    }

    #[tokio::test]
    async fn t24_an_account_that_does_not_make_sense_opens_nothing() {
        let off = Profile { enabled: Some(false), ..Profile::default() };
        let lost = Member { groups: vec!["lost".to_owned()], ..member(Rights::FULL) };
        for member in [Member { profile: off, ..Member::default() }, lost] {
            let accounts = Accounts::new(Groups::default(), [anna(member)], None);
            assert_eq!(accounts.authenticate(b"anna", b"right").await, None);
            assert_eq!(accounts.vouched(b"anna", &["anna".to_owned()]), None);
        }
    }

    #[tokio::test]
    async fn anonymous_needs_no_password_where_it_is_allowed() {
        let accounts = Accounts::new(Groups::default(), [], Some(member(Rights::READ_ONLY)));
        let account = accounts.authenticate(b"Anonymous", b"me@example").await.unwrap();
        assert_eq!(account.mounts[0].rights, Rights::READ_ONLY);
        assert!(accounts.authenticate(b"ftp", b"").await.is_some());
        assert!(accounts.authenticate(b"root", b"").await.is_none());
    }

    #[test]
    fn t24_what_is_no_hash_is_refused() {
        for bad in
            ["", "*", "!", "plain", "$argon2id$", "$1$abc$def", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ"]
        {
            assert!(PasswordHash::parse(bad).is_err(), "{bad}");
        }
        let hash = PasswordHash::of(b"x").unwrap();
        assert_eq!(PasswordHash::parse(hash.as_str()).unwrap().as_str(), hash.as_str());
    }
}
