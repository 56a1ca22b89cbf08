//! Users and groups in a database: SQLite or PostgreSQL, by one and the same code.
//!
//! A row that does not make sense is an error for whoever asks for it, so that its user cannot log in (T24); it is no
//! error for the others.

mod document;

use crate::bans::Ban;
use crate::group::{Group, Member};
use crate::password::PasswordHash;
use crate::tally::Tally;
use crate::{HashError, User};
use document::Document;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow, install_default_drivers};
use sqlx::{AnyPool, Row};
use std::fs::{DirBuilder, OpenOptions};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Connections to the database at the same time.
const CONNECTIONS: u32 = 8;

/// How long a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The tables, which are made where they are missing. What is set is kept as JSON, by the names that it has elsewhere.
const TABLES: [&str; 5] = [
    "CREATE TABLE IF NOT EXISTS portolan_users (
        host TEXT NOT NULL, name TEXT NOT NULL, password TEXT NOT NULL, profile TEXT NOT NULL,
        PRIMARY KEY (host, name))",
    "CREATE TABLE IF NOT EXISTS portolan_groups (name TEXT NOT NULL PRIMARY KEY, profile TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS portolan_bans (
        address TEXT NOT NULL PRIMARY KEY, until BIGINT NOT NULL, times BIGINT NOT NULL, reason TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS portolan_tallies (
        host TEXT NOT NULL, name TEXT NOT NULL, up BIGINT NOT NULL, down BIGINT NOT NULL, PRIMARY KEY (host, name))",
    "CREATE TABLE IF NOT EXISTS portolan_editions (name TEXT NOT NULL PRIMARY KEY, edition BIGINT NOT NULL)",
];

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not do it.
    #[error("the database of accounts: {0}")]
    Database(#[from] sqlx::Error),
    /// The file cannot be made.
    #[error("the database of accounts, {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// A row does not make sense.
    #[error("the account `{name}` in the database: {problem}")]
    Nonsense {
        /// Whose row it is.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Users and groups in a database. Users belong to a host, by its first name; those of the default host to the empty
/// one.
#[derive(Debug)]
pub struct Store {
    options: AnyConnectOptions,
    /// The file, where it is one.
    file: Option<PathBuf>,
    /// Connections, once somebody has asked.
    pool: OnceCell<AnyPool>,
}

impl Store {
    /// The store in this file, which is made when something is first put there.
    ///
    /// # Errors
    /// When the path cannot be one of SQLite's.
    pub fn in_file(file: &Path) -> Result<Store, StoreError> {
        let absolute =
            std::path::absolute(file).map_err(|error| StoreError::File { path: file.to_owned(), error })?;
        let path = absolute.display().to_string();
        let path = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
        Ok(Store { file: Some(file.to_owned()), ..Store::at(&format!("sqlite://{path}"))? })
    }

    /// The store at this URL: `postgres://…`, or `sqlite://…`.
    ///
    /// # Errors
    /// When it is none.
    pub fn at(url: &str) -> Result<Store, StoreError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(install_default_drivers);
        Ok(Store { options: url.parse()?, file: None, pool: OnceCell::new() })
    }

    /// Where it is, without any password.
    pub fn place(&self) -> String {
        match &self.file {
            Some(file) => file.display().to_string(),
            None => self.options.database_url.host_str().unwrap_or("the database").to_owned(),
        }
    }

    /// False where nothing was ever put.
    pub fn is_there(&self) -> bool {
        self.file.as_ref().is_none_or(|file| file.exists())
    }

    /// The database, with its tables.
    async fn pool(&self) -> Result<&AnyPool, StoreError> {
        let connect = || async {
            let options = AnyPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
            if let Some(file) = &self.file {
                make(file).map_err(|error| StoreError::File { path: file.clone(), error })?;
            }
            let pool = options.connect_lazy_with(self.options.clone());
            for table in TABLES {
                sqlx::query(table).execute(&pool).await?;
            }
            Ok::<AnyPool, StoreError>(pool)
        };
        self.pool.get_or_try_init(connect).await
    }

    /// Closes its connections.
    pub async fn close(&self) {
        if let Some(pool) = self.pool.get() {
            pool.close().await;
        }
    }

    /// A number that is another one when users or groups have changed.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn edition(&self) -> Result<Option<i64>, StoreError> {
        if !self.is_there() {
            return Ok(None);
        }
        let query = sqlx::query("SELECT edition FROM portolan_editions WHERE name = 'accounts'");
        let row = query.fetch_optional(self.pool().await?).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Says to whoever looks that users or groups have changed.
    async fn note_change(&self) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO portolan_editions (name, edition) VALUES ('accounts', 1)
            ON CONFLICT (name) DO UPDATE SET edition = portolan_editions.edition + 1",
        );
        query.execute(self.pool().await?).await?;
        Ok(())
    }

    /// The user of this name at this host, if there is one.
    ///
    /// # Errors
    /// When the database is not there, or what it has makes no sense.
    pub async fn user(&self, host: &str, name: &str) -> Result<Option<User>, StoreError> {
        if !self.is_there() {
            return Ok(None);
        }
        let query = "SELECT name, password, profile FROM portolan_users WHERE host = $1 AND name = $2";
        let row = sqlx::query(query).bind(host).bind(name).fetch_optional(self.pool().await?).await?;
        row.map(|row| user(&row)).transpose()
    }

    /// All users of this host, in the order of their names, and what is wrong with those that make no sense.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn users(&self, host: &str) -> Result<Vec<Result<User, StoreError>>, StoreError> {
        if !self.is_there() {
            return Ok(Vec::new());
        }
        let query = "SELECT name, password, profile FROM portolan_users WHERE host = $1 ORDER BY name";
        let rows = sqlx::query(query).bind(host).fetch_all(self.pool().await?).await?;
        Ok(rows.iter().map(user).collect())
    }

    /// Puts a user there, in place of one of the same name.
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn put_user(&self, host: &str, user: &User) -> Result<(), StoreError> {
        let query = "INSERT INTO portolan_users (host, name, password, profile) VALUES ($1, $2, $3, $4)
            ON CONFLICT (host, name) DO UPDATE SET password = excluded.password, profile = excluded.profile";
        let profile = Document::of_member(&user.member).to_text();
        let profile = profile.map_err(|problem| nonsense(&user.name, problem))?;
        let query =
            sqlx::query(query).bind(host).bind(&*user.name).bind(user.password.as_str()).bind(profile);
        query.execute(self.pool().await?).await?;
        self.note_change().await
    }

    /// Puts a better hash of a user's password in place of the old one, unless that has changed meanwhile.
    ///
    /// # Errors
    /// When the database does not do it.
    pub(crate) async fn replace_hash(
        &self,
        host: &str,
        name: &str,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<(), StoreError> {
        let query = "UPDATE portolan_users SET password = $1 WHERE host = $2 AND name = $3 AND password = $4";
        let query = sqlx::query(query).bind(new.as_str()).bind(host).bind(name).bind(old.as_str());
        query.execute(self.pool().await?).await?;
        Ok(())
    }

    /// Removes a user; false when there was none.
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn remove_user(&self, host: &str, name: &str) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM portolan_users WHERE host = $1 AND name = $2");
        let removed = query.bind(host).bind(name).execute(self.pool().await?).await?.rows_affected() > 0;
        self.note_change().await?;
        Ok(removed)
    }

    /// The group of this name, if there is one.
    ///
    /// # Errors
    /// See [`user`](Self::user).
    pub async fn group(&self, name: &str) -> Result<Option<Group>, StoreError> {
        if !self.is_there() {
            return Ok(None);
        }
        let query = sqlx::query("SELECT name, profile FROM portolan_groups WHERE name = $1");
        let row = query.bind(name).fetch_optional(self.pool().await?).await?;
        row.map(|row| Ok(group(&row)?.1)).transpose()
    }

    /// All groups, in the order of their names, and what is wrong with those that make no sense.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn groups(&self) -> Result<Vec<Result<(String, Group), StoreError>>, StoreError> {
        if !self.is_there() {
            return Ok(Vec::new());
        }
        let query = sqlx::query("SELECT name, profile FROM portolan_groups ORDER BY name");
        Ok(query.fetch_all(self.pool().await?).await?.iter().map(group).collect())
    }

    /// Puts a group there, in place of one of the same name.
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn put_group(&self, name: &str, group: &Group) -> Result<(), StoreError> {
        let query = "INSERT INTO portolan_groups (name, profile) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET profile = excluded.profile";
        let profile = Document::of_group(group).to_text().map_err(|problem| nonsense(name, problem))?;
        sqlx::query(query).bind(name).bind(profile).execute(self.pool().await?).await?;
        self.note_change().await
    }

    /// Removes a group; false when there was none. Who is a member cannot log in any more.
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn remove_group(&self, name: &str) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM portolan_groups WHERE name = $1");
        let removed = query.bind(name).execute(self.pool().await?).await?.rows_affected() > 0;
        self.note_change().await?;
        Ok(removed)
    }

    /// What a user of this host has moved so far.
    ///
    /// # Errors
    /// When the database is not there.
    pub(crate) async fn tally(&self, host: &str, name: &str) -> Result<Tally, StoreError> {
        if !self.is_there() {
            return Ok(Tally::default());
        }
        let query = sqlx::query("SELECT up, down FROM portolan_tallies WHERE host = $1 AND name = $2");
        let row = query.bind(host).bind(name).fetch_optional(self.pool().await?).await?;
        let Some(row) = row else { return Ok(Tally::default()) };
        let bytes = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(Tally { up: bytes(row.try_get(0)?), down: bytes(row.try_get(1)?) })
    }

    /// Adds what a user of this host has moved.
    ///
    /// # Errors
    /// When the database does not do it.
    pub(crate) async fn add_to_tally(&self, host: &str, name: &str, more: Tally) -> Result<(), StoreError> {
        let query = "INSERT INTO portolan_tallies (host, name, up, down) VALUES ($1, $2, $3, $4)
            ON CONFLICT (host, name) DO UPDATE SET
            up = portolan_tallies.up + excluded.up, down = portolan_tallies.down + excluded.down";
        let bytes = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let query = sqlx::query(query).bind(host).bind(name).bind(bytes(more.up)).bind(bytes(more.down));
        query.execute(self.pool().await?).await?;
        Ok(())
    }

    /// Bans that last until after this time, in seconds since 1970. What cannot be read is passed over.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn bans(&self, after: i64) -> Result<Vec<Ban>, StoreError> {
        if !self.is_there() {
            return Ok(Vec::new());
        }
        let query =
            "SELECT address, until, times, reason FROM portolan_bans WHERE until > $1 ORDER BY until DESC";
        let rows = sqlx::query(query).bind(after).fetch_all(self.pool().await?).await?;
        Ok(rows.iter().filter_map(|row| ban(row).ok()).collect())
    }

    /// Puts a ban there, in place of one of the same address; those that were over at that time go.
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn put_ban(&self, ban: &Ban, over: i64) -> Result<(), StoreError> {
        let old = sqlx::query("DELETE FROM portolan_bans WHERE until < $1").bind(over);
        old.execute(self.pool().await?).await?;
        let query = "INSERT INTO portolan_bans (address, until, times, reason) VALUES ($1, $2, $3, $4)
            ON CONFLICT (address) DO UPDATE SET
            until = excluded.until, times = excluded.times, reason = excluded.reason";
        let query = sqlx::query(query).bind(ban.address.to_string()).bind(ban.until);
        let query = query.bind(i64::from(ban.times)).bind(ban.reason.as_str());
        query.execute(self.pool().await?).await?;
        Ok(())
    }

    /// Removes the ban of an address; false when there was none.
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn remove_ban(&self, address: IpAddr) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM portolan_bans WHERE address = $1");
        let address = crate::bans::household(address).to_string();
        Ok(query.bind(address).execute(self.pool().await?).await?.rows_affected() > 0)
    }
}

/// Makes the file, if it is not there, for nobody else to read.
fn make(file: &Path) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    if let Some(folder) = file.parent()
        && !file.exists()
    {
        OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
        // The server may be another user than who makes it, and the folder is the server's. Where it cannot be given
        // away, who makes it is no administrator, and the server is probably the same user.
        let owner = std::fs::metadata(folder)?;
        let _ = std::os::unix::fs::chown(file, Some(owner.uid()), Some(owner.gid()));
    }
    Ok(())
}

fn ban(row: &AnyRow) -> Result<Ban, StoreError> {
    let (address, until, times, reason): (String, i64, i64, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let wrong = |_| nonsense(&address, "it is banned, and no address".to_owned());
    let parsed = address.parse().map_err(wrong)?;
    Ok(Ban { address: parsed, until, times: u32::try_from(times).unwrap_or(u32::MAX), reason })
}

fn nonsense(name: &str, problem: String) -> StoreError {
    StoreError::Nonsense { name: name.to_owned(), problem }
}

/// A member as JSON.
pub(crate) fn parse_member(json: &str) -> Result<Member, String> {
    Document::read(json).and_then(Document::into_member)
}

fn user(row: &AnyRow) -> Result<User, StoreError> {
    let (name, password, profile): (String, String, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let hash = PasswordHash::parse(&password).map_err(|error: HashError| error.to_string());
    let password = hash.map_err(|problem| nonsense(&name, problem))?;
    let member = parse_member(&profile).map_err(|problem| nonsense(&name, problem))?;
    Ok(User { name, password, member })
}

fn group(row: &AnyRow) -> Result<(String, Group), StoreError> {
    let (name, profile): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let group = Document::read(&profile).and_then(Document::into_group);
    let group = group.map_err(|problem| nonsense(&name, problem))?;
    Ok((name, group))
}
