//! `--background`: another process does it, and this one only sees it off.
//!
//! Nobody can be asked once that has begun. So the logins, with all their questions, are done here first if there is a
//! person to be asked; what was answered goes to the other process through its standard input, and nowhere else.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use fxp_engine::journal::{JobId, Journal, JournalError, State};
use fxp_engine::run::{self, CopyRequest};

use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::Item;
use crate::person::{Answers, can_ask};
use crate::record::{failure, journal};
use crate::settings::requested;
use zeroize::Zeroizing;

/// Makes a job of what was typed, and has it done in the background.
pub(super) async fn begin(request: &CopyRequest, desk: &Desk) -> Outcome<Exit> {
    rehearse(request, desk).await?;
    let journal = journal().await?;
    let id = journal.add(desk.errand.typed.clone()).await.map_err(failure)?;
    start(id, &journal, desk).await
}

/// Has a job continued in the background.
pub(super) async fn resume(id: JobId, desk: &Desk) -> Outcome<Exit> {
    let journal = journal().await?;
    let job = journal.job(id).await.map_err(failure)?;
    if let State::Running { pid } = job.state {
        return Err(failure(JournalError::Running { id, pid }));
    }
    let request = requested(&super::resume::read(&job.typed)?.command)?;
    rehearse(&request, desk).await?;
    start(id, &journal, desk).await
}

/// Logs in everywhere once, if there is somebody to be asked.
async fn rehearse(request: &CopyRequest, desk: &Desk) -> Outcome {
    desk.listen_for_interrupt();
    if can_ask() {
        let context = desk.context()?;
        run::rehearse(request, &context, desk.interrupt.stop()).await?;
    }
    Ok(())
}

async fn start(id: JobId, journal: &Journal, desk: &Desk) -> Outcome<Exit> {
    let unfit = |error| Failure::new(Exit::Limit, "no other process can be started").because(&error);
    let mut log = open(&journal.log_path(id)).map_err(unfit)?;
    let before = log.seek(SeekFrom::End(0)).map_err(unfit)?;
    let mut child = spawn(id, &log, desk).map_err(unfit)?;
    let gone = desk.unless_interrupted(wait(id, journal, &mut child)).await;
    match gone {
        Ok(None) => {}
        Ok(Some(status)) if status.success() => {}
        Ok(Some(status)) => return Ok(ended_at_once(status, &mut log, before)),
        Err(interrupted) => {
            let _ = child.kill();
            return Err(interrupted);
        }
    }
    let job = journal.job(id).await.map_err(failure)?;
    // A reader who has seen enough is no trouble.
    let _ = desk.voice.item(Item::Started(&job));
    desk.voice.remark(&format!(
        "Job {id} runs in the background: `fxp jobs` shows how far it is, `fxp jobs --stop {id}` stops it."
    ));
    Ok(Exit::Done)
}

fn open(log: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).read(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(log)
}

/// The same program, as another process that does not end with this terminal.
fn spawn(id: JobId, log: &File, desk: &Desk) -> io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["resume", &id.to_string(), "--detached"]).args(desk.settings.flags());
    let (out, err) = (log.try_clone()?, log.try_clone()?);
    let mut child = command.stdin(Stdio::piped()).stdout(out).stderr(err).spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        match pipe.write_all(&desk.answers.pack()) {
            // It has ended already, and its log says why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
    }
    Ok(child)
}

/// Waits until the other process is past its logins, or has ended.
async fn wait(id: JobId, journal: &Journal, child: &mut Child) -> Outcome<Option<ExitStatus>> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Ok(Some(status));
        }
        match journal.job(id).await {
            Ok(job) if matches!(job.state, State::Running { .. }) && job.has_begun => return Ok(None),
            // A job that could not begin is dropped by its process, which ends right after that and says why.
            Ok(_) | Err(JournalError::NoSuchJob(_)) => {}
            Err(error) => return Err(failure(error)),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What the other process had to say, which nobody has heard yet.
fn ended_at_once(status: ExitStatus, log: &mut File, before: u64) -> Exit {
    let mut text = Vec::new();
    if log.seek(SeekFrom::Start(before)).is_ok() && log.take(MAX_LOG).read_to_end(&mut text).is_ok() {
        let _ = io::stderr().write_all(&text);
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Exit::ALL.iter().copied().find(|exit| Some(exit.code()) == code).unwrap_or(Exit::SomeFailed)
}

/// Leaves the terminal behind: what is typed there, and its end, do not reach this process any more. What was
/// answered there comes through the standard input.
pub(super) fn detach(answers: &Answers) {
    // It fails for the first process of a group, which has no terminal to lose.
    #[cfg(unix)]
    let _ = rustix::process::setsid();
    let mut packed = Zeroizing::new(Vec::new());
    if io::stdin().lock().take(MAX_ANSWERS).read_to_end(&mut packed).is_ok() {
        answers.unpack(&packed);
    }
}

/// How often the other process is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// The most to repeat of a log: more than any failure has to say.
const MAX_LOG: u64 = 1 << 20;

/// The most that is answered, in bytes: a few passwords.
const MAX_ANSWERS: u64 = 1 << 20;
