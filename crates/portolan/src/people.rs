//! Users and groups, wherever they are: in the configuration file or in the store.

use crate::args::Source;
use crate::{Exit, config, state};
use portolan_accounts::{ANONYMOUS, Account, Groups, Member, Mount, Profile, Store, StoreError, User};
use portolan_config::Config;

/// What a command works on.
pub(crate) struct People {
    pub(crate) config: Config,
    pub(crate) store: Store,
    /// The host, by the name that it has in the store.
    pub(crate) host: String,
}

/// Runs a command that asks the store.
pub(crate) fn block_on(command: impl Future<Output = Result<(), Exit>>) -> Result<(), Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Exit::failed(format!("cannot start: {error}")))?;
    let done = runtime.block_on(command);
    // Somebody may still be reading from a terminal.
    runtime.shutdown_background();
    done
}

/// Those that make sense; of the others it is said what is wrong.
fn good<T>(all: Vec<Result<T, StoreError>>) -> impl Iterator<Item = T> {
    all.into_iter().filter_map(|one| one.map_err(|error| eprintln!("portolan: {error}")).ok())
}

impl From<StoreError> for Exit {
    fn from(error: StoreError) -> Exit {
        Exit::failed(error.to_string())
    }
}

impl People {
    /// Those of a configuration file, and of the store that it names.
    pub(crate) fn of(source: &Source) -> Result<People, Exit> {
        let mut config = config::read_or_default(source.config.as_deref())?;
        config.state = config.state.take().or_else(state::folder);
        let store = config.store().map_err(Exit::from)?;
        let store =
            store.ok_or_else(|| Exit::wrong("there is no place for accounts; write accounts = \"…\""))?;
        let host = match &source.host {
            None => String::new(),
            Some(name) => {
                let called = |host: &&portolan_config::Host| {
                    host.names.iter().any(|own| own.eq_ignore_ascii_case(name))
                };
                let host = config.hosts.iter().find(called);
                let host = host.ok_or_else(|| Exit::failed(format!("there is no virtual host `{name}`")))?;
                host.names[0].clone()
            }
        };
        Ok(People { config, store, host })
    }

    /// Those of the file.
    fn written(&self) -> (&[User], Option<&Member>) {
        match self.config.hosts.iter().find(|host| host.names.first() == Some(&self.host)) {
            Some(host) => (&host.users, host.anonymous.as_ref()),
            None => (&self.config.users, self.config.anonymous.as_ref()),
        }
    }

    /// Everybody who may log in, by name.
    pub(crate) async fn all(&self) -> Result<Vec<(String, Member)>, Exit> {
        let (users, anonymous) = self.written();
        let anonymous = anonymous.map(|member| (ANONYMOUS.to_owned(), member.clone()));
        let written = users.iter().map(|user| (user.name.clone(), user.member.clone())).chain(anonymous);
        let mut all: Vec<(String, Member)> = written.collect();
        for user in good(self.store.users(&self.host).await?) {
            if all.iter().all(|(name, _)| *name != user.name) {
                all.push((user.name, user.member));
            }
        }
        all.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(all)
    }

    /// Somebody.
    pub(crate) async fn find(&self, name: &str) -> Result<Member, Exit> {
        if let Some(member) = self.find_written(name) {
            return Ok(member.clone());
        }
        Ok(self.stored(name).await?.member)
    }

    fn find_written(&self, name: &str) -> Option<&Member> {
        let (users, anonymous) = self.written();
        let user = users.iter().find(|user| user.name == name).map(|user| &user.member);
        user.or_else(|| anonymous.filter(|_| name == ANONYMOUS))
    }

    /// Somebody who is in the store, to be changed there.
    pub(crate) async fn stored(&self, name: &str) -> Result<User, Exit> {
        self.must_not_be_written(name)?;
        let user = self.store.user(&self.host, name).await?;
        user.ok_or_else(|| Exit::failed(format!("there is no user `{name}`")))
    }

    /// Puts somebody into the store.
    pub(crate) async fn put(&self, user: User) -> Result<(), Exit> {
        self.must_not_expose(&user.member.profile)?;
        self.store.put_user(&self.host, &user).await?;
        self.say_where();
        Ok(())
    }

    /// Says which store was changed: another server may have another one.
    pub(crate) fn say_where(&self) {
        eprintln!("portolan: kept in {}", self.store.place());
    }

    /// Nobody may fetch secrets of the server.
    pub(crate) fn must_not_expose(&self, profile: &Profile) -> Result<(), Exit> {
        let bases = profile.mounts.iter().map(Mount::base);
        match self.config.secret_in(bases) {
            Some((secret, folder)) => Err(Exit::wrong(format!(
                "{} has secrets of the server, and lies in {}, where it could be fetched; write another folder",
                secret.display(),
                folder.display()
            ))),
            None => Ok(()),
        }
    }

    /// What is in the file is changed in the file.
    pub(crate) fn must_not_be_written(&self, name: &str) -> Result<(), Exit> {
        match self.find_written(name) {
            Some(_) => Err(Exit::failed(format!("`{name}` is in the configuration file; change it there"))),
            None => Ok(()),
        }
    }

    /// All groups.
    pub(crate) async fn groups(&self) -> Result<Groups, Exit> {
        let stored = good(self.store.groups().await?);
        let written = self.config.groups.iter().map(|(name, group)| (name.to_owned(), group.clone()));
        // The later ones count.
        Ok(Groups::new(stored.chain(written)))
    }

    /// What counts for somebody.
    pub(crate) async fn account(&self, name: &str, member: &Member) -> Result<Account, Exit> {
        let account = self.groups().await?.resolve(name, member);
        account.map_err(|error| Exit::failed(format!("{name}: {error}")))
    }
}
