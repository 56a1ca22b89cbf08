//! The tables `[[host]]`: virtual hosts.

use crate::file::{AnonymousTable, Check, UserTable, anonymous, users};
use crate::tls::certificate;
use portolan_accounts::{Account, Accounts, User};
use portolan_certs::Source;
use portolan_proto::server::VirtualHost;
use serde::Deserialize;
use std::path::PathBuf;
use toml::Spanned;

/// A virtual host: its own certificate, folders, users and greeting.
#[derive(Debug, Clone)]
pub struct Host {
    /// The names that clients call it by.
    pub names: Vec<String>,
    /// Where its certificate comes from; without it the server's is shown.
    pub certificate: Option<Source>,
    /// True when its certificate is obtained by ACME.
    pub acme: bool,
    /// Lines of the greeting.
    pub welcome: Vec<String>,
    /// What everybody may use.
    pub anonymous: Option<Account>,
    /// Who may log in with a password.
    pub users: Vec<User>,
}

impl Host {
    pub(crate) fn settings(&self) -> VirtualHost {
        VirtualHost { names: self.names.clone(), welcome: self.welcome.clone() }
    }

    pub(crate) fn into_accounts(self) -> Accounts {
        Accounts::new(self.users, self.anonymous)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Table {
    names: Spanned<Vec<Spanned<String>>>,
    certificate: Option<Spanned<PathBuf>>,
    key: Option<Spanned<PathBuf>>,
    acme: Option<Spanned<bool>>,
    welcome: Option<String>,
    anonymous: Option<AnonymousTable>,
    #[serde(default)]
    user: Vec<UserTable>,
}

/// The hosts that tables mean; what is wrong is noted.
pub(crate) fn hosts(tables: Vec<Table>, has_acme: bool, check: &mut Check<'_>) -> Vec<Host> {
    let mut hosts: Vec<Host> = Vec::new();
    for table in tables {
        if table.names.get_ref().is_empty() {
            check.wrong(&table.names, "a host needs a name; write names = [\"ftp.example.org\"]".to_owned());
        }
        let mut names: Vec<String> = Vec::new();
        for name in table.names.into_inner() {
            let lower = name.get_ref().to_ascii_lowercase();
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            if lower.is_empty() || !lower.bytes().all(letter) {
                check.wrong(&name, format!("`{lower}` is no host name; write it like ftp.example.org"));
            }
            if names.contains(&lower) || hosts.iter().any(|host| host.names.contains(&lower)) {
                check.wrong(&name, format!("there is a host `{lower}` already; choose another name"));
            }
            names.push(lower);
        }
        let acme = table.acme.as_ref().is_some_and(|acme| *acme.get_ref());
        if let Some(wanted) = table.acme.filter(|_| acme) {
            if !has_acme {
                check.wrong(&wanted, "there is no table [tls.acme] that says how".to_owned());
            } else if table.certificate.is_some() {
                check.wrong(
                    &wanted,
                    "this host has a certificate from a file; leave one of them out".to_owned(),
                );
            }
        }
        hosts.push(Host {
            acme,
            names,
            certificate: certificate(table.certificate, table.key, check),
            welcome: table.welcome.unwrap_or_default().lines().map(str::to_owned).collect(),
            anonymous: anonymous(table.anonymous, check),
            users: users(table.user, check),
        });
    }
    hosts
}
