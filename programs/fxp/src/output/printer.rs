//! The one place that writes to stdout and stderr.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::progress::Progress;

/// Errors.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Warnings, notes, fallbacks.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// What to do next.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// Good news.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Names of things in tables.
pub(crate) const LABEL: Style = Style::new().dimmed();
/// The source's words.
pub(crate) const SOURCE: Style = AnsiColor::Cyan.on_default();
/// The destination's words.
pub(crate) const DESTINATION: Style = AnsiColor::Magenta.on_default();

/// `text` in `style`; the printer drops the style where colours are not wanted.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes whole lines, around the progress bar.
#[derive(Debug)]
pub(crate) struct Printer {
    progress: Progress,
}

impl Printer {
    pub(crate) fn new(progress: Progress) -> Self {
        Printer { progress }
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// A line of data to stdout.
    ///
    /// # Errors
    ///
    /// When nobody reads any more.
    pub(crate) fn data(&self, line: &str) -> io::Result<()> {
        self.progress.suspend(|| {
            let mut stdout = anstream::stdout().lock();
            writeln!(stdout, "{line}")?;
            stdout.flush()
        })
    }

    /// A line about the work to stderr. Nobody to read it is no reason to stop the work.
    pub(crate) fn remark(&self, line: &str) {
        self.progress.suspend(|| {
            let _ = writeln!(anstream::stderr().lock(), "{line}");
        });
    }
}
