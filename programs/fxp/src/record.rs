//! Copies are jobs: what was typed is kept in the journal, with what came of it, so that another process can
//! continue it.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fxp_engine::journal::{Ending, Forgetful, JobId, Journal, JournalError, Ledger, Page, Typed};
use fxp_engine::report::{self, Report, Trouble, TroubleKind};

use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::settings::Paths;

/// What was typed, and the job that it continues, if one was named.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    pub(crate) typed: Typed,
    pub(crate) job: Option<JobId>,
}

impl Errand {
    /// What this process was started with.
    pub(crate) fn of_this_process() -> Self {
        let arguments = std::env::args_os().skip(1).map(OsString::into_encoded_bytes);
        // Without a working directory only absolute paths can be resumed.
        let directory = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let arguments = arguments.filter(|argument| argument != BACKGROUND.as_bytes()).collect();
        Errand { typed: Typed { arguments, directory }, job: None }
    }
}

/// A job that this process works on; without a journal it is not remembered.
pub(crate) struct Record {
    kept: Option<(Journal, Arc<Page>)>,
}

impl Record {
    /// Opens the page of what was typed. A job that was named has to be there; where nothing can be written, a
    /// copy is made all the same.
    pub(crate) async fn open(desk: &Desk, dry_run: bool) -> Outcome<Record> {
        if dry_run {
            return Ok(Record { kept: None });
        }
        let Errand { typed, job } = desk.errand.clone();
        let opened = async {
            let journal = journal().await?;
            let page = match job {
                Some(id) => journal.resume(id).await,
                None => journal.begin(typed).await,
            };
            Ok((journal, Arc::new(page.map_err(failure)?)))
        };
        match (opened.await, job) {
            (Ok(kept), _) => Ok(Record { kept: Some(kept) }),
            (Err(failure), Some(_)) => Err(failure),
            (Err(failure), None) => {
                let hint = failure.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
                desk.voice.warning(&format!(
                    "{failure}, so this copy is not remembered, and `fxp resume` will not know it{hint}"
                ));
                Ok(Record { kept: None })
            }
        }
    }

    /// For the engine.
    pub(crate) fn ledger(&self) -> Arc<dyn Ledger> {
        match &self.kept {
            Some((_, page)) => page.clone(),
            None => Arc::new(Forgetful),
        }
    }

    /// Writes down how it ended, and tells a person how it goes on.
    pub(crate) async fn end(self, desk: &Desk, report: &Result<Report, Trouble>) {
        let Some((journal, page)) = self.kept else { return };
        let ending = ending(report, desk.interrupt.came());
        let done = ending == Ending::Done;
        if let Some(what) = page.end(ending).await {
            desk.voice.warning(&what);
        }
        let id = page.id();
        match report {
            // Nothing was begun, and the same command would not begin anything either.
            Err(trouble) if !page.is_resumed() && is_for_good(trouble) => {
                if let Err(error) = journal.forget(id).await {
                    desk.voice.warning(&failure(error).to_string());
                }
            }
            // Whoever reads it later, or is a script, knows `fxp resume`.
            _ if done || !std::io::stderr().is_terminal() => {}
            _ => desk.voice.remark(&format!("`fxp resume {id}` continues it.")),
        }
    }
}

/// The journal of this person.
pub(crate) async fn journal() -> Outcome<Journal> {
    Journal::open(&Paths::find()?.state).await.map_err(failure)
}

/// What a person can do about a journal that fails.
pub(crate) fn failure(error: JournalError) -> Failure {
    let exit = match &error {
        JournalError::NoSuchJob(_) => Exit::SourceNotFound,
        JournalError::Running { .. } => Exit::Usage,
        _ => Exit::DestinationDenied,
    };
    let failed = Failure::new(exit, error.to_string());
    match &error {
        JournalError::NoSuchJob(_) => failed.hint("`fxp jobs --all` shows them all"),
        JournalError::Running { id, .. } => failed.hint(format!("`fxp jobs --stop {id}` stops it")),
        JournalError::Newer => failed.hint("use that one, or set FXP_STATE to another directory"),
        JournalError::Database(_) | JournalError::File { .. } => {
            let why = std::error::Error::source(&error).map(|cause| failed.clone().because(cause));
            let hint = match Paths::find() {
                Ok(paths) if error.is_damage() => way_out(&Journal::file(&paths.state)),
                _ => "FXP_STATE names the directory that the journal is kept in".to_owned(),
            };
            why.unwrap_or(failed).hint(hint)
        }
    }
}

/// What to do about a journal that is damaged, and what that costs.
fn way_out(journal: &Path) -> String {
    let file = journal.display();
    format!(
        "{file} is damaged: move it away, with the files beside it whose names begin so, and the next copy begins a new \
         one. The list of jobs is lost then, no file: type a copy that was not finished again, and it goes on"
    )
}

fn ending(report: &Result<Report, Trouble>, interrupted: bool) -> Ending {
    match report {
        Ok(report) if is_whole(report) => Ending::Done,
        _ if interrupted => Ending::Interrupted,
        Ok(report) => match (report.ending, report.failures.first()) {
            (report::Ending::Interrupted, _) => Ending::Interrupted,
            (report::Ending::Limit, None) => {
                Ending::Failed("a limit was reached, and there is more to do".into())
            }
            (report::Ending::Complete, None) => match &report.refused {
                Some(refused) => Ending::Failed(without_words(&refused.trouble)),
                None => Ending::Done,
            },
            (_, Some(first)) if report.failed > 1 => {
                let more = report.failed - 1;
                Ending::Failed(format!("{}, and {more} more failed", without_words(&first.trouble)))
            }
            (_, Some(one)) => Ending::Failed(without_words(&one.trouble)),
        },
        Err(trouble) if trouble.kind == TroubleKind::Interrupted => Ending::Interrupted,
        Err(trouble) => Ending::Failed(without_words(trouble)),
    }
}

/// All that there was to do is done.
fn is_whole(report: &Report) -> bool {
    report.ending == report::Ending::Complete
        && report.failed == 0
        && report.interrupted == 0
        && report.refused.is_none()
}

/// Some servers repeat in a refusal what they were sent, and at the login that is a password.
fn without_words(trouble: &Trouble) -> String {
    match trouble.kind {
        TroubleKind::Login => trouble.what.clone(),
        _ => trouble.to_string(),
    }
}

/// What would come out the same however often it is tried.
fn is_for_good(trouble: &Trouble) -> bool {
    !matches!(trouble.kind, TroubleKind::Network | TroubleKind::Interrupted | TroubleKind::Limit)
}

/// The flag that is not kept: a job that is continued in the background is one that was told so then.
pub(crate) const BACKGROUND: &str = "--background";

#[cfg(test)]
mod tests {
    use super::*;
    use fxp_engine::report::FileFailure;

    #[test]
    fn only_what_is_done_whole_is_done() {
        let failure = |what: &str| {
            let trouble = Trouble::new(TroubleKind::Other, what);
            FileFailure { source: "a:/x".into(), destination: "b:/x".into(), trouble }
        };
        let report = |ending, failures: &[&str]| {
            let mut report = Report { ending, ..Report::default() };
            failures.iter().for_each(|what| report.fail(failure(what)));
            Ok(report)
        };
        let failed = |why: &str| Ending::Failed(why.into());
        use report::Ending::{Complete, Interrupted, Limit};
        let mut too_many = Report::default();
        too_many.refuse(9, Trouble::new(TroubleKind::Limit, "too many"));
        let refused: Result<Report, Trouble> = Ok(too_many);
        let limit = "a limit was reached, and there is more to do";
        let rows = [
            (report(Complete, &[]), false, Ending::Done),
            (report(Complete, &[]), true, Ending::Done),
            (report(Complete, &["one"]), false, failed("one")),
            (report(Complete, &["one", "two", "three"]), false, failed("one, and 2 more failed")),
            (report(Limit, &[]), false, failed(limit)),
            (report(Limit, &["one"]), false, failed("one")),
            (report(Interrupted, &["one"]), false, Ending::Interrupted),
            (refused, false, failed("too many")),
            (report(Complete, &["one"]), true, Ending::Interrupted),
            (Err(Trouble::new(TroubleKind::Interrupted, "x")), false, Ending::Interrupted),
            (Err(Trouble::new(TroubleKind::Network, "gone")), false, failed("gone")),
        ];
        for (report, interrupted, expected) in rows {
            assert_eq!(ending(&report, interrupted), expected, "{report:?}");
        }
    }

    #[test]
    fn what_a_server_says_to_a_password_is_not_kept() {
        let words =
            |kind| Trouble { words: Some("530 hunter2 is wrong".into()), ..Trouble::new(kind, "no login") };
        assert_eq!(without_words(&words(TroubleKind::Login)), "no login");
        assert_eq!(without_words(&words(TroubleKind::Other)), "no login: 530 hunter2 is wrong");
    }
}
