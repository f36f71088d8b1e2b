//! What is written down and read again, as another process would.

use std::path::Path;
use std::time::Duration;

use fxp_proto::listing::entry::Precision;
use fxp_proto::listing::time::FtpTime;

use super::*;
use crate::report::{Route, Trouble, TroubleKind};

#[tokio::test]
async fn what_was_told_outlives_a_run_that_was_broken_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(folder.path()).await;
    let page = journal.begin(typed(&["cp", "-r", "a:", "b:"])).await.expect("begun");
    assert!(!page.is_resumed());
    assert!(!open(folder.path()).await.jobs().await.expect("read")[0].has_begun);
    page.planned(Totals { files: 3, bytes: 15, unchanged: 2, complete: true });
    for name in ["one", "two", "three"] {
        page.begun(&subject(name), None, false);
    }
    page.finished(&subject("one"), &report());
    page.failed(&subject("two"), &failure(TroubleKind::Other, "550 no"));
    page.settle().await;

    let running = &open(folder.path()).await.jobs().await.expect("read")[0];
    assert_eq!(running.state, State::Running { pid: std::process::id() });
    assert!(running.has_begun);
    let id = page.id();
    drop(page);

    let journal = open(folder.path()).await;
    let jobs = journal.jobs().await.expect("read");
    assert_eq!(jobs.len(), 1);
    let job = &jobs[0];
    assert_eq!((job.id, job.state, job.typed.line().as_str()), (id, State::Interrupted, "cp -r a: b:"));
    assert_eq!(job.totals, Totals { files: 3, bytes: 15, unchanged: 2, complete: true });
    assert_eq!((job.done, job.done_bytes, job.failed), (1, 5, 1));

    let page = journal.resume(id).await.expect("resumed");
    assert!(page.is_resumed());
    let whole = Some(stands(999));
    let begun = job.began;
    let recalled = page.recall(&subject("one"), whole).await;
    let Recalled::Done(Finished { at, .. }) = recalled else { panic!("{recalled:?}") };
    assert!(at >= begun, "{at} {begun}");
    let done = Finished {
        size: 5,
        verified: digest(),
        assurance: Assurance::Mutual,
        time_kept: false,
        by_this_job: true,
        at,
    };
    assert_eq!(recalled, Recalled::Done(done));
    assert_eq!(page.recall(&subject("one"), None).await, Recalled::Nothing);
    assert_eq!(page.recall(&subject("two"), whole).await, Recalled::Perhaps { named: true });
    assert_eq!(page.recall(&subject("three"), whole).await, Recalled::Perhaps { named: true });
    assert_eq!(page.recall(&subject("four"), whole).await, Recalled::Perhaps { named: false });
    assert_eq!(page.end(Ending::Done).await, None);
    let job = journal.job(id).await.expect("there");
    assert_eq!((job.state, job.done, job.done_bytes), (State::Done, 1, 5), "what is recalled is done");
}

#[tokio::test]
async fn the_same_command_continues_its_job_until_that_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(folder.path()).await;
    let command = typed(&["cp", "a:", "b:"]);
    let first = journal.begin(command.clone()).await.expect("begun");
    let meanwhile = journal.begin(command.clone()).await.expect("begun");
    assert_ne!(first.id(), meanwhile.id(), "somebody works on it");
    assert_eq!(meanwhile.end(Ending::Done).await, None);
    assert_eq!(first.end(Ending::Failed("550 no".into())).await, None);
    let id = first.id();
    drop((first, meanwhile));

    let elsewhere = Typed { directory: "/elsewhere".into(), ..command.clone() };
    let elsewhere = journal.begin(elsewhere).await.expect("begun");
    assert_ne!(elsewhere.id(), id);
    let again = journal.begin(command.clone()).await.expect("begun");
    assert_eq!((again.id(), again.is_resumed()), (id, true));
    assert_eq!(again.end(Ending::Done).await, None);
    drop(again);
    let anew = journal.begin(command).await.expect("begun");
    assert!(anew.id() > elsewhere.id() && !anew.is_resumed());
}

#[tokio::test]
async fn a_job_is_dropped_with_its_files_unless_somebody_works_on_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(folder.path()).await;
    let page = journal.begin(typed(&["cp", "a:", "b:"])).await.expect("begun");
    let id = page.id();
    page.finished(&subject("one"), &report());
    page.settle().await;
    let refused = journal.forget(id).await.expect_err("it is running");
    let pid = std::process::id();
    assert_eq!(refused.to_string(), format!("job {id} is running, as process {pid}"));
    assert!(matches!(journal.resume(id).await, Err(JournalError::Running { .. })));
    page.end(Ending::Interrupted).await;
    journal.forget(id).await.expect("dropped");
    assert!(matches!(journal.resume(id).await, Err(JournalError::NoSuchJob(_))));
    let page = journal.begin(typed(&["cp", "a:", "b:"])).await.expect("begun");
    assert!(page.id() > id, "a number is not given twice");
    assert_eq!(page.recall(&subject("one"), Some(stands(999))).await, Recalled::Nothing);
}

#[tokio::test]
async fn only_the_owner_reads_the_journal_and_no_secret_is_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("new/fxp");
    let journal = open(&directory).await;
    let command = typed(&["--password-command", "echo hunter2", "cp", "ftp://ann:hunter2@a/x", "b:"]);
    let page = journal.begin(command).await.expect("begun");
    page.failed(&subject("one"), &failure(TroubleKind::Login, "530 wrong password: hunter2"));
    page.end(Ending::Interrupted).await;
    let mut looked_at = 0;
    for entry in walk(&directory) {
        let content = std::fs::read(&entry).expect("read");
        assert!(!content.windows(7).any(|window| window == b"hunter2"), "{}", entry.display());
        looked_at += usize::from(content.windows(7).any(|window| window == b"ftp://a"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = entry.metadata().expect("there").permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", entry.display());
        }
    }
    assert!(looked_at > 0, "the command is somewhere");
}

#[tokio::test]
async fn many_notes_are_written_in_few_writes_and_none_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(folder.path()).await;
    let page = journal.begin(typed(&["cp", "a:", "b:"])).await.expect("begun");
    for number in 0..3000 {
        let subject = subject(&number.to_string());
        page.begun(&subject, None, false);
        page.finished(&subject, &report());
    }
    assert_eq!(page.end(Ending::Done).await, None);
    let job = journal.job(page.id()).await.expect("there");
    assert_eq!((job.done, job.done_bytes), (3000, 15_000));
    for number in [0, 1, 1500, 2999] {
        let recalled = page.recall(&subject(&number.to_string()), Some(stands(999))).await;
        assert!(matches!(recalled, Recalled::Done(_)), "{number}: {recalled:?}");
    }
}

#[tokio::test]
async fn two_processes_write_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = tokio::join!(open(folder.path()), open(folder.path()));
    let (one, two) =
        tokio::join!(one.begin(typed(&["cp", "a:", "b:"])), two.begin(typed(&["cp", "c:", "d:"])));
    let pages = [one.expect("begun"), two.expect("begun")];
    for number in 0..500 {
        for page in &pages {
            page.finished(&subject(&format!("{}/{number}", page.id())), &report());
            tokio::task::yield_now().await;
        }
    }
    let patience = Duration::from_secs(60);
    for page in &pages {
        let ended = tokio::time::timeout(patience, page.end(Ending::Done)).await;
        assert_eq!(ended.expect("in time"), None);
    }
    let jobs = open(folder.path()).await.jobs().await.expect("read");
    assert_eq!(jobs.iter().map(|job| job.done).collect::<Vec<_>>(), [500, 500]);
}

#[tokio::test]
async fn copies_made_in_the_minute_of_their_source_are_known_whatever_its_zone() {
    const DAY: i64 = 24 * 3600;
    let folder = tempfile::tempdir().expect("a folder");
    let page = open(folder.path()).await.begin(typed(&["cp", "-r", "a:", "b:"])).await.expect("begun");
    let now = crate::clock::now();
    // How long before its copy the source was changed, as listed, and whether that may have been in the same minute.
    let rows = [
        ("in it", 10, Precision::Minute, true),
        ("by a clock that is late", -90, Precision::Minute, true),
        ("with seconds", 10, Precision::Second, true),
        ("minutes later", 400, Precision::Minute, false),
        ("west of us", 5 * 3600 + 10, Precision::Minute, true),
        ("west of us, minutes later", 5 * 3600 + 400, Precision::Minute, false),
        ("east of us", 10 - 2 * 3600, Precision::Minute, true),
        ("days later", 10 * DAY + 10, Precision::Minute, false),
        ("some day", 10, Precision::Day, false),
    ];
    for (name, before, exact, _) in rows {
        let modified = Some((FtpTime { seconds: now - before, nanoseconds: 0 }, exact));
        let subject = Subject { is: Stands { size: Some(5), modified }, ..subject(name) };
        page.finished(&subject, &report());
    }
    page.begun(&subject("begun"), None, false);
    page.settle().await;
    let whole = subject("").destination;
    let place = whole.trim_end_matches('/');
    let young = page.young(place).await;
    for (name, .., expected) in rows {
        assert_eq!(young.contains(&mark(&subject(name).destination)), expected, "{name}");
    }
    assert_eq!(young.len(), rows.iter().filter(|(.., expected)| *expected).count());
    assert!(page.young(&place[..place.len() - 1]).await.is_empty(), "another place");
}

#[tokio::test]
async fn a_journal_of_a_newer_program_is_left_alone() {
    use sqlx::{ConnectOptions, Connection};
    let folder = tempfile::tempdir().expect("a folder");
    drop(open(folder.path()).await);
    let path = folder.path().join("journal.sqlite");
    let mut connection =
        sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.expect("opened");
    sqlx::query("PRAGMA user_version = 99").execute(&mut connection).await.expect("set");
    connection.close().await.expect("closed");
    assert!(matches!(Journal::open(folder.path()).await, Err(JournalError::Newer)));
}

async fn open(directory: &Path) -> Journal {
    Journal::open(directory).await.unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

fn typed(words: &[&str]) -> Typed {
    let arguments = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    Typed { arguments, directory: "/home/ann".into() }
}

fn subject(name: &str) -> Subject {
    Subject { source: format!("ann@a:21/{name}"), destination: format!("ann@b:21/{name}"), is: stands(100) }
}

fn stands(seconds: i64) -> Stands {
    Stands { size: Some(5), modified: Some((FtpTime { seconds, nanoseconds: 0 }, Precision::Second)) }
}

fn digest() -> Verification {
    Verification::Digest { algorithm: "SHA-256", hex: "00ff".into() }
}

fn report() -> FileReport {
    FileReport {
        source: "a:one".into(),
        destination: "b:one".into(),
        size: 5,
        resumed: 0,
        inherited: 0,
        elapsed: Duration::ZERO,
        route: Route::Direct,
        method: None,
        assurance: Assurance::Mutual,
        verified: digest(),
        attempts: 1,
        time_kept: false,
        notes: Vec::new(),
    }
}

fn failure(kind: TroubleKind, words: &str) -> FileFailure {
    let trouble = Trouble { words: Some(words.into()), ..Trouble::new(kind, "the server refuses") };
    FileFailure { source: "a:two".into(), destination: "b:two".into(), trouble }
}

fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a folder") {
        let entry = entry.expect("an entry");
        match entry.file_type().expect("a type").is_dir() {
            true => found.extend(walk(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}
