//! Who may log in, and what they may do.
//!
//! What this crate is not: it knows neither FTP nor sockets. It never says why a login is denied,
//! and takes the same time whether the name or the password was wrong.

mod password;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use password::Checker;
pub use password::{HashError, PasswordHash};

/// What somebody who is logged in may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The directory that is the root of what they see.
    pub root: PathBuf,
    /// True when they may change files and directories.
    pub write: bool,
    /// True when they may have data connections with other addresses than their own (FXP).
    pub fxp: bool,
    /// What they need TLS for.
    pub tls: TlsNeed,
}

/// What somebody needs TLS for, though others may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TlsNeed {
    /// Nothing.
    #[default]
    Nothing,
    /// Logging in.
    Login,
    /// Logging in, and data connections.
    Data,
}

/// Somebody who logs in with a password.
#[derive(Debug, Clone)]
pub struct User {
    /// The name, as `USER` gives it.
    pub name: String,
    /// The hash of the password.
    pub password: PasswordHash,
    /// What the user may use.
    pub account: Account,
}

/// All accounts of a server.
#[derive(Debug)]
pub struct Accounts {
    users: HashMap<Vec<u8>, (PasswordHash, Arc<Account>)>,
    anonymous: Option<Arc<Account>>,
    checker: Checker,
}

impl Accounts {
    /// Accounts of these users, and of everybody if `anonymous` is given. Of two users with one name
    /// the later counts.
    pub fn new(users: impl IntoIterator<Item = User>, anonymous: Option<Account>) -> Accounts {
        let users =
            users.into_iter().map(|user| (user.name.into_bytes(), (user.password, Arc::new(user.account))));
        Accounts { users: users.collect(), anonymous: anonymous.map(Arc::new), checker: Checker::new() }
    }

    /// The account, if the password is right. `anonymous` and `ftp`, in any case, need none. Passwords
    /// are checked on threads that may wait, few at a time; the others wait in the order they came.
    pub async fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<Arc<Account>> {
        let everybody = [&b"anonymous"[..], b"ftp"].iter().any(|known| name.eq_ignore_ascii_case(known));
        if let Some(account) = self.anonymous.as_ref().filter(|_| everybody) {
            return Some(Arc::clone(account));
        }
        let known = self.users.get(name);
        let right = self.checker.check(password, known.map(|(hash, _)| hash)).await;
        known.filter(|_| right).map(|(_, account)| Arc::clone(account))
    }

    /// The account of a user whom a good certificate names, so that no password is needed. `names` are
    /// those in the certificate.
    pub fn vouched(&self, name: &[u8], names: &[String]) -> Option<Arc<Account>> {
        let named = names.iter().any(|vouched| vouched.as_bytes() == name);
        self.users.get(name).filter(|_| named).map(|(_, account)| Arc::clone(account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(write: bool) -> Account {
        Account { root: "/".into(), write, fxp: false, tls: TlsNeed::Nothing }
    }

    #[tokio::test]
    async fn only_the_right_password_opens() {
        let password = PasswordHash::of(b"right").unwrap();
        let anna = User { name: "anna".to_owned(), password, account: account(true) };
        let accounts = Accounts::new([anna], None);
        assert!(accounts.authenticate(b"anna", b"right").await.is_some_and(|account| account.write));
        for (name, password) in
            [("anna", "wrong"), ("anna", ""), ("Anna", "right"), ("otto", "right"), ("anonymous", "x")]
        {
            assert_eq!(accounts.authenticate(name.as_bytes(), password.as_bytes()).await, None, "{name}");
        }
    }

    #[tokio::test]
    async fn anonymous_needs_no_password_where_it_is_allowed() {
        let accounts = Accounts::new([], Some(account(false)));
        assert!(
            accounts.authenticate(b"Anonymous", b"me@example").await.is_some_and(|account| !account.write)
        );
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
