//! One file through this machine: from a server to another (relay), up, or down.
//!
//! A relay streams through memory and never touches the disk. The blocking calls that move the bytes
//! run on a thread of their own; stopping shuts their sockets down.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use fxp_client::data::{self, Canceller, DataError, DataStream, RelayError, Sink, Source, Throttle};
use fxp_client::session::{Session, SessionError};
use fxp_client::transfer::Open;
use fxp_proto::grammar::params::Protection;
use fxp_proto::pair::exchange::Refusal;
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;
use fxp_store::storage::{Create, ReadFile, StoreError, WriteFile};

use crate::pool::Link;
use crate::report::{Trouble, TroubleKind};
use crate::retry::stopped;
use crate::run::Stop;
use crate::side::{LocalFiles, Side};
use crate::trouble;

/// What to copy, and how.
pub(crate) struct Errand<'a> {
    /// The file.
    pub(crate) from: &'a VPath,
    /// Where it goes.
    pub(crate) to: &'a VPath,
    /// Bytes that are there already.
    pub(crate) offset: u64,
    /// Protection of data on legs whose control connection is TLS.
    pub(crate) protection: Protection,
    /// Counts bytes as they arrive.
    pub(crate) progress: &'a Arc<AtomicU64>,
    /// Becomes true when the destination has accepted the file.
    pub(crate) begun: &'a AtomicBool,
    /// How fast at most.
    pub(crate) throttle: Option<&'a Throttle>,
}

/// Copies one file through this machine.
pub(crate) async fn copy(
    errand: &Errand<'_>,
    source: &mut Side,
    destination: &mut Side,
    stop: &mut Stop,
) -> Result<(), Trouble> {
    match (source, destination) {
        (Side::Remote(source), Side::Remote(destination)) => relay(errand, source, destination, stop).await,
        (Side::Remote(source), Side::Local(files)) => download(errand, source, files, stop).await,
        (Side::Local(files), Side::Remote(destination)) => upload(errand, files, destination, stop).await,
        (Side::Local(_), Side::Local(_)) => {
            Err(Trouble::new(TroubleKind::Usage, "both ends are on this machine; cp copies that"))
        }
    }
}

async fn relay(
    errand: &Errand<'_>,
    source: &mut Link,
    destination: &mut Link,
    stop: &mut Stop,
) -> Result<(), Trouble> {
    let what = format!("relaying {} to {}", errand.from, errand.to);
    let (from, to) =
        tokio::try_join!(async { source.session().await.map_err(|error| error.on(SOURCE)) }, async {
            destination.session().await.map_err(|error| error.on(DESTINATION))
        })?;
    let down = open_download(from, errand, &what).await?;
    let up = match open_upload(to, errand, &what).await {
        Ok(up) => up,
        Err(trouble) => {
            down.data.abandon();
            let _ = from.finish_transfer(down.request).await;
            return Err(trouble);
        }
    };
    let cancellers = [down.data.canceller(), up.data.canceller()];
    let (reading, writing, progress) = (down.data, up.data, errand.progress.clone());
    errand.slow_down(&writing);
    let moved = blocking(&cancellers, stop, move || data::relay(reading, writing, &progress)).await;
    // Both final replies are read whatever happened, so that both sessions stay in step.
    let (read, written) = tokio::join!(from.finish_transfer(down.request), to.finish_transfer(up.request));
    let moved = moved?;
    let read =
        read.map_err(|error| trouble::of_session(&error, &what, TroubleKind::SourceNotFound).on(SOURCE));
    let written = written
        .map_err(|error| trouble::of_session(&error, &what, TroubleKind::DestinationDenied).on(DESTINATION));
    // The leg that broke explains it; the other one only saw its connection end. And a server that says
    // why says more than a broken connection.
    match &moved {
        Err(error @ RelayError::Source(_)) => read.and(Err(trouble::of_relay(error, &what).on(SOURCE))),
        Err(error @ RelayError::Destination(_)) => {
            written.and(Err(trouble::of_relay(error, &what).on(DESTINATION)))
        }
        Ok(_) => written.and(read),
    }
}

async fn download(
    errand: &Errand<'_>,
    source: &mut Link,
    files: &LocalFiles,
    stop: &mut Stop,
) -> Result<(), Trouble> {
    let what = format!("downloading {}", errand.from);
    let session = source.session().await.map_err(|error| error.on(SOURCE))?;
    let down = open_download(session, errand, &what).await?;
    let file = match create(errand, files, &what).await {
        Ok(file) => file,
        Err(trouble) => {
            down.data.abandon();
            let _ = session.finish_transfer(down.request).await;
            return Err(trouble);
        }
    };
    let progress = errand.progress.clone();
    let cancellers = [down.data.canceller()];
    let reading = down.data;
    errand.slow_down(&reading);
    let received = blocking(&cancellers, stop, move || {
        let mut sink = WriteSink(file);
        let received = reading.receive(&mut sink, &progress);
        (received, sink.0)
    })
    .await;
    let replied = session.finish_transfer(down.request).await;
    let (received, file) = received?;
    replied.map_err(|error| trouble::of_session(&error, &what, TroubleKind::SourceNotFound).on(SOURCE))?;
    received.map_err(|error| trouble::of_data(&error, &what).on(SOURCE))?;
    finish(file, &what).await
}

async fn upload(
    errand: &Errand<'_>,
    files: &LocalFiles,
    destination: &mut Link,
    stop: &mut Stop,
) -> Result<(), Trouble> {
    let what = format!("uploading {}", errand.to);
    let session = destination.session().await.map_err(|error| error.on(DESTINATION))?;
    let file = open(errand.from, files, &what).await?;
    let up = open_upload(session, errand, &what).await?;
    let (progress, offset) = (errand.progress.clone(), errand.offset);
    let cancellers = [up.data.canceller()];
    let writing = up.data;
    errand.slow_down(&writing);
    let sent =
        blocking(&cancellers, stop, move || writing.send(&mut ReadSource(file), offset, None, &progress))
            .await;
    let replied = session.finish_transfer(up.request).await;
    let sent = sent?;
    replied.map_err(|error| {
        trouble::of_session(&error, &what, TroubleKind::DestinationDenied).on(DESTINATION)
    })?;
    sent.map(drop).map_err(|error| trouble::of_data(&error, &what).on(DESTINATION))
}

impl<'a> Errand<'a> {
    /// The ceiling of speed holds for this data connection.
    fn slow_down(&self, data: &DataStream) {
        data.throttle(self.throttle.cloned().into_iter().collect());
    }

    /// One whole file between one server and this program.
    fn alone(path: &'a VPath, progress: &'a Arc<AtomicU64>, begun: &'a AtomicBool) -> Self {
        Errand {
            from: path,
            to: path,
            offset: 0,
            protection: Protection::Private,
            progress,
            begun,
            throttle: None,
        }
    }
}

/// Streams one file of a server into `sink`. Returns the number of bytes.
pub(crate) async fn stream(
    link: &mut Link,
    path: &VPath,
    sink: Box<dyn io::Write + Send>,
    stop: &mut Stop,
) -> Result<u64, Trouble> {
    let progress = Arc::new(AtomicU64::new(0));
    let begun = AtomicBool::new(false);
    let errand = Errand::alone(path, &progress, &begun);
    let what = format!("reading {}", link.server.name(path));
    let session = link.session().await?;
    let down = open_download(session, &errand, &what).await?;
    let (reading, counted) = (down.data, progress.clone());
    let cancellers = [reading.canceller()];
    let received = blocking(&cancellers, stop, move || {
        let mut sink = StreamSink(sink);
        let received = reading.receive(&mut sink, &counted)?;
        // What is still buffered may find the disk full.
        sink.0.flush().map_err(DataError::Storage)?;
        Ok(received)
    })
    .await;
    let replied = session.finish_transfer(down.request).await;
    let received = match received? {
        // A reader that goes away (`| head`) is no fault of the server, whose 426 would hide it.
        Err(error @ DataError::Storage(_)) => return Err(trouble::of_data(&error, &what)),
        received => received,
    };
    replied.map_err(|error| trouble::of_session(&error, &what, TroubleKind::SourceNotFound))?;
    received.map_err(|error| trouble::of_data(&error, &what))
}

/// Stores an empty file: the smallest thing that can be renamed.
pub(crate) async fn store_nothing(link: &mut Link, path: &VPath) -> Result<(), Trouble> {
    let progress = Arc::new(AtomicU64::new(0));
    let begun = AtomicBool::new(false);
    let errand = Errand::alone(path, &progress, &begun);
    let what = format!("storing {}", link.server.name(path));
    let session = link.session().await?;
    let up = open_upload(session, &errand, &what).await?;
    let (writing, counted) = (up.data, progress.clone());
    let sent = tokio::task::spawn_blocking(move || writing.send(&mut Nothing, 0, None, &counted))
        .await
        .expect("sending does not panic");
    session
        .finish_transfer(up.request)
        .await
        .map_err(|error| trouble::of_session(&error, &what, TroubleKind::DestinationDenied))?;
    sent.map(drop).map_err(|error| trouble::of_data(&error, &what))
}

const SOURCE: Option<Leg> = Some(Leg::Source);
const DESTINATION: Option<Leg> = Some(Leg::Destination);

async fn open_download(session: &mut Session, errand: &Errand<'_>, what: &str) -> Result<Open, Trouble> {
    session.protect_files(errand.protection);
    session
        .open_download(errand.from, errand.offset)
        .await
        .map_err(|error| not_open(&error, errand, what, TroubleKind::SourceNotFound).on(SOURCE))
}

async fn open_upload(session: &mut Session, errand: &Errand<'_>, what: &str) -> Result<Open, Trouble> {
    session.protect_files(errand.protection);
    let open = session
        .open_upload(errand.to, errand.offset)
        .await
        .map_err(|error| not_open(&error, errand, what, TroubleKind::DestinationDenied).on(DESTINATION))?;
    errand.begun.store(true, Relaxed);
    Ok(open)
}

/// Why a transfer did not begin. Some servers take protected data only: they refuse PROT C, or whatever
/// follows it.
fn not_open(error: &SessionError, errand: &Errand<'_>, what: &str, path_kind: TroubleKind) -> Trouble {
    let trouble = trouble::of_session(error, what, path_kind);
    let too_clear = trouble.class == Some(Refusal::TlsRole) && errand.protection == Protection::Clear;
    if too_clear { trouble.remedy("without --secure off the data is protected") } else { trouble }
}

/// Runs `work` on a thread that may block; when the run is stopped its sockets are shut down first.
async fn blocking<T: Send + 'static>(
    cancellers: &[Canceller],
    stop: &mut Stop,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Trouble> {
    let mut task = tokio::task::spawn_blocking(work);
    tokio::select! {
        done = &mut task => Ok(done.expect("moving bytes does not panic")),
        () = stopped(stop) => {
            cancellers.iter().for_each(Canceller::cancel);
            task.await.expect("moving bytes does not panic");
            Err(crate::plan::walk::interrupted())
        }
    }
}

async fn open(path: &VPath, files: &LocalFiles, what: &str) -> Result<Box<dyn ReadFile>, Trouble> {
    let (storage, path) = (files.storage.clone(), path.clone());
    let opened =
        tokio::task::spawn_blocking(move || storage.open(&path)).await.expect("a storage does not panic");
    opened.map_err(|error| trouble::of_store(&error, what, TroubleKind::SourceNotFound).on(SOURCE))
}

async fn create(errand: &Errand<'_>, files: &LocalFiles, what: &str) -> Result<Box<dyn WriteFile>, Trouble> {
    let (storage, path) = (files.storage.clone(), errand.to.clone());
    let how = if errand.offset > 0 { Create::From(errand.offset) } else { Create::Replace };
    let made = tokio::task::spawn_blocking(move || storage.create(&path, how))
        .await
        .expect("a storage does not panic");
    errand.begun.fetch_or(made.is_ok(), Relaxed);
    made.map_err(|error| trouble::of_store(&error, what, TroubleKind::DestinationDenied).on(DESTINATION))
}

async fn finish(file: Box<dyn WriteFile>, what: &str) -> Result<(), Trouble> {
    let finished =
        tokio::task::spawn_blocking(move || file.finish()).await.expect("a storage does not panic");
    finished.map_err(|error| trouble::of_store(&error, what, TroubleKind::DestinationDenied).on(DESTINATION))
}

struct ReadSource(Box<dyn ReadFile>);

impl Source for ReadSource {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset).map_err(io_error)
    }

    fn file(&self) -> Option<BorrowedFd<'_>> {
        self.0.file()
    }
}

struct WriteSink(Box<dyn WriteFile>);

impl Sink for WriteSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write(bytes).map_err(io_error)
    }

    fn file(&self) -> Option<(BorrowedFd<'_>, u64)> {
        self.0.file().map(|file| (file, self.0.position()))
    }

    fn advance(&mut self, count: u64) {
        self.0.advance(count);
    }
}

struct StreamSink(Box<dyn io::Write + Send>);

impl Sink for StreamSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
}

struct Nothing;

impl Source for Nothing {
    fn read_at(&mut self, _buffer: &mut [u8], _offset: u64) -> io::Result<usize> {
        Ok(0)
    }
}

fn io_error(error: StoreError) -> io::Error {
    match error {
        StoreError::Io(error) => error,
        StoreError::NoSpace => io::Error::new(io::ErrorKind::StorageFull, error),
        StoreError::Quota => io::Error::new(io::ErrorKind::QuotaExceeded, error),
        StoreError::Denied => io::Error::new(io::ErrorKind::PermissionDenied, error),
        other => io::Error::other(other),
    }
}
