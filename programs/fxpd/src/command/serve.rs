//! `fxpd`: the server, from reading its configuration to its last session.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;

use anyhow::{Context, anyhow};
use fxp_server::config::network::{Pem, Tls};
use fxp_server::config::{Config, LogFormat};
use fxp_server::server::{BindError, Handle, Server};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use super::check;
use crate::args::Args;
use crate::exit::{Failure, Result};
use crate::logging::{self, Logging};
use crate::privileges::{self, Identity};
use crate::settings;

/// Everything up to the first thread happens as whoever started us; everything after it as `run_as`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let config = settings::load(&args.config)?;
    let run_as = config.run_as.as_ref().map(Identity::find).transpose().map_err(Failure::Unusable)?;
    let logging = logging::start(&config.log, args.log.map(LogFormat::from))?;
    raise_file_limit(&config);

    let accounts = settings::accounts(&config);
    let server = Server::bind(config.clone(), accounts).map_err(cannot_start)?;
    match run_as {
        Some(identity) => identity.assume().map_err(Failure::Failed)?,
        None if privileges::is_root() => warn!("serving as root; run_as.user would be safer"),
        None => {}
    }
    forbid_core_dumps();
    for warning in check::warnings(&args.config, &config) {
        warn!("{warning}");
    }
    warn_if_reload_will_fail(&args.config, &config);

    let runtime = runtime(&config).context("cannot start threads").map_err(Failure::Failed)?;
    let path = args.config.clone();
    runtime.block_on(serve(server, path, logging)).map_err(Failure::Failed)?;
    // Whatever still runs on a thread of its own was given up by its session long ago.
    runtime.shutdown_background();
    info!("stopped");
    Ok(())
}

/// Passwords and keys are in memory, and do not belong into a file that a crash leaves behind. After the
/// change of user, which would undo it.
fn forbid_core_dumps() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        warn!(%error, "a crash may leave passwords and keys in a core dump");
    }
}

/// A transfer keeps a thread busy, and so does, for a moment, a login or a digest; the threads are made
/// when they are needed.
fn runtime(config: &Config) -> io::Result<Runtime> {
    let limits = &config.limits;
    let threads = [limits.sessions, limits.logins_at_once, limits.digests_at_once, SPARE_THREADS]
        .into_iter()
        .fold(0, usize::saturating_add)
        .min(MAX_THREADS);
    tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(threads).build()
}

/// Names, listings, reloading.
const SPARE_THREADS: usize = 64;

/// Linux gives a process some 32,000 threads by default.
const MAX_THREADS: usize = 16_384;

/// Serves until it is told to stop.
async fn serve(server: Server, path: PathBuf, logging: Logging) -> anyhow::Result<()> {
    // Before the server says that it listens: whoever waits for that may send a signal next.
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let handle = server.handle();
    let mut serving = pin!(server.run());
    let mut draining = false;
    loop {
        match signals.next_or(serving.as_mut()).await {
            Event::Ended => return Ok(()),
            Event::Stop if draining => {
                warn!("told to stop again: ending running transfers");
                handle.stop();
            }
            Event::Stop => {
                info!("told to stop: waiting for running transfers");
                draining = true;
                handle.drain();
            }
            Event::Reload => reload(&handle, &path, &logging).await,
        }
    }
}

/// New sessions see the new configuration; if it is unusable, everything stays as it is.
async fn reload(handle: &Handle, path: &Path, logging: &Logging) {
    if let Err(error) = logging.reopen() {
        warn!("writing on to the old log: {error:#}");
    }
    let (handle, path) = (handle.clone(), path.to_owned());
    // Reads files and hashes a password: not on a thread that serves.
    let reloading = tokio::task::spawn_blocking(move || {
        let config = settings::load(&path)?;
        let warnings = check::warnings(&path, &config);
        let accounts = settings::accounts(&config);
        handle.reload(config, accounts).map_err(cannot_start)?;
        Ok::<_, Failure>(warnings)
    });
    match reloading.await {
        Ok(Ok(warnings)) => {
            info!("configuration read again");
            warnings.iter().for_each(|warning| warn!("{warning}"));
        }
        Ok(Err(failure)) => error!("the old configuration stays: {failure}"),
        Err(panic) => error!("the old configuration stays: {panic}"),
    }
}

/// What happens to a running server from outside.
enum Event {
    /// The last session is over.
    Ended,
    /// Stop, in order; said twice: at once.
    Stop,
    /// Read everything again.
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// Never waited for: listening keeps it from killing the process. Writing beyond `ulimit -f` is an
    /// error of one upload, not the end of the server.
    _file_too_large: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            _file_too_large: signal(SignalKind::from_raw(nix::libc::SIGXFSZ))?,
        })
    }

    async fn next_or(&mut self, serving: impl Future<Output = ()>) -> Event {
        tokio::select! {
            () = serving => Event::Ended,
            _ = self.terminate.recv() => Event::Stop,
            _ = self.interrupt.recv() => Event::Stop,
            _ = self.hangup.recv() => Event::Reload,
        }
    }
}

/// A session with an upload has the control connection, the data connection, the alarm's pipe (two), the
/// pipe that bytes are spliced through (two), the root, the file and its directory; a port that listens
/// comes before most of them. Shells hand out 1024.
fn raise_file_limit(config: &Config) {
    const PER_SESSION: usize = 10;
    const OWN: usize = 64;
    let needed = (config.limits.sessions.saturating_mul(PER_SESSION).saturating_add(OWN)) as u64;
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    let raised = Rlimit { current: Some(needed.min(allowed)), maximum: limit.maximum };
    if limit.current.is_some_and(|current| current < needed)
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        warn!(%error, "cannot raise the limit of open files");
    }
    if allowed < needed {
        warn!(
            allowed,
            needed, "the hard limit of open files (ulimit -Hn) is below what limits.sessions may need"
        );
    }
}

/// SIGHUP is answered by the user that we have become by then.
fn warn_if_reload_will_fail(path: &Path, config: &Config) {
    let key = match &config.tls {
        Some(Tls { key: Pem::Path(key), .. }) => Some(key.as_path()),
        _ => None,
    };
    for path in [Some(path), key].into_iter().flatten() {
        if let Err(error) = std::fs::File::open(path) {
            warn!("SIGHUP will not be able to reload: {}: {error}", path.display());
        }
    }
}

fn cannot_start(error: BindError) -> Failure {
    match error {
        BindError::Listen { address, error } if error.kind() == io::ErrorKind::PermissionDenied => {
            let hint = match address.port() {
                1..1024 => "; ports below 1024 need root or the capability CAP_NET_BIND_SERVICE",
                _ => "",
            };
            Failure::Failed(anyhow!("cannot listen on {address}: {error}{hint}"))
        }
        BindError::Listen { .. } => Failure::Failed(error.into()),
        BindError::Config(_) | BindError::Read { .. } | BindError::Identity(_) => {
            Failure::Unusable(error.into())
        }
    }
}
