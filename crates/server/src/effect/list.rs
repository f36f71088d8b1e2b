//! LIST, NLST, MLSD over a data connection; MLSC, and STAT with a path, over the control connection.

use std::io;
use std::time::SystemTime;

use fxp_net::data::Sink;
use fxp_proto::listing::{format, mlsx};
use fxp_proto::server::effect::{EffectId, Event, FailureKind, List, ListStyle, MOST_LISTED, Outcome, Slot};
use fxp_store::storage::Storage;
use fxp_store::{Entry, FtpTime, Kind, Text, VPath};
use tokio::sync::{mpsc, oneshot};

use super::data::{broken, on_thread};
use super::permit::{Connected, Purpose, permit};
use super::send::storage_error;
use super::{Job, News, Result, What, failure, stored};
use crate::observe::Transfer;
use crate::own_ports::Listening;

/// What is listed is looked at first, so that a missing directory never gets as far as `150`.
pub(super) async fn list(job: &Job, mut order: List, listener: Option<Listening>) -> Result {
    if !job.user()?.account.rights.list {
        return Err(failure(FailureKind::Denied, "no right to list"));
    }
    let path = order.path.clone();
    let what = job.ask(move |files| files.stat(&path)).await?;
    if matches!(order.style, ListStyle::Facts(_)) && what.kind != Kind::Directory {
        return Err(failure(FailureKind::NotDirectory, "not a directory; use MLST"));
    }
    match order.slot.take() {
        Some(slot) => over_data(job, slot, order, what, listener).await,
        None => over_control(job, order, what).await,
    }
}

async fn over_data(job: &Job, slot: Slot, order: List, what: Entry, listener: Option<Listening>) -> Result {
    let permit = permit(job, slot, Purpose::Listing).await?;
    job.event(Event::Opening { size: None, name: None }).await;
    let Connected { stream, .. } = permit.connect(listener).await?;
    let transfer = Transfer::over(&stream, "listed", order.path.clone(), false, &order.progress.0);
    let files = job.files()?;
    let directory = order.path.clone();
    let (sent, left_out) = on_thread(job, stream, move |stream| {
        let mut left_out = 0;
        let mut produce = |sink: &mut dyn Sink| {
            let mut batch = Batch { sink, bytes: Vec::with_capacity(BATCH) };
            left_out = write(&*files, &order.path, &what, &order.style, &mut batch)?;
            batch.flush()
        };
        let sent = stream.send_pieces(&mut produce, &order.progress.0);
        (sent, left_out)
    })
    .await?;
    let bytes = transfer.ended(sent.map_err(broken))?;
    tell_left_out(&directory, left_out);
    Ok(Outcome::Transferred { bytes, name: None, left_out })
}

/// A name with a line break would make lines of its own, so that no listing shows it: somebody has to know.
fn tell_left_out(directory: &VPath, count: u64) {
    if count > 0 {
        tracing::warn!(%directory, count, "left out of the listing: names that FTP cannot carry");
    }
}

async fn over_control(job: &Job, order: List, what: Entry) -> Result {
    let files = job.files()?;
    let mut pages = Pages { id: job.id, news: job.news.clone(), lines: Vec::new() };
    let written = job
        .blocking(move || {
            let left_out = match order.style {
                // It is refused before its reply has begun, or not at all.
                ListStyle::Facts(_) => {
                    let mut few = Few(Vec::new());
                    let left_out = write(&*files, &order.path, &what, &order.style, &mut few)?;
                    few.0.iter().try_for_each(|line| pages.line(line))?;
                    left_out
                }
                _ => write(&*files, &order.path, &what, &order.style, &mut pages)?,
            };
            tell_left_out(&order.path, left_out);
            pages.flush()?;
            Ok(left_out)
        })
        .await?;
    written.map(|left_out| Outcome::Listed { left_out }).map_err(|error: io::Error| {
        if error.kind() == io::ErrorKind::FileTooLarge {
            let what = format!("more than {MOST_LISTED} entries, which MLSD lists");
            return failure(FailureKind::Unsupported, what);
        }
        match error.downcast() {
            Ok(error) => stored(error),
            Err(error) => failure(FailureKind::Aborted, error.to_string()),
        }
    })
}

/// Where lines go.
trait Lines {
    /// One line, without its end.
    fn line(&mut self, line: &[u8]) -> io::Result<()>;

    /// So many entries are gathered and sorted before the first line is written.
    fn gathered(&self) -> usize {
        SORTED
    }
}

/// Lines for a data connection.
struct Batch<'a> {
    sink: &'a mut dyn Sink,
    bytes: Vec<u8>,
}

impl Lines for Batch<'_> {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.bytes.len() + line.len() + 2 > BATCH {
            self.flush()?;
        }
        self.bytes.extend_from_slice(line);
        self.bytes.extend_from_slice(b"\r\n");
        Ok(())
    }
}

impl Batch<'_> {
    fn flush(&mut self) -> io::Result<()> {
        let written = if self.bytes.is_empty() { Ok(()) } else { self.sink.write(&self.bytes) };
        self.bytes.clear();
        written
    }
}

/// Lines for the control connection; the next page is made when the one before has been sent.
struct Pages {
    id: EffectId,
    news: mpsc::Sender<News>,
    lines: Vec<Text>,
}

impl Lines for Pages {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.lines.push(Text::lossy(line));
        if self.lines.len() >= PAGE { self.flush() } else { Ok(()) }
    }
}

/// Lines that are held back until it is sure that they are not too many.
struct Few(Vec<Vec<u8>>);

impl Lines for Few {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.0.len() >= MOST_LISTED {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.push(line.to_vec());
        Ok(())
    }

    fn gathered(&self) -> usize {
        MOST_LISTED + 1
    }
}

impl Pages {
    fn flush(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let (sent, flushed) = oneshot::channel();
        let what = What::Event(Event::Lines(std::mem::take(&mut self.lines)), sent);
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.news.blocking_send(News { id: self.id, what }).map_err(|_| gone())?;
        flushed.blocking_recv().map_err(|_| gone())
    }
}

/// Writes the whole listing. Up to [`Lines::gathered`] entries come in the order of their names; what a larger
/// directory holds beyond them comes as the storage finds it, so that memory has a ceiling. Returns how many names
/// were left out, since no line can carry them.
fn write(
    files: &dyn Storage,
    path: &VPath,
    what: &Entry,
    style: &ListStyle,
    lines: &mut dyn Lines,
) -> io::Result<u64> {
    let mut form = Form { style, now: FtpTime::from_system(SystemTime::now()), line: Vec::new() };
    if what.kind != Kind::Directory {
        return form.write(what, lines).map(|()| 0);
    }
    let mut left_out = 0;
    let mut sorted: Vec<Entry> = Vec::new();
    let mut full = false;
    let mut written = Ok(());
    let listed = files.list(path, &mut |entry| {
        if entry.left_out.is_some() {
            left_out += 1;
            return true;
        }
        if is_hidden(style, &entry) {
            return true;
        }
        if full {
            written = form.write(&entry, lines);
        } else {
            sorted.push(entry);
            full = sorted.len() >= lines.gathered();
            if full {
                written = form.write_sorted(&mut sorted, lines);
            }
        }
        written.is_ok()
    });
    written?;
    listed.map_err(storage_error)?;
    form.write_sorted(&mut sorted, lines)?;
    Ok(left_out)
}

fn is_hidden(style: &ListStyle, entry: &Entry) -> bool {
    let hidden = match style {
        ListStyle::Long { hidden } | ListStyle::Names { hidden } => *hidden,
        ListStyle::Facts(_) => true,
    };
    !hidden && entry.name.as_bytes().starts_with(b".")
}

/// Turns entries into lines.
struct Form<'a> {
    style: &'a ListStyle,
    now: FtpTime,
    line: Vec<u8>,
}

impl Form<'_> {
    fn write(&mut self, entry: &Entry, lines: &mut dyn Lines) -> io::Result<()> {
        self.line.clear();
        match self.style {
            ListStyle::Long { .. } => format::write_long(entry, self.now, &mut self.line),
            ListStyle::Names { .. } => self.line.extend_from_slice(entry.name.as_bytes()),
            ListStyle::Facts(facts) => mlsx::write_line(entry, *facts, entry.name.as_bytes(), &mut self.line),
        }
        lines.line(&self.line)
    }

    fn write_sorted(&mut self, entries: &mut Vec<Entry>, lines: &mut dyn Lines) -> io::Result<()> {
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        entries.drain(..).try_for_each(|entry| self.write(&entry, lines))
    }
}

/// Bytes sent at once.
const BATCH: usize = 64 * 1024;
/// Lines sent at once over the control connection.
const PAGE: usize = 64;
/// A few megabytes of entries; people look at smaller directories, machines do not care for the order.
const SORTED: usize = 10_000;
