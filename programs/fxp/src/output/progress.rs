//! How a run goes on: on a terminal a line for the run and one for each lane, elsewhere a plain line now and then.
//!
//! [`picture`] knows and tells it in lines; here it is drawn, by a thread of its own, so that the rate falls when
//! nothing comes and nobody who copies waits for the screen.

mod picture;

use std::io::IsTerminal;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use picture::Picture;

/// How often the screen is drawn.
const TICK: Duration = Duration::from_millis(200);

/// How often a plain line is written.
const PLAIN_TICK: Duration = Duration::from_secs(15);

/// Lanes that have a row of their own on the screen.
const MOST_ROWS: usize = 8;

/// Where progress is shown, if anywhere.
#[derive(Debug)]
pub(crate) struct Progress {
    shared: Arc<Shared>,
    multi: MultiProgress,
    form: Form,
    /// The thread that draws.
    drawer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Nothing,
    Screen,
    /// Stderr is no terminal.
    Plain,
}

#[derive(Debug)]
struct Shared {
    since: Instant,
    state: Mutex<State>,
    /// Told when the state has ended.
    over: Condvar,
}

#[derive(Debug, Default)]
struct State {
    picture: Picture,
    /// Somebody draws.
    drawn: bool,
    ended: bool,
}

impl Progress {
    /// Shows how it goes on, if that is wanted.
    pub(crate) fn new(wanted: bool) -> Self {
        let form = match (wanted, std::io::stderr().is_terminal()) {
            (false, _) => Form::Nothing,
            (true, true) => Form::Screen,
            (true, false) => Form::Plain,
        };
        let target = ProgressDrawTarget::stderr();
        let multi = MultiProgress::with_draw_target(match form {
            Form::Screen => target,
            Form::Nothing | Form::Plain => ProgressDrawTarget::hidden(),
        });
        let shared = Shared { since: Instant::now(), state: Mutex::default(), over: Condvar::new() };
        Progress { shared: Arc::new(shared), multi, form, drawer: Mutex::default() }
    }

    /// So much was found so far; `complete` once that is all. What is to be done is shown from now on.
    pub(crate) fn found(&self, files: u64, bytes: u64, complete: bool) {
        let mut state = self.shared.lock();
        state.picture.found(files, bytes, complete);
        if files > 0 && !state.drawn && !state.ended && self.form != Form::Nothing {
            state.drawn = true;
            drop(state);
            self.draw();
        }
    }

    pub(crate) fn lanes(&self, lanes: usize) {
        self.shared.lock().picture.set_lanes(lanes);
    }

    pub(crate) fn waits(&self, lane: usize, file: Option<u64>, what: &str) {
        self.shared.lock().picture.waits(lane, file, what);
    }

    pub(crate) fn started(&self, file: u64, lane: usize, name: &str, size: Option<u64>) {
        self.shared.lock().picture.started(file, lane, name, size);
    }

    /// Bytes of a file that have arrived.
    pub(crate) fn arrived(&self, file: u64, bytes: u64) {
        self.shared.lock().picture.arrived(file, bytes);
    }

    /// A file is over; `None` for the size of one that failed.
    pub(crate) fn ended(&self, file: Option<u64>, size: Option<u64>) {
        self.shared.lock().picture.ended(file, size);
    }

    /// A file has not come, and will come from somebody else.
    pub(crate) fn rerouted(&self, file: Option<u64>) {
        self.shared.lock().picture.rerouted(file);
    }

    /// Nothing moves any more: the screen is cleared.
    pub(crate) fn finish(&self) {
        self.shared.lock().ended = true;
        self.shared.over.notify_all();
        let drawer = self.drawer.lock().expect("no holder of the lock panics").take();
        // Whoever is waited for draws nothing any more.
        drawer.map(JoinHandle::join);
        let _ = self.multi.clear();
        self.multi.set_draw_target(ProgressDrawTarget::hidden());
    }

    /// Takes the lines off the screen while `write` writes.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.multi.suspend(write)
    }

    /// Draws until it is over.
    fn draw(&self) {
        let (shared, multi, form) = (self.shared.clone(), self.multi.clone(), self.form);
        // Without a thread to spare nothing is drawn, which is no reason to stop the work.
        let spawned = std::thread::Builder::new().name("progress".to_owned()).spawn(move || match form {
            Form::Screen => draw_screen(&shared, &multi),
            Form::Plain => write_lines(&shared),
            Form::Nothing => {}
        });
        *self.drawer.lock().expect("no holder of the lock panics") = spawned.ok();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }

    /// Waits; false once it is over.
    fn wait(&self, pause: Duration) -> bool {
        let waited = self.over.wait_timeout_while(self.lock(), pause, |state| !state.ended);
        let (mut state, _) = waited.expect("no holder of the lock panics");
        state.picture.sample(self.since.elapsed());
        !state.ended
    }
}

/// One line for the run, and one for each lane beneath it.
fn draw_screen(shared: &Shared, multi: &MultiProgress) {
    let line = || {
        let style = ProgressStyle::with_template("{wide_msg}").expect("the template is a literal");
        multi.add(ProgressBar::no_length().with_style(style))
    };
    let headline = line();
    let mut rows: Vec<ProgressBar> = Vec::new();
    while shared.wait(TICK) {
        let (first, lines) = {
            let state = shared.lock();
            (state.picture.headline(), state.picture.rows(MOST_ROWS))
        };
        headline.set_message(first);
        while rows.len() < lines.len() {
            rows.push(line());
        }
        // A lane between two files keeps its row, so that nothing jumps.
        let lines = lines.into_iter().map(|line| format!("  {line}")).chain(std::iter::repeat(String::new()));
        rows.iter().zip(lines).for_each(|(row, line)| row.set_message(line));
    }
}

/// A plain line every few seconds, if there is anything new to say.
fn write_lines(shared: &Shared) {
    let mut last = String::new();
    let mut since = Instant::now();
    // The rate wants more looks than there are lines.
    while shared.wait(Duration::from_secs(1)) {
        if since.elapsed() < PLAIN_TICK {
            continue;
        }
        since = Instant::now();
        let line = shared.lock().picture.headline();
        if line != last {
            use std::io::Write as _;
            // Nobody to read it is no reason to stop the work.
            let _ = writeln!(anstream::stderr().lock(), "{line}");
            last = line;
        }
    }
}
