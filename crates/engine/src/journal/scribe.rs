//! Writes down what a run tells, many notes in one write.
//!
//! The lanes leave notes, and one task takes all that lie there and commits them together. While it writes, the next
//! ones gather; so few notes are written at once, and many in few writes. Nobody waits for that but whoever is about to
//! do what must not happen unnoted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fxp_proto::listing::entry::Precision;
use fxp_proto::pair::method::Method;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Sqlite, Transaction};
use tokio::sync::{Notify, watch};

use super::job::{Ending, JobId};
use super::store::columns;
use super::{JournalError, Stands, Subject, Totals, words};
use crate::clock::now;
use crate::report::{FileFailure, FileReport, TroubleKind, Verification};

/// A note.
#[derive(Debug)]
pub(super) enum Told {
    Planned(Totals),
    Begun {
        subject: Subject,
        stands: Option<Stands>,
        in_place: bool,
    },
    Finished(Box<Done>),
    /// An earlier run has done it.
    Recalled {
        size: u64,
    },
    Failed {
        subject: Subject,
        reason: String,
    },
    Ended(Ending),
}

/// A file that is done.
#[derive(Debug)]
pub(super) struct Done {
    subject: Subject,
    size: u64,
    attempts: u32,
    time_kept: bool,
    verified: Verification,
    assurance: &'static str,
    route: &'static str,
    method: Option<&'static str>,
}

impl Told {
    pub(super) fn finished(subject: &Subject, report: &FileReport) -> Self {
        Told::Finished(Box::new(Done {
            subject: subject.clone(),
            size: report.size,
            attempts: report.attempts,
            time_kept: report.time_kept,
            verified: report.verified.clone(),
            assurance: words::of_assurance(report.assurance),
            route: words::of_route(report.route),
            method: report.method.as_ref().map(Method::word),
        }))
    }

    pub(super) fn failed(subject: &Subject, failure: &FileFailure) -> Self {
        let trouble = &failure.trouble;
        // Some servers repeat in a refusal what they were sent, and at the login that is a password.
        let reason = match trouble.kind {
            TroubleKind::Login => trouble.what.clone(),
            _ => trouble.to_string(),
        };
        Told::Failed { subject: subject.clone(), reason }
    }
}

/// How far the scribe has come.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    notes: u64,
    /// The disk takes nothing just now.
    fails: bool,
}

/// Who waits for notes to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// Until they are, or are lost.
    Always,
    /// As long as writing works.
    WhileItWrites,
}

/// Where notes lie until they are written.
pub(super) struct Inbox {
    notes: Mutex<Vec<Told>>,
    /// How many notes were ever left.
    left: AtomicU64,
    /// How many of them are dealt with, and whether the latest attempt failed.
    written: watch::Sender<Written>,
    arrived: Notify,
    closed: AtomicBool,
    lost: AtomicU64,
    why: Mutex<Option<String>>,
}

impl Default for Inbox {
    fn default() -> Self {
        Inbox {
            notes: Mutex::default(),
            left: AtomicU64::new(0),
            written: watch::Sender::new(Written::default()),
            arrived: Notify::new(),
            closed: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            why: Mutex::default(),
        }
    }
}

impl Inbox {
    /// Leaves a note. When too many lie there, because the disk does not answer, it is lost: the file is compared
    /// when the job is resumed.
    pub(super) fn tell(&self, note: Told) {
        let mut notes = self.notes.lock().expect("no holder of the lock panics");
        if notes.len() >= MAX_NOTES && !matches!(note, Told::Ended(_)) {
            self.lost.fetch_add(1, Relaxed);
            return;
        }
        notes.push(note);
        self.left.fetch_add(1, Relaxed);
        drop(notes);
        self.arrived.notify_one();
    }

    /// Comes back when everything told before this call is dealt with.
    pub(super) fn settle(&self, waits: Waits) -> impl Future<Output = ()> + Send + use<> {
        let (left, mut written) = (self.left.load(Relaxed), self.written.subscribe());
        async move {
            let enough =
                |written: &Written| written.notes >= left || (written.fails && waits == Waits::WhileItWrites);
            // Where the inbox is gone nobody writes any more.
            let _ = written.wait_for(enough).await;
        }
    }

    /// There will be no more notes.
    pub(super) fn close(&self) {
        self.closed.store(true, Relaxed);
        self.arrived.notify_one();
    }

    /// Something could not be read or written.
    pub(super) fn lose(&self, error: &JournalError) {
        tracing::warn!(%error, "the journal fails");
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        self.why
            .lock()
            .expect("no holder of the lock panics")
            .get_or_insert_with(|| format!("{error}{cause}"));
    }

    /// A sentence about what is missing in the journal, if anything is.
    pub(super) fn what_was_lost(&self) -> Option<String> {
        let lost = self.lost.load(Relaxed);
        let why = self.why.lock().expect("no holder of the lock panics").clone();
        match (lost, why) {
            (0, None) => None,
            (0, Some(why)) => Some(format!("the journal is not complete: {why}")),
            (lost, why) => {
                let why = why.unwrap_or_else(|| "the disk was too slow".to_owned());
                Some(format!("{lost} notes are missing in the journal: {why}"))
            }
        }
    }

    fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.notes.lock().expect("no holder of the lock panics"))
    }
}

/// Writes until the inbox is closed.
pub(super) async fn scribe(id: JobId, mut connection: SqliteConnection, inbox: Arc<Inbox>) {
    loop {
        let notes = inbox.take();
        if notes.is_empty() {
            if inbox.closed.load(Relaxed) {
                break;
            }
            inbox.arrived.notified().await;
            continue;
        }
        let mut outcome = write(id, &mut connection, &notes).await;
        for _ in 0..RETRIES {
            let Err(error) = &outcome else { break };
            inbox.lose(error);
            inbox.written.send_modify(|written| written.fails = true);
            tokio::time::sleep(PAUSE).await;
            outcome = write(id, &mut connection, &notes).await;
        }
        let fails = outcome.is_err();
        match outcome {
            // What was written at last was not lost.
            Ok(()) => drop(inbox.why.lock().expect("no holder of the lock panics").take()),
            Err(error) => {
                inbox.lose(&error);
                inbox.lost.fetch_add(notes.len() as u64, Relaxed);
            }
        }
        inbox.written.send_modify(|written| {
            *written = Written { notes: written.notes + notes.len() as u64, fails };
        });
    }
    let _ = connection.close().await;
}

/// All of them, or none.
async fn write(id: JobId, connection: &mut SqliteConnection, notes: &[Told]) -> Result<(), JournalError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let (mut done, mut bytes, mut failed) = (0_i64, 0_i64, 0_i64);
    for note in notes {
        match note {
            Told::Planned(totals) => planned(id, &mut transaction, *totals).await?,
            Told::Begun { subject, stands, in_place } => {
                begun(id, &mut transaction, subject, *stands, *in_place).await?;
            }
            Told::Finished(file) => {
                (done, bytes) = (done + 1, bytes.saturating_add(signed(file.size)));
                finished(id, &mut transaction, file).await?;
            }
            Told::Recalled { size } => (done, bytes) = (done + 1, bytes.saturating_add(signed(*size))),
            Told::Failed { subject, reason } => {
                failed += 1;
                self::failed(id, &mut transaction, subject, reason).await?;
            }
            Told::Ended(ending) => ended(id, &mut transaction, ending).await?,
        }
    }
    if done + failed > 0 {
        sqlx::query(
            "UPDATE job SET done = done + ?, done_bytes = done_bytes + ?, failed = failed + ? WHERE id = ?",
        )
        .bind(done)
        .bind(bytes)
        .bind(failed)
        .bind(id.0)
        .execute(&mut *transaction)
        .await?;
    }
    Ok(transaction.commit().await?)
}

async fn planned(
    id: JobId,
    transaction: &mut Transaction<'_, Sqlite>,
    totals: Totals,
) -> Result<(), JournalError> {
    sqlx::query(
        "UPDATE job SET state = 'running', files = ?, bytes = ?, unchanged = ?, complete = ? WHERE id = ?",
    )
    .bind(signed(totals.files))
    .bind(signed(totals.bytes))
    .bind(signed(totals.unchanged))
    .bind(totals.complete)
    .bind(id.0)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn begun(
    id: JobId,
    transaction: &mut Transaction<'_, Sqlite>,
    subject: &Subject,
    stands: Option<Stands>,
    in_place: bool,
) -> Result<(), JournalError> {
    let (size, modified, exact) = numbers(subject.is);
    let (stood_size, stood_modified, stood_exact) = numbers(stands.unwrap_or_default());
    sqlx::query(
        "INSERT OR REPLACE INTO file (destination, job, source, size, modified, exact, state, in_place, stood,
         stood_size, stood_modified, stood_exact, at) VALUES (?, ?, ?, ?, ?, ?, 'begun', ?, ?, ?, ?, ?, ?)",
    )
    .bind(&subject.destination)
    .bind(id.0)
    .bind(&subject.source)
    .bind(size)
    .bind(modified)
    .bind(exact)
    .bind(in_place)
    .bind(stands.is_some())
    .bind(stood_size)
    .bind(stood_modified)
    .bind(stood_exact)
    .bind(now())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn finished(
    id: JobId,
    transaction: &mut Transaction<'_, Sqlite>,
    file: &Done,
) -> Result<(), JournalError> {
    let (size, modified, exact) = numbers(file.subject.is);
    let (algorithm, digest) = match &file.verified {
        Verification::Digest { algorithm, hex } => (Some(*algorithm), Some(hex.as_str())),
        Verification::Size => (None, None),
    };
    sqlx::query(
        "INSERT OR REPLACE INTO file (destination, job, source, size, modified, exact, state, at, attempts, time_kept,
         algorithm, digest, assurance, route, method) VALUES (?, ?, ?, ?, ?, ?, 'done', ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&file.subject.destination)
    .bind(id.0)
    .bind(&file.subject.source)
    .bind(size)
    .bind(modified)
    .bind(exact)
    .bind(now())
    .bind(i64::from(file.attempts))
    .bind(file.time_kept)
    .bind(algorithm)
    .bind(digest)
    .bind(file.assurance)
    .bind(file.route)
    .bind(file.method)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// What stood there before the copy began stays noted: the name may have been given all the same.
async fn failed(
    id: JobId,
    transaction: &mut Transaction<'_, Sqlite>,
    subject: &Subject,
    reason: &str,
) -> Result<(), JournalError> {
    let (size, modified, exact) = numbers(subject.is);
    sqlx::query(
        "INSERT INTO file (destination, job, source, size, modified, exact, state, in_place, at, reason)
         VALUES (?, ?, ?, ?, ?, ?, 'failed', 1, ?, ?)
         ON CONFLICT (destination) DO UPDATE SET state = 'failed', job = excluded.job, at = excluded.at,
         reason = excluded.reason,
         in_place = CASE WHEN state = 'begun' THEN in_place ELSE 1 END",
    )
    .bind(&subject.destination)
    .bind(id.0)
    .bind(&subject.source)
    .bind(size)
    .bind(modified)
    .bind(exact)
    .bind(now())
    .bind(reason)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn ended(
    id: JobId,
    transaction: &mut Transaction<'_, Sqlite>,
    ending: &Ending,
) -> Result<(), JournalError> {
    let (state, reason) = columns(ending);
    sqlx::query("UPDATE job SET state = ?, reason = ?, ended = ? WHERE id = ?")
        .bind(state)
        .bind(reason)
        .bind(now())
        .bind(id.0)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Size, time, and how exact the time is.
fn numbers(file: Stands) -> (Option<i64>, Option<i64>, Option<i64>) {
    let exact = file.modified.map(|(_, exact)| match exact {
        Precision::Day => 0,
        Precision::Minute => 1,
        Precision::Second => 2,
    });
    (file.size.map(signed), file.modified.map(|(time, _)| time.seconds), exact)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The most notes that wait to be written: some seconds' worth of a fast run, a few dozen megabytes.
const MAX_NOTES: usize = 50_000;

/// How often a write that failed is tried again: a disk that is full may be freed.
const RETRIES: u32 = 3;

/// How long it is before it is tried again.
const PAUSE: Duration = Duration::from_secs(1);
