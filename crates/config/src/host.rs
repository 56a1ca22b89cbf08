//! The tables `[[host]]`: virtual hosts.

use crate::Around;
use crate::acme::check_names;
use crate::file::Check;
use crate::login::logins;
use crate::person::{anonymous, users};
use crate::reference::table;
use crate::tls::certificate;
use crate::values::parse_host_name;
use portolan_accounts::{Accounts, Groups, Member, User};
use portolan_certs::{Acme, Source};
use portolan_logins::Login;
use portolan_proto::server::VirtualHost;
use serde::de::IgnoredAny;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::DeTable;

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
    pub anonymous: Option<Member>,
    /// Who may log in with a password.
    pub users: Vec<User>,
    /// Others who know its users.
    pub logins: Vec<Login>,
}

impl Host {
    pub(crate) fn settings(&self) -> VirtualHost {
        VirtualHost { names: self.names.clone(), welcome: self.welcome.clone() }
    }

    pub(crate) fn accounts(&self, groups: &Groups, around: &Around) -> Accounts {
        let name = self.names.first().map_or("", String::as_str);
        let accounts = Accounts::new(groups.clone(), self.users.clone(), self.anonymous.clone());
        around.completed(accounts, name, &self.logins)
    }
}

table! {
    /// `[[host]]`: a virtual host.
    pub(crate) struct Table {
        /// What clients call it.
        names: Spanned<Vec<Spanned<String>>>,
        /// The file with its certificate, and those that lead to its authority; else the default host’s is shown.
        certificate: Option<Spanned<PathBuf>>,
        /// The file with the private key of that.
        key: Option<Spanned<PathBuf>>,
        /// Whether its certificate is obtained as `[tls.acme]` says.
        acme: Option<Spanned<bool>>,
        /// Lines of its greeting.
        welcome: Option<String>,
        /// What everybody may do there: the table `[host.anonymous]`.
        #[serde(rename = "anonymous")]
        _anonymous: Option<IgnoredAny>,
        /// Its users: tables `[[host.user]]`.
        #[serde(rename = "user")]
        _user: Option<IgnoredAny>,
        /// Others who know its users: tables `[[host.login]]`.
        #[serde(rename = "login")]
        _login: Option<IgnoredAny>,
    }
}

/// Names of hosts, each of which may be there once in the whole file.
#[derive(Default)]
pub(crate) struct Names(Vec<String>);

impl Names {
    /// The names that texts mean; what is wrong is noted.
    pub(crate) fn take(&mut self, texts: &[Spanned<String>], check: &mut Check<'_>) -> Vec<String> {
        let mut names = Vec::new();
        for text in texts {
            let Some(name) = check.value(text, parse_host_name) else { continue };
            if self.0.contains(&name) {
                check.wrong(text, format!("there is a host `{name}` already; choose another name"));
            }
            self.0.push(name.clone());
            names.push(name);
        }
        names
    }
}

/// The hosts that tables mean; what is wrong is noted.
pub(crate) fn hosts(
    tables: Vec<Table>,
    file: &DeTable<'_>,
    groups: &Groups,
    names: &mut Names,
    acme: Option<&Acme>,
    check: &mut Check<'_>,
) -> Vec<Host> {
    let mut hosts: Vec<Host> = Vec::new();
    let people = file.get("host").and_then(|hosts| hosts.get_ref().as_array());
    let people =
        people.into_iter().flat_map(|hosts| hosts.iter()).filter_map(|host| host.get_ref().as_table());
    for (table, people) in tables.into_iter().zip(people) {
        if table.names.get_ref().is_empty() {
            check.wrong(&table.names, "a host needs a name; write names = [\"ftp.example.org\"]".to_owned());
        }
        let obtained = table.acme.as_ref().is_some_and(|acme| *acme.get_ref());
        match (table.acme.as_ref().filter(|_| obtained), acme) {
            (Some(wanted), None) => {
                check.wrong(wanted, "there is no table [tls.acme] that says how".to_owned());
            }
            (Some(wanted), Some(_)) if table.certificate.is_some() => {
                check.wrong(
                    wanted,
                    "this host has a certificate from a file; leave one of them out".to_owned(),
                );
            }
            (Some(_), Some(acme)) => check_names(table.names.get_ref(), &acme.challenge, check),
            (None, _) => {}
        }
        let (anonymous, users) = (anonymous(people, groups, check), users(people, groups, check));
        hosts.push(Host {
            acme: obtained,
            names: names.take(table.names.get_ref(), check),
            certificate: certificate(table.certificate, table.key, check),
            welcome: table.welcome.unwrap_or_default().lines().map(str::to_owned).collect(),
            anonymous,
            users,
            logins: logins(people, groups, check),
        });
    }
    hosts
}
