//! The file with all jobs, `journal.sqlite` in the state directory.
//!
//! Whoever works on a job holds a lock on `jobs/ID.lock`, which the system lets go when the process dies, however
//! it dies: a job that says "running" and is not locked was interrupted.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Row};
use tokio::sync::Mutex;

use super::job::{Ending, Job, JobId, State, Typed};
use super::page::{Earlier, Page};
use super::{Totals, schema};
use crate::clock::now;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file of the journal.
    #[error("the journal cannot be read or written")]
    Database(#[from] sqlx::Error),
    /// Something beside it.
    #[error("{path} cannot be used")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A newer program has written it.
    #[error("the journal was written by a newer fxp")]
    Newer,
    /// There is no such job.
    #[error("there is no job {0}")]
    NoSuchJob(JobId),
    /// Somebody works on it.
    #[error("job {id} is running, as process {pid}")]
    Running {
        /// Which job.
        id: JobId,
        /// Whose process.
        pid: u32,
    },
}

impl JournalError {
    /// True if the file is there and is no journal, or no whole one: whoever tries again will see the same.
    pub fn is_damage(&self) -> bool {
        // SQLite's names: SQLITE_CORRUPT with all that is derived from it, SQLITE_NOTADB.
        const CORRUPT: u32 = 11;
        const NO_DATABASE: u32 = 26;
        let JournalError::Database(sqlx::Error::Database(error)) = self else { return false };
        let code = error.code().and_then(|code| code.parse::<u32>().ok());
        code.is_some_and(|code| matches!(code & 0xFF, CORRUPT | NO_DATABASE))
    }
}

/// The journal of a state directory.
pub struct Journal {
    directory: PathBuf,
    options: SqliteConnectOptions,
    connection: Mutex<SqliteConnection>,
}

/// What was kept of a job that is about to be worked on, and the right to do so.
struct Claimed {
    lock: File,
    earlier_runs: i64,
}

impl Journal {
    /// Opens the journal in `directory`, and makes both if need be; only their owner can read them.
    ///
    /// # Errors
    ///
    /// What cannot be made, opened, or understood.
    pub async fn open(directory: &Path) -> Result<Self, JournalError> {
        let path = Journal::file(directory);
        let locks = directory.join(JOBS);
        make_private_directory(&locks).map_err(|source| JournalError::File { path: locks, source })?;
        // SQLite gives the files beside it the same mode.
        private_file(&path).map_err(|source| JournalError::File { path: path.clone(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            // What was committed outlives the process. When the machine loses its power the last moments may be
            // missing, and their files are compared again.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(PATIENCE);
        let mut connection = options.connect().await?;
        schema::migrate(&mut connection).await?;
        Ok(Journal { directory: directory.to_owned(), options, connection: Mutex::new(connection) })
    }

    /// The file that is the journal of a directory; SQLite puts others beside it, whose names begin with its name.
    pub fn file(directory: &Path) -> PathBuf {
        directory.join("journal.sqlite")
    }

    /// Opens the page of the job of this command, as [`Journal::add`] finds or makes it.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`].
    pub async fn begin(&self, typed: Typed) -> Result<Page, JournalError> {
        loop {
            let id = self.add(typed.clone()).await?;
            match self.resume(id).await {
                // Somebody else was quicker, so the next round finds another one.
                Err(JournalError::Running { .. } | JournalError::NoSuchJob(_)) => {}
                page => return page,
            }
        }
    }

    /// The last job that was typed in the same words in the same directory, if it was not finished and nobody
    /// works on it: whoever types a command again means to continue. Else a new one.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`].
    pub async fn add(&self, typed: Typed) -> Result<JobId, JournalError> {
        let typed = typed.without_secrets();
        let (arguments, directory) = (pack(&typed.arguments), bytes_of(&typed.directory));
        let unfinished: Vec<i64> = {
            let mut connection = self.connection.lock().await;
            sqlx::query_scalar(
                "SELECT id FROM job WHERE typed = ? AND directory = ? AND state <> 'done' ORDER BY id DESC",
            )
            .bind(&arguments)
            .bind(&directory)
            .fetch_all(&mut *connection)
            .await?
        };
        if let Some(id) = unfinished.into_iter().map(JobId).find(|id| !self.is_locked(*id)) {
            return Ok(id);
        }
        let added = {
            let mut connection = self.connection.lock().await;
            sqlx::query("INSERT INTO job (typed, directory, began, state) VALUES (?, ?, ?, 'interrupted')")
                .bind(arguments)
                .bind(directory)
                .bind(now())
                .execute(&mut *connection)
                .await?
        };
        self.prune().await?;
        Ok(JobId(added.last_insert_rowid()))
    }

    /// Opens the page of a job, to work on it.
    ///
    /// # Errors
    ///
    /// There is none, or somebody works on it; else as [`Journal::open`].
    pub async fn resume(&self, id: JobId) -> Result<Page, JournalError> {
        let claimed = self.claim(id).await?;
        let mut connection = self.connection.lock().await;
        let (had_finished,): (bool,) =
            sqlx::query_as("SELECT complete AND done >= files AND failed = 0 FROM job WHERE id = ?")
                .bind(id.0)
                .fetch_one(&mut *connection)
                .await?;
        sqlx::query(
            "UPDATE job SET runs = runs + 1, pid = ?, state = 'starting', reason = NULL, ended = NULL, files = 0,
             bytes = 0, unchanged = 0, complete = 0, done = 0, done_bytes = 0, failed = 0 WHERE id = ?",
        )
        .bind(i64::from(std::process::id()))
        .bind(id.0)
        .execute(&mut *connection)
        .await?;
        drop(connection);
        let (writer, reader) = (self.options.connect().await?, self.options.connect().await?);
        let earlier = Earlier { resumed: claimed.earlier_runs > 0, had_finished };
        Ok(Page::new(id, earlier, claimed.lock, writer, reader))
    }

    /// All jobs, the newest first.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`].
    pub async fn jobs(&self) -> Result<Vec<Job>, JournalError> {
        let mut connection = self.connection.lock().await;
        // A job may end between a look at its row and one at its lock: then its row says how, and is read again.
        let mut abandoned = HashSet::new();
        loop {
            let rows = sqlx::query("SELECT * FROM job ORDER BY id DESC").fetch_all(&mut *connection).await?;
            let jobs = rows.iter().map(|row| self.read(row)).collect::<Result<Vec<_>, _>>()?;
            let seen = jobs.iter().filter(|job| job.state == State::Interrupted).map(|job| job.id).collect();
            if abandoned.is_superset(&seen) {
                return Ok(jobs);
            }
            abandoned = seen;
        }
    }

    /// One job.
    ///
    /// # Errors
    ///
    /// There is none; else as [`Journal::open`].
    pub async fn job(&self, id: JobId) -> Result<Job, JournalError> {
        let mut connection = self.connection.lock().await;
        let mut once = async || {
            let query = sqlx::query("SELECT * FROM job WHERE id = ?").bind(id.0);
            let row = query.fetch_optional(&mut *connection).await?;
            self.read(&row.ok_or(JournalError::NoSuchJob(id))?)
        };
        let job = once().await?;
        // As in `jobs`.
        if job.state == State::Interrupted { once().await } else { Ok(job) }
    }

    /// Drops a job with all that is known of its files. What it has copied stays where it is.
    ///
    /// # Errors
    ///
    /// There is none, or somebody works on it; else as [`Journal::open`].
    pub async fn forget(&self, id: JobId) -> Result<(), JournalError> {
        let claimed = self.claim(id).await?;
        let mut connection = self.connection.lock().await;
        for statement in ["DELETE FROM file WHERE job = ?", "DELETE FROM job WHERE id = ?"] {
            sqlx::query(statement).bind(id.0).execute(&mut *connection).await?;
        }
        sqlx::query("PRAGMA incremental_vacuum").execute(&mut *connection).await?;
        for path in [self.lock_path(id), self.log_path(id)] {
            let _ = fs::remove_file(path);
        }
        drop(claimed);
        Ok(())
    }

    /// Where a job in the background writes what it has to say.
    pub fn log_path(&self, id: JobId) -> PathBuf {
        self.directory.join(JOBS).join(format!("{id}.log"))
    }

    fn lock_path(&self, id: JobId) -> PathBuf {
        self.directory.join(JOBS).join(format!("{id}.lock"))
    }

    /// Takes the lock of a job that exists.
    async fn claim(&self, id: JobId) -> Result<Claimed, JournalError> {
        let path = self.lock_path(id);
        let broken = |source| JournalError::File { path: path.clone(), source };
        let mut connection = self.connection.lock().await;
        let of_job =
            sqlx::query_as::<_, (i64, Option<i64>)>("SELECT runs, pid FROM job WHERE id = ?").bind(id.0);
        let known = of_job.fetch_optional(&mut *connection).await?;
        let (_, pid) = known.ok_or(JournalError::NoSuchJob(id))?;
        let lock = private_file(&path).map_err(broken)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or_default();
                return Err(JournalError::Running { id, pid });
            }
            Err(TryLockError::Error(source)) => return Err(broken(source)),
        }
        // Somebody may have run it, or dropped it, before the lock was ours.
        let of_job = sqlx::query_scalar("SELECT runs FROM job WHERE id = ?").bind(id.0);
        let earlier_runs =
            of_job.fetch_optional(&mut *connection).await?.ok_or(JournalError::NoSuchJob(id))?;
        Ok(Claimed { lock, earlier_runs })
    }

    /// Drops the oldest job that nobody needs any more, if there is one: a few at a time keep up with any use,
    /// and no command waits for long.
    async fn prune(&self) -> Result<(), JournalError> {
        let old: Vec<i64> = {
            let mut connection = self.connection.lock().await;
            sqlx::query_scalar(
                "SELECT id FROM job WHERE (state = 'done' AND ended < ?1)
                 OR id <= (SELECT id FROM job ORDER BY id DESC LIMIT 1 OFFSET ?2) ORDER BY id LIMIT 2",
            )
            .bind(now() - KEPT)
            .bind(MAX_JOBS)
            .fetch_all(&mut *connection)
            .await?
        };
        for id in old {
            match self.forget(JobId(id)).await {
                Ok(()) | Err(JournalError::Running { .. } | JournalError::NoSuchJob(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read(&self, row: &SqliteRow) -> Result<Job, JournalError> {
        let id = JobId(row.try_get("id")?);
        let count = |column: &str| {
            row.try_get::<i64, _>(column).map(|count| u64::try_from(count).unwrap_or_default())
        };
        let directory: Vec<u8> = row.try_get("directory")?;
        let arguments: Vec<u8> = row.try_get("typed")?;
        let pid: Option<i64> = row.try_get("pid")?;
        let state = match row.try_get::<&str, _>("state")? {
            "done" => State::Done,
            "failed" => State::Failed,
            "starting" | "running" if self.is_locked(id) => {
                State::Running { pid: pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or_default() }
            }
            _ => State::Interrupted,
        };
        Ok(Job {
            id,
            typed: Typed { arguments: unpack(&arguments), directory: path_of(directory) },
            began: row.try_get("began")?,
            ended: row.try_get("ended")?,
            state,
            has_begun: row.try_get::<&str, _>("state")? != "starting",
            reason: row.try_get("reason")?,
            totals: Totals {
                files: count("files")?,
                bytes: count("bytes")?,
                unchanged: count("unchanged")?,
                complete: row.try_get("complete")?,
            },
            done: count("done")?,
            done_bytes: count("done_bytes")?,
            failed: count("failed")?,
        })
    }

    /// True if a process works on the job.
    fn is_locked(&self, id: JobId) -> bool {
        let Ok(lock) = File::open(self.lock_path(id)) else { return false };
        matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// The columns of an ending.
pub(super) fn columns(ending: &Ending) -> (&'static str, Option<&str>) {
    match ending {
        Ending::Done => ("done", None),
        Ending::Failed(reason) => ("failed", Some(reason)),
        Ending::Interrupted => ("interrupted", None),
    }
}

/// Arguments as one value: none of them can hold a NUL.
fn pack(arguments: &[Vec<u8>]) -> Vec<u8> {
    arguments.join(&0)
}

fn unpack(packed: &[u8]) -> Vec<Vec<u8>> {
    packed.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect()
}

#[cfg(unix)]
fn bytes_of(path: &Path) -> Vec<u8> {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec()
}

#[cfg(not(unix))]
fn bytes_of(path: &Path) -> Vec<u8> {
    path.to_string_lossy().into_owned().into_bytes()
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes))
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

fn make_private_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Opens a file that only its owner can read, and makes it if need be.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The folder of locks and logs.
const JOBS: &str = "jobs";

/// How long a write waits for another process to end its own.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a job that was done is remembered, in seconds: a month of nightly runs.
const KEPT: i64 = 31 * 24 * 3600;

/// The most jobs to remember, finished or not.
const MAX_JOBS: i64 = 1000;
