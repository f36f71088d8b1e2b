//! What every command finds on its desk: settings, voice, books, the person, and the engine's context.

use std::sync::{Arc, Mutex};

use fxp_client::Meter;
use fxp_client::connect::Environment;
use fxp_client::tls::ClientTls;
use fxp_engine::book::{KnownBook, SiteBook};
use fxp_engine::context::Context;
use fxp_engine::journal::Forgetful;
use fxp_engine::report::{Report, Trouble};
use fxp_engine::url::Address;

use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::output::{Deed, Voice};
use crate::person::{Answers, Keyboard};
use crate::record::Errand;
use crate::settings::{Paths, Settings};

/// Made once per program run.
pub(crate) struct Desk {
    pub(crate) settings: Settings,
    pub(crate) voice: Arc<dyn Voice>,
    pub(crate) interrupt: Interrupt,
    /// What is to be written down of it, if it is a copy.
    pub(crate) errand: Errand,
    /// What a person has answered in the process that has sent this one into the background.
    pub(crate) answers: Arc<Answers>,
}

impl Desk {
    /// The sites.
    pub(crate) fn sites(&self) -> Outcome<SiteBook> {
        let path = Paths::find()?.sites;
        SiteBook::load(path)
            .map_err(|error| Failure::new(Exit::Usage, "the book of sites is unreadable").because(&error))
    }

    /// What was learned.
    pub(crate) fn known(&self) -> Outcome<KnownBook> {
        let path = Paths::find()?.known;
        KnownBook::load(path).map_err(|error| {
            Failure::new(Exit::Usage, "the book of known servers is unreadable").because(&error)
        })
    }

    /// What the engine needs to work for this person.
    pub(crate) fn context(&self) -> Outcome<Context> {
        let person = Keyboard::new(
            self.settings.password_command.clone(),
            Paths::find()?.netrc,
            self.voice.clone(),
            self.interrupt.clone(),
            self.answers.clone(),
        );
        Ok(Context {
            sites: Arc::new(Mutex::new(self.sites()?)),
            known: Arc::new(Mutex::new(self.known()?)),
            environment: Environment {
                tls: ClientTls::new(),
                meter: Meter::default(),
                timeout: self.settings.timeout,
            },
            person: Arc::new(person),
            observer: self.voice.clone(),
            tls: self.settings.tls,
            local: local_files(),
            ledger: Arc::new(Forgetful),
        })
    }

    /// From now on Ctrl-C asks for an orderly stop.
    pub(crate) fn listen_for_interrupt(&self) {
        let voice = self.voice.clone();
        self.interrupt.watch(move || voice.remark("Stopping; press Ctrl-C again to end at once."));
    }

    /// Sums up, and says how the program ends.
    pub(crate) fn end_of_transfer(&self, deed: Deed, report: &Result<Report, Trouble>) -> Outcome<Exit> {
        self.voice.end_of_progress();
        let report = report.as_ref().map_err(Trouble::clone)?;
        let exit = if self.interrupt.came() { Exit::Interrupted } else { Exit::of(report) };
        self.voice.summary(deed, report, exit);
        Ok(exit)
    }

    /// Does the same with many places; one that fails does not keep the others from being done.
    pub(crate) async fn for_each(
        &self,
        places: &[Address],
        mut work: impl AsyncFnMut(&Address) -> Outcome,
    ) -> Outcome<Exit> {
        let mut exits = Vec::new();
        for place in places {
            match work(place).await {
                Ok(()) => exits.push(Exit::Done),
                Err(failure) if places.len() == 1 || self.interrupt.came() => return Err(failure),
                Err(failure) => {
                    self.voice.failure(&failure);
                    exits.push(failure.exit);
                }
            }
        }
        Ok(Exit::of_many(&exits))
    }

    /// Waits for `work`, or for Ctrl-C: for work that leaves nothing half done when it is dropped.
    pub(crate) async fn unless_interrupted<T>(&self, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        tokio::select! {
            done = work => done,
            () = self.interrupt.wait() => Err(Failure::interrupted()),
        }
    }
}

/// The files of this machine, for uploads and downloads.
#[cfg(target_os = "linux")]
fn local_files() -> Option<Arc<dyn fxp_store::storage::Storage>> {
    let options = fxp_store_disk::Options::default();
    let disk = fxp_store_disk::Disk::open(std::path::Path::new("/"), options).ok()?;
    Some(Arc::new(disk))
}

/// Only Linux has a storage for local files.
#[cfg(not(target_os = "linux"))]
fn local_files() -> Option<Arc<dyn fxp_store::storage::Storage>> {
    None
}
