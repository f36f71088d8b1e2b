//! Logs: lines for people or JSON, to stderr or to a file that can be rotated.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use fxp_server::config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::exit::{Failure, Result};

/// What to log, before `log.level`.
const LEVEL_VARIABLE: &str = "FXPD_LOG";

/// Starts logging. `format` comes before the configuration's.
pub(crate) fn start(log: &Log, format: Option<LogFormat>) -> Result<Logging> {
    let filter = filter(log).map_err(Failure::Unusable)?;
    let file = match &log.file {
        Some(path) => Some(LogFile::open(path).map_err(Failure::Failed)?),
        None => None,
    };
    let on_terminal = file.is_none() && io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let writer = match file.clone() {
        Some(file) => BoxMakeWriter::new(move || file.clone()),
        None => BoxMakeWriter::new(io::stderr),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(on_terminal);
    match format.unwrap_or(log.format) {
        LogFormat::Human => lines.with_target(false).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(Logging { file })
}

/// The filter of the environment, else that of the configuration.
pub(crate) fn filter(log: &Log) -> anyhow::Result<EnvFilter> {
    match std::env::var(LEVEL_VARIABLE) {
        Ok(filter) => EnvFilter::try_new(&filter).with_context(|| format!("{LEVEL_VARIABLE}={filter}")),
        Err(_) => EnvFilter::try_new(&log.level).with_context(|| format!("log.level = \"{}\"", log.level)),
    }
}

/// Where the log goes.
pub(crate) struct Logging {
    file: Option<LogFile>,
}

impl Logging {
    /// Opens the log file by its name again: whoever rotates logs has renamed it.
    ///
    /// # Errors
    ///
    /// It cannot be opened; the old one is written on.
    pub(crate) fn reopen(&self) -> anyhow::Result<()> {
        match &self.file {
            Some(file) => file.reopen(),
            None => Ok(()),
        }
    }
}

#[derive(Clone)]
struct LogFile {
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl LogFile {
    fn open(path: &Path) -> anyhow::Result<Self> {
        Ok(LogFile { path: path.to_owned(), file: Arc::new(Mutex::new(append(path)?)) })
    }

    fn reopen(&self) -> anyhow::Result<()> {
        let fresh = append(&self.path)?;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn append(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.with_context(|| format!("cannot write the log {}", path.display()))
}
