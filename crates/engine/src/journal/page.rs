//! The ledger of one job.

use std::collections::HashSet;
use std::fs::File;
use std::sync::Arc;

use fxp_proto::listing::entry::Precision;
use fxp_proto::listing::time::FtpTime;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::job::{Ending, JobId};
use super::recall::{Note, judge};
use super::scribe::{Inbox, Told, Waits, scribe};
use super::young;
use super::{Answer, Finished, JournalError, Ledger, Left, Recalled, Stands, Subject, Totals};
use crate::report::{FileFailure, FileReport, Verification};

/// What earlier runs of a job have left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Earlier {
    /// There were some.
    pub(super) resumed: bool,
    /// The latest one had found all its files, and done them.
    pub(super) had_finished: bool,
}

/// The page of a job that this process works on. Nobody else can, until it is ended or dropped.
pub struct Page {
    id: JobId,
    earlier: Earlier,
    /// Held, not used; let go at the end.
    lock: Mutex<Option<File>>,
    inbox: Arc<Inbox>,
    scribe: Mutex<Option<JoinHandle<()>>>,
    reader: Mutex<SqliteConnection>,
}

impl Page {
    pub(super) fn new(
        id: JobId,
        earlier: Earlier,
        lock: File,
        writer: SqliteConnection,
        reader: SqliteConnection,
    ) -> Self {
        let inbox = Arc::new(Inbox::default());
        let task = tokio::spawn(scribe(id, writer, inbox.clone()));
        Page {
            id,
            earlier,
            lock: Mutex::new(Some(lock)),
            inbox,
            scribe: Mutex::new(Some(task)),
            reader: Mutex::new(reader),
        }
    }

    /// The job's number.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// True if an earlier run has worked on it.
    pub fn is_resumed(&self) -> bool {
        self.earlier.resumed
    }

    /// Writes down how the run ended, after everything else it told. The reason why that was not possible, or
    /// why something of it was not written, is returned: the copy itself is none the worse for it.
    pub async fn end(&self, ending: Ending) -> Option<String> {
        self.inbox.tell(Told::Ended(ending));
        self.settle().await;
        self.inbox.close();
        if let Some(scribe) = self.scribe.lock().await.take() {
            let _ = scribe.await;
        }
        drop(self.lock.lock().await.take());
        self.inbox.what_was_lost()
    }

    async fn note(&self, subject: &Subject) -> Result<Option<Note>, JournalError> {
        let mut reader = self.reader.lock().await;
        let row = sqlx::query(
            "SELECT job, source, size, modified, exact, state, at, in_place, time_kept, stood, stood_size, stood_modified, stood_exact,
             algorithm, digest, assurance FROM file WHERE destination = ?",
        )
        .bind(&subject.destination)
        .fetch_optional(&mut *reader)
        .await?;
        Ok(row.as_ref().map(|row| read(row, self.id)).transpose()?)
    }

    async fn of_source(&self, source: &str) -> Result<Vec<Left>, JournalError> {
        let mut reader = self.reader.lock().await;
        // What lies beneath begins with a slash, and `0` is the character behind that.
        let rows = sqlx::query(
            "SELECT source, destination, size, state FROM file
             WHERE job = ?1 AND (source = ?2 OR (source > ?2 || '/' AND source < ?2 || '0'))",
        )
        .bind(self.id.0)
        .bind(source.trim_end_matches('/'))
        .fetch_all(&mut *reader)
        .await?;
        let left = |row: &SqliteRow| {
            let size: Option<i64> = row.try_get("size")?;
            Ok(Left {
                destination: row.try_get("destination")?,
                size: size.and_then(|size| u64::try_from(size).ok()),
                finished: row.try_get::<&str, _>("state")? == "done",
                beneath: row.try_get::<&str, _>("source")? != source.trim_end_matches('/'),
            })
        };
        Ok(rows.iter().map(left).collect::<sqlx::Result<_>>()?)
    }
}

impl Ledger for Page {
    fn recall<'a>(&'a self, subject: &'a Subject, stands: Option<Stands>) -> Answer<'a, Recalled> {
        Box::pin(async move {
            if stands.is_none() {
                return Recalled::Nothing;
            }
            match self.note(subject).await {
                Ok(note) => {
                    let recalled = judge(note.as_ref(), subject, stands, self.earlier.resumed);
                    if let Recalled::Done(finished) = &recalled {
                        self.inbox.tell(Told::Recalled { size: finished.size });
                    }
                    recalled
                }
                Err(error) => {
                    // Then it is compared or sent, which is never wrong.
                    self.inbox.lose(&error);
                    judge(None, subject, stands, self.earlier.resumed)
                }
            }
        })
    }

    fn left_by<'a>(&'a self, source: &'a str) -> Answer<'a, Vec<Left>> {
        Box::pin(async move {
            match self.earlier.resumed {
                true => self.of_source(source).await.unwrap_or_else(|error| {
                    self.inbox.lose(&error);
                    Vec::new()
                }),
                false => Vec::new(),
            }
        })
    }

    fn young<'a>(&'a self, place: &'a str) -> Answer<'a, HashSet<u64>> {
        Box::pin(async move {
            let mut reader = self.reader.lock().await;
            young::of_place(&mut reader, place).await.unwrap_or_else(|error| {
                self.inbox.lose(&error.into());
                HashSet::new()
            })
        })
    }

    fn had_finished(&self) -> bool {
        self.earlier.had_finished
    }

    fn planned(&self, totals: Totals) {
        self.inbox.tell(Told::Planned(totals));
    }

    fn begun(&self, subject: &Subject, stands: Option<Stands>, in_place: bool) {
        self.inbox.tell(Told::Begun { subject: subject.clone(), stands, in_place });
    }

    fn finished(&self, subject: &Subject, report: &FileReport) {
        self.inbox.tell(Told::finished(subject, report));
    }

    fn failed(&self, subject: &Subject, failure: &FileFailure) {
        self.inbox.tell(Told::failed(subject, failure));
    }

    fn settle(&self) -> Answer<'static, ()> {
        Box::pin(self.inbox.settle(Waits::Always))
    }

    fn noted(&self) -> Answer<'static, ()> {
        Box::pin(self.inbox.settle(Waits::WhileItWrites))
    }
}

impl Drop for Page {
    /// A page that is not ended is one of a run that was broken off.
    fn drop(&mut self) {
        self.inbox.close();
    }
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page").field("id", &self.id).finish_non_exhaustive()
    }
}

/// `reader`: the job that asks.
fn read(row: &SqliteRow, reader: JobId) -> sqlx::Result<Note> {
    let is = stands(row, "size", "modified", "exact")?;
    let finished = match row.try_get::<&str, _>("state")? {
        "done" => Some(Finished {
            size: is.size.unwrap_or_default(),
            verified: verification(row.try_get("algorithm")?, row.try_get("digest")?),
            assurance: super::words::assurance(row.try_get("assurance")?),
            time_kept: row.try_get("time_kept")?,
            by_this_job: row.try_get::<i64, _>("job")? == reader.0,
            at: row.try_get("at")?,
        }),
        _ => None,
    };
    Ok(Note {
        source: row.try_get("source")?,
        is,
        finished,
        in_place: row.try_get("in_place")?,
        stood: match row.try_get("stood")? {
            true => Some(stands(row, "stood_size", "stood_modified", "stood_exact")?),
            false => None,
        },
    })
}

fn stands(row: &SqliteRow, size: &str, modified: &str, exact: &str) -> sqlx::Result<Stands> {
    let size: Option<i64> = row.try_get(size)?;
    let modified: Option<i64> = row.try_get(modified)?;
    let exact = match row.try_get::<Option<i64>, _>(exact)? {
        Some(0) => Precision::Day,
        Some(1) => Precision::Minute,
        _ => Precision::Second,
    };
    Ok(Stands {
        size: size.and_then(|size| u64::try_from(size).ok()),
        modified: modified.map(|seconds| (FtpTime { seconds, nanoseconds: 0 }, exact)),
    })
}

fn verification(algorithm: Option<&str>, digest: Option<String>) -> Verification {
    match (algorithm.and_then(super::words::algorithm), digest) {
        (Some(algorithm), Some(hex)) => Verification::Digest { algorithm, hex },
        _ => Verification::Size,
    }
}
