//! `--report FILE`: what became of a run, as one JSON object on the disk; and `--manifest FILE`, which hears the same.
//!
//! It is written while the run goes on, so that a million files need no memory; and after each line its end is
//! written too, so that it is whole whenever the process may be killed. `docs/json.md` describes it.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use fxp_client::transcript::Line;
use fxp_engine::context::Observer;
use fxp_engine::report::{Event, FileReport, Report, Route, Trouble, Verification};
use fxp_engine::run::CopyRequest;
use serde::Serialize;

use crate::args::Transfer;
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::manifest;
use crate::output::{Voice, json};

/// The report and the manifest of a run, if they are wanted.
pub(crate) struct Papers {
    file: Option<(PathBuf, Arc<Mutex<Growing>>)>,
    manifest: Option<Arc<Mutex<manifest::Writer>>>,
}

/// How it begins.
#[derive(Serialize)]
struct Head {
    program: &'static str,
    version: &'static str,
    began: String,
    sources: Vec<String>,
    destination: String,
    /// More of them.
    to: Vec<String>,
}

impl Papers {
    /// Begins both; a file that cannot be written is an error before anything else is done.
    pub(crate) fn begin(args: &Transfer, request: &CopyRequest) -> Outcome<Self> {
        let wanted = |path: &'_ Option<PathBuf>| path.clone().filter(|_| !request.dry_run);
        let file = wanted(&args.report).map(|path| Papers::report(path, request)).transpose()?;
        let manifest = wanted(&args.manifest).map(|path| manifest::Writer::begin(&path)).transpose()?;
        Ok(Papers { file, manifest: manifest.map(|writer| Arc::new(Mutex::new(writer))) })
    }

    fn report(path: PathBuf, request: &CopyRequest) -> Outcome<(PathBuf, Arc<Mutex<Growing>>)> {
        let head = Head {
            program: "fxp",
            version: env!("CARGO_PKG_VERSION"),
            began: jiff::Timestamp::now().to_string(),
            sources: request.sources.iter().map(ToString::to_string).collect(),
            destination: request.destination.to_string(),
            to: request.others.iter().map(ToString::to_string).collect(),
        };
        let growing = Growing::begin(&path, &head).map_err(|error| {
            Failure::new(Exit::DestinationDenied, format!("cannot write {}", path.display())).because(&error)
        })?;
        Ok((path, Arc::new(Mutex::new(growing))))
    }

    /// Hears what `voice` hears.
    pub(crate) fn observer(&self, voice: &Arc<dyn Voice>) -> Arc<dyn Observer> {
        if self.file.is_none() && self.manifest.is_none() {
            return voice.clone();
        }
        Arc::new(Scribe {
            file: self.file.as_ref().map(|(_, file)| file.clone()),
            manifest: self.manifest.clone(),
            voice: voice.clone(),
        })
    }

    /// Ends both.
    pub(crate) fn end(&self, desk: &Desk, report: &Result<Report, Trouble>, exit: &Outcome<Exit>) {
        if let Some(manifest) = &self.manifest {
            let lacks = manifest.lock().expect("no holder of the lock panics").end();
            lacks.iter().for_each(|lack| desk.voice.warning(lack));
        }
        let Some((path, file)) = &self.file else { return };
        let (summary, error) = match (report, exit) {
            (Ok(report), Ok(exit)) => (Some(json::summary_of(report, *exit)), None),
            (_, Err(failure)) => (None, Some(json::error_of(failure))),
            (Err(trouble), Ok(_)) => (None, Some(json::error_of(&Failure::from(trouble.clone())))),
        };
        let servers = report.as_ref().map(json::servers_of).ok();
        let mut file = file.lock().expect("no holder of the lock panics");
        if let Err(error) = file.end(servers.as_deref(), summary.as_deref(), error.as_deref()) {
            desk.voice.warning(&format!("the report in {} is not whole: {error}", path.display()));
        }
    }
}

/// Writes down what is worth it, and passes everything on.
struct Scribe {
    file: Option<Arc<Mutex<Growing>>>,
    manifest: Option<Arc<Mutex<manifest::Writer>>>,
    voice: Arc<dyn Voice>,
}

impl Observer for Scribe {
    fn event(&self, event: Event) {
        if let Some(manifest) = &self.manifest {
            let mut manifest = manifest.lock().expect("no holder of the lock panics");
            match &event {
                Event::Done { report, placed, .. } => manifest.copied(report, placed.as_ref()),
                Event::Unchanged(file) => manifest.unchanged(file),
                _ => {}
            }
        }
        if let Some(file) = self.file.as_ref().filter(|_| is_worth_it(&event)) {
            file.lock().expect("no holder of the lock panics").add(&json::text_of(&event));
        }
        self.voice.event(event);
    }

    fn line(&self, leg: &str, line: Line) {
        self.voice.line(leg, line);
    }
}

/// What somebody wants to know afterwards: what did not go as wished, and what is not proven.
fn is_worth_it(event: &Event) -> bool {
    match event {
        Event::Fallback { .. } | Event::Skipped(_) | Event::Failed { .. } => true,
        Event::Done { report, .. } => is_unproven(report),
        _ => false,
    }
}

/// Only the sizes were compared.
fn is_unproven(file: &FileReport) -> bool {
    file.route != Route::Renamed && file.verified == Verification::Size
}

/// A JSON object that is whole after each change.
#[derive(Debug)]
struct Growing {
    file: File,
    /// Where the next event goes: over the end that was written last.
    at: u64,
    first: bool,
    /// Why something could not be written; nothing is after that.
    broken: Option<io::Error>,
}

impl Growing {
    fn begin(path: &Path, head: &Head) -> io::Result<Self> {
        let head = serde_json::to_string(head).expect("strings and lists");
        let head = format!("{},\"events\":[", head.strip_suffix('}').expect("an object"));
        let mut growing = Growing { file: File::create(path)?, at: 0, first: true, broken: None };
        growing.write(&head, &ending(None, None, None))?;
        Ok(growing)
    }

    fn add(&mut self, event: &str) {
        if self.broken.is_some() {
            return;
        }
        let separator = if std::mem::take(&mut self.first) { "\n" } else { ",\n" };
        if let Err(error) = self.write(&format!("{separator}{event}"), &ending(None, None, None)) {
            self.broken = Some(error);
        }
    }

    fn end(&mut self, servers: Option<&str>, summary: Option<&str>, error: Option<&str>) -> io::Result<()> {
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        self.write("", &ending(servers, summary, error))?;
        self.file.sync_all()
    }

    /// Writes `text` where the last end begins, and `end` behind it, in one go. What is written is never shorter
    /// than what stood there.
    fn write(&mut self, text: &str, end: &str) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.at))?;
        self.file.write_all(format!("{text}{end}").as_bytes())?;
        self.at += text.len() as u64;
        Ok(())
    }
}

fn ending(servers: Option<&str>, summary: Option<&str>, error: Option<&str>) -> String {
    let [servers, summary, error] =
        [servers.unwrap_or("[]"), summary.unwrap_or("null"), error.unwrap_or("null")];
    format!("\n],\"servers\":{servers},\"summary\":{summary},\"error\":{error}}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_report_is_whole_whenever_the_process_may_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.json");
        let read = || serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap()).expect("whole");
        std::fs::write(&path, vec![b'x'; 10_000]).unwrap();
        let head = Head {
            program: "fxp",
            version: "1",
            began: "now".into(),
            sources: vec!["a:\"}".into()],
            destination: "b:".into(),
            to: Vec::new(),
        };
        let mut growing = Growing::begin(&path, &head).unwrap();
        assert_eq!(read()["events"].as_array().map(Vec::len), Some(0));
        assert_eq!(read()["sources"][0], "a:\"}");
        for number in 1..=100 {
            growing.add(&format!("{{\"event\":\"skipped\",\"number\":{number}}}"));
            let report = read();
            assert_eq!(report["events"].as_array().map(Vec::len), Some(number));
            assert_eq!(report["events"][number - 1]["number"], number);
            assert!(report["summary"].is_null());
        }
        growing
            .end(Some("[{\"place\":\"long enough to be longer than null\"}]"), Some("{\"files\":7}"), None)
            .unwrap();
        assert_eq!(
            (read()["summary"]["files"].as_u64(), read()["servers"].as_array().map(Vec::len)),
            (Some(7), Some(1))
        );
        assert_eq!(read()["events"].as_array().map(Vec::len), Some(100));
    }
}
