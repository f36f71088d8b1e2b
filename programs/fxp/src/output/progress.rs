//! The bar on a terminal: bytes, rate, time left, and which file is on its way.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{BinaryBytes, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::measure;

/// How often the bar is redrawn without news, so that the rate falls when nothing comes.
const TICK: Duration = Duration::from_millis(200);

/// A bar that may be invisible: without a terminal, in quiet mode, or before there is a plan.
#[derive(Debug)]
pub(crate) struct Progress {
    wanted: bool,
    bar: ProgressBar,
    state: Mutex<State>,
}

/// What the bar stands for.
#[derive(Debug, Default)]
struct State {
    /// Files of the plan.
    files: u64,
    /// Files that have ended, well or not.
    ended: u64,
    /// Their bytes.
    behind: u64,
    /// Bytes of the files on their way.
    current: BTreeMap<u64, u64>,
}

impl Progress {
    /// A bar on stderr, if it is wanted and that is a terminal.
    pub(crate) fn new(wanted: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Progress { wanted, bar, state: Mutex::default() }
    }

    /// The plan is known, as far as it goes: the bar appears.
    pub(crate) fn planned(&self, files: u64, bytes: u64) {
        let mut state = self.lock();
        state.files = files;
        if files == 0 || !self.wanted {
            return;
        }
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
        self.bar.set_style(style());
        self.bar.set_length(bytes);
        self.bar.set_prefix(state.place());
        self.bar.enable_steady_tick(TICK);
    }

    pub(crate) fn started(&self, file: u64, name: &str) {
        self.lock().current.insert(file, 0);
        self.bar.set_message(name.to_owned());
    }

    /// Bytes of a file that have arrived.
    pub(crate) fn arrived(&self, file: u64, bytes: u64) {
        let mut state = self.lock();
        state.current.insert(file, bytes);
        self.bar.set_position(state.position());
    }

    /// A file is over; `size` as far as it counts.
    pub(crate) fn ended(&self, file: Option<u64>, size: u64) {
        let mut state = self.lock();
        state.ended += 1;
        state.behind += size;
        if let Some(file) = file {
            state.current.remove(&file);
        }
        self.bar.set_prefix(state.place());
        self.bar.set_position(state.position());
    }

    /// A file has not come, and will come from somebody else.
    pub(crate) fn rerouted(&self, file: Option<u64>) {
        let mut state = self.lock();
        if let Some(file) = file {
            state.current.remove(&file);
        }
        self.bar.set_position(state.position());
    }

    /// The bar goes away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Takes the bar off the screen while `write` writes.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }
}

impl State {
    fn position(&self) -> u64 {
        self.behind + self.current.values().sum::<u64>()
    }

    /// `3/12`; nothing for a single file.
    fn place(&self) -> String {
        if self.files > 1 {
            format!("{}/{}  ", (self.ended + 1).min(self.files), self.files)
        } else {
            String::new()
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template(
        "{prefix}[{bar:24}] {percent:>3}%  {binary_bytes} of {binary_total_bytes}  {speed}  {wide_msg}",
    )
    .expect("the template is a literal")
    .progress_chars("=> ")
    .with_key("speed", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // Before the first byte nobody knows how long it will take.
        if state.pos() > 0 {
            let rate = BinaryBytes(state.per_sec() as u64);
            let _ = write!(out, "{rate}/s  {} left", measure::estimate(state.eta()));
        }
    })
}
