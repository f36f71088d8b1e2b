//! The tables, and how a file from an older program becomes one of today.

use sqlx::sqlite::SqliteConnection;

use super::JournalError;

/// Brings the tables to the newest version. Each entry is applied once, in order, and never changed afterwards.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), JournalError> {
    // IMMEDIATE: two processes that start together must not both make the tables.
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    let migrated = apply(connection).await;
    let end = if migrated.is_ok() { sqlx::query("COMMIT") } else { sqlx::query("ROLLBACK") };
    end.execute(&mut *connection).await?;
    migrated
}

async fn apply(connection: &mut SqliteConnection) -> Result<(), JournalError> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    let have = usize::try_from(version).unwrap_or(usize::MAX);
    if have > VERSIONS.len() {
        return Err(JournalError::Newer);
    }
    for (step, mark) in &VERSIONS[have..] {
        sqlx::raw_sql(*step).execute(&mut *connection).await?;
        sqlx::raw_sql(*mark).execute(&mut *connection).await?;
    }
    Ok(())
}

/// What leads from each version to the next, with the mark that it was done.
const VERSIONS: &[(&str, &str)] = &[(FIRST, "PRAGMA user_version = 1")];

/// `typed` and `directory` are bytes, because arguments and paths need not be text. In `file`, `state` is
/// begun, done or failed; `stood_*` tell what had the final name before the copy began. Times are seconds
/// since 1970; the last column of a time says how exact it is.
const FIRST: &str = "
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    typed BLOB NOT NULL,
    directory BLOB NOT NULL,
    began INTEGER NOT NULL,
    runs INTEGER NOT NULL DEFAULT 0,
    pid INTEGER,
    state TEXT NOT NULL,
    reason TEXT,
    ended INTEGER,
    files INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    unchanged INTEGER NOT NULL DEFAULT 0,
    complete INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    done_bytes INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE file (
    destination TEXT PRIMARY KEY,
    job INTEGER NOT NULL,
    source TEXT NOT NULL,
    size INTEGER,
    modified INTEGER,
    exact INTEGER,
    state TEXT NOT NULL,
    in_place INTEGER NOT NULL DEFAULT 0,
    stood INTEGER NOT NULL DEFAULT 0,
    stood_size INTEGER,
    stood_modified INTEGER,
    stood_exact INTEGER,
    at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    time_kept INTEGER NOT NULL DEFAULT 0,
    algorithm TEXT,
    digest TEXT,
    assurance TEXT,
    route TEXT,
    method TEXT,
    reason TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX file_of_job ON file (job);
";
