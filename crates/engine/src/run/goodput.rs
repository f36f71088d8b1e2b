//! Counts what is done, by listening to the events.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use fxp_client::transcript::Line;

use super::queue::EACH;
use crate::context::{Context, Observer};
use crate::report::{Event, Route};

/// An ear that counts, and passes everything on.
pub(crate) struct Goodput {
    ear: Arc<dyn Observer>,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    work: u64,
    files: u64,
    /// What has arrived of files on their way; the first look at one tells where it began.
    active: HashMap<u64, u64>,
}

impl Goodput {
    /// The same context, whose events are counted.
    pub(crate) fn listen(context: &Context) -> (Context, Arc<Goodput>) {
        let goodput = Arc::new(Goodput { ear: context.observer.clone(), done: Mutex::default() });
        (Context { observer: goodput.clone(), ..context.clone() }, goodput)
    }

    /// Work and files so far.
    pub(crate) fn so_far(&self) -> (u64, u64) {
        let done = self.done.lock().expect("no holder of the lock panics");
        (done.work, done.files)
    }
}

impl Done {
    fn hear(&mut self, event: &Event) {
        match event {
            Event::Progress { file, bytes } => {
                let before = self.active.insert(*file, *bytes);
                self.work += bytes.saturating_sub(before.unwrap_or(*bytes));
            }
            Event::Done { file, report, .. } => {
                self.files += 1;
                let seen = self.active.remove(file).unwrap_or(report.resumed);
                if report.route != Route::Renamed {
                    self.work += report.size.saturating_sub(seen) + EACH;
                }
            }
            Event::Failed { file: Some(file), .. } => {
                self.files += 1;
                self.active.remove(file);
            }
            _ => {}
        }
    }
}

impl Observer for Goodput {
    fn event(&self, event: Event) {
        self.done.lock().expect("no holder of the lock panics").hear(&event);
        self.ear.event(event);
    }

    fn line(&self, leg: &str, line: Line) {
        self.ear.line(leg, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Assurance, FileReport, Verification};
    use std::time::Duration;

    #[test]
    fn each_byte_counts_once_and_each_file_too() {
        let mut done = Done::default();
        // A resumed file, looked at three times, and a small one that nobody looked at.
        for bytes in [1000, 1500, 4000] {
            done.hear(&Event::Progress { file: 1, bytes });
        }
        assert_eq!(done.work, 3000);
        done.hear(&Event::Done { file: 2, report: Box::new(file(70, 20)), placed: None });
        assert_eq!(done.work, 3000 + 50 + EACH);
        done.hear(&Event::Done { file: 1, report: Box::new(file(4096, 900)), placed: None });
        assert_eq!((done.work, done.files), (3000 + 50 + 96 + 2 * EACH, 2));
        assert!(done.active.is_empty());
    }

    fn file(size: u64, resumed: u64) -> FileReport {
        FileReport {
            source: String::new(),
            destination: String::new(),
            size,
            resumed,
            inherited: resumed,
            elapsed: Duration::ZERO,
            route: Route::Direct,
            method: None,
            assurance: Assurance::Clear,
            verified: Verification::Size,
            notes: Vec::new(),
            attempts: 1,
            time_kept: true,
        }
    }
}
