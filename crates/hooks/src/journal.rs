//! Events on the disk that somebody has not taken yet.

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow, install_default_drivers};
use sqlx::{AnyPool, Row};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, SystemTime};

/// How long a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections to the file at the same time.
const CONNECTIONS: u32 = 4;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS portolan_events (
    number INTEGER PRIMARY KEY, hook TEXT NOT NULL, body TEXT NOT NULL, attempts BIGINT NOT NULL,
    due BIGINT NOT NULL, dead BIGINT NOT NULL, problem TEXT NOT NULL)";

const INDEX: &str = "CREATE INDEX IF NOT EXISTS portolan_events_due ON portolan_events (hook, dead, due)";

/// How long what was given up is kept.
const DEAD: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Why the journal does not do it.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The database does not.
    #[error("the journal of events: {0}")]
    Database(#[from] sqlx::Error),
    /// The file cannot be made.
    #[error("the journal of events, {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
}

/// An event that waits for a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its number in the journal.
    pub number: i64,
    /// The hook.
    pub hook: String,
    /// The event as JSON.
    pub body: String,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong at last.
    pub problem: String,
}

/// The journal.
#[derive(Debug)]
pub struct Journal(AnyPool);

impl Journal {
    /// Opens the journal in this file, which is made when it is missing, for nobody else to read.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn open(file: &Path) -> Result<Journal, JournalError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(install_default_drivers);
        let wrong = |error| JournalError::File { path: file.to_owned(), error };
        let path = std::path::absolute(file).map_err(wrong)?.display().to_string();
        OpenOptions::new().append(true).create(true).mode(0o600).open(file).map_err(wrong)?;
        let path = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
        let options: AnyConnectOptions = format!("sqlite://{path}").parse()?;
        let pool = AnyPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
        let pool = pool.connect_lazy_with(options);
        // Those who write do not keep those from it who read.
        for statement in ["PRAGMA journal_mode = WAL", TABLE, INDEX] {
            sqlx::query(statement).execute(&pool).await?;
        }
        Ok(Journal(pool))
    }

    /// Keeps events, each for some hooks; all or none.
    pub(crate) async fn keep<'a>(
        &self,
        events: impl Iterator<Item = (&'a [String], &'a str)>,
    ) -> Result<(), JournalError> {
        let mut change = self.0.begin().await?;
        for (hooks, body) in events {
            for hook in hooks {
                let query = "INSERT INTO portolan_events (hook, body, attempts, due, dead, problem)
                    VALUES ($1, $2, 0, 0, 0, '')";
                sqlx::query(query).bind(hook).bind(body).execute(&mut *change).await?;
            }
        }
        change.commit().await?;
        Ok(())
    }

    /// Some that a hook is to be told of now, the oldest first. Nobody else gets them for so long.
    pub(crate) async fn due(
        &self,
        hook: &str,
        most: i64,
        reserved: Duration,
    ) -> Result<Vec<Kept>, JournalError> {
        let query = "UPDATE portolan_events SET due = $1 WHERE number IN (
                SELECT number FROM portolan_events WHERE hook = $2 AND dead = 0 AND due <= $3
                ORDER BY number LIMIT $4)
            RETURNING number, hook, body, attempts, problem";
        let query = sqlx::query(query).bind(later(reserved)).bind(hook).bind(now()).bind(most);
        let mut kept: Vec<Kept> = self.read(query.fetch_all(&self.0).await?)?;
        kept.sort_by_key(|kept| kept.number);
        Ok(kept)
    }

    /// In how many seconds another one is due for a hook, if there is any.
    pub(crate) async fn next(&self, hook: &str) -> Result<Option<Duration>, JournalError> {
        let query = "SELECT due FROM portolan_events WHERE hook = $1 AND dead = 0 ORDER BY due LIMIT 1";
        let row = sqlx::query(query).bind(hook).fetch_optional(&self.0).await?;
        let Some(row) = row else { return Ok(None) };
        let due: i64 = row.try_get(0)?;
        Ok(Some(Duration::from_secs(u64::try_from(due.saturating_sub(now())).unwrap_or(0))))
    }

    /// Forgets one that was taken, or that nobody wants any more; false when there is none.
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn forget(&self, number: i64) -> Result<bool, JournalError> {
        let query = sqlx::query("DELETE FROM portolan_events WHERE number = $1").bind(number);
        Ok(query.execute(&self.0).await?.rows_affected() > 0)
    }

    /// Notes that one was not taken. It is tried again after that time, or never.
    pub(crate) async fn put_off(
        &self,
        number: i64,
        pause: Option<Duration>,
        problem: &str,
    ) -> Result<(), JournalError> {
        let query = "UPDATE portolan_events SET attempts = attempts + 1, due = $1, dead = $2, problem = $3
            WHERE number = $4";
        let query = sqlx::query(query).bind(later(pause.unwrap_or_default()));
        let query = query.bind(i64::from(pause.is_none())).bind(problem).bind(number);
        query.execute(&self.0).await?;
        let old = now().saturating_sub(i64::try_from(DEAD.as_secs()).unwrap_or(i64::MAX));
        let forget = sqlx::query("DELETE FROM portolan_events WHERE dead = 1 AND due < $1").bind(old);
        forget.execute(&self.0).await?;
        Ok(())
    }

    /// Those that were given up, or that wait to be tried again, the oldest first; some thousands at the most.
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn kept(&self, dead: bool) -> Result<Vec<Kept>, JournalError> {
        let query = "SELECT number, hook, body, attempts, problem FROM portolan_events WHERE dead = $1
            ORDER BY number LIMIT 5000";
        self.read(sqlx::query(query).bind(i64::from(dead)).fetch_all(&self.0).await?)
    }

    /// Has one that was given up tried again, or all of them; how many these are.
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn revive(&self, number: Option<i64>) -> Result<u64, JournalError> {
        let query = "UPDATE portolan_events SET dead = 0, due = 0, attempts = 0
            WHERE dead = 1 AND ($1 = 1 OR number = $2)";
        let query = sqlx::query(query).bind(i64::from(number.is_none())).bind(number.unwrap_or(0));
        Ok(query.execute(&self.0).await?.rows_affected())
    }

    fn read(&self, rows: Vec<AnyRow>) -> Result<Vec<Kept>, JournalError> {
        let kept = |row: AnyRow| {
            let attempts: i64 = row.try_get(3)?;
            let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
            Ok(Kept {
                number: row.try_get(0)?,
                hook: row.try_get(1)?,
                body: row.try_get(2)?,
                attempts,
                problem: row.try_get(4)?,
            })
        };
        rows.into_iter().map(kept).collect()
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn later(pause: Duration) -> i64 {
    now().saturating_add(i64::try_from(pause.as_secs()).unwrap_or(i64::MAX))
}
