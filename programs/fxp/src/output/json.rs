//! The voice for scripts: one JSON object per line on stdout. `docs/json.md` describes every event, and
//! a test compares it with what is written here.

mod findings;
mod items;
mod jobs;
mod times;

use std::io;

use fxp_client::transcript::Line;
use fxp_engine::context::Observer;
use fxp_engine::doctor::Finding;
use fxp_engine::report::{Assurance, Event, FileReport, Left, Report, Route, Served, Verification};
use fxp_proto::pair::method::Method;
use serde::Serialize;

use items::{BookmarkFields, FactFields, KnownFields, Listed, SiteFields};
use jobs::JobFields;
pub(super) use times::TimesFields;

use super::printer::Printer;
use super::progress::Progress;
use super::{Deed, Item, Voice, assurance_meaning, assurance_word, route_word, transcript};
use crate::exit::{Causes, Exit, Failure};

/// Speaks to a script.
pub(crate) struct Json {
    /// The dialogue is wanted too.
    verbose: bool,
    printer: Printer,
}

impl Json {
    pub(crate) fn new(verbose: bool) -> Self {
        Json { verbose, printer: Printer::new(Progress::new(false)) }
    }

    /// Nobody to read it is no reason to stop the work.
    fn tell(&self, record: &Record<'_>) {
        let _ = self.write(record);
    }

    fn finding(&self, finding: Finding<'_>) -> io::Result<()> {
        match finding {
            Finding::Server { name, facts } => self.write(&Record::Facts(FactFields::of(name, facts))),
            Finding::Ladder { direction, products, ladder, .. } => {
                self.write(&Record::Ladder(findings::Ladder::of(direction, products, ladder)))
            }
            Finding::Trial { direction, number, rung, outcome } => {
                self.write(&Record::Trial(findings::Trial::of(direction, number, rung, outcome)))
            }
            Finding::Verdict { direction, verdict } => {
                self.write(&Record::Verdict(findings::Verdict::of(direction, verdict)))
            }
            Finding::Leftover { place, trouble } => {
                self.write(&Record::Leftover { place, text: &trouble.to_string() })
            }
        }
    }

    fn write(&self, record: &impl Serialize) -> io::Result<()> {
        self.printer.data(&in_writing(record))
    }
}

impl Observer for Json {
    fn event(&self, event: Event) {
        describe(&event, &mut |record| self.tell(record));
    }

    fn line(&self, leg: &str, line: Line) {
        if self.verbose {
            self.tell(&Record::Line {
                leg,
                at_seconds: line.at.as_secs_f64(),
                from: transcript::word(line.from),
                text: &line.text,
            });
        }
    }
}

impl Voice for Json {
    fn item(&self, item: Item<'_>) -> io::Result<()> {
        match item {
            // Every entry names its directory.
            Item::Heading(_) => Ok(()),
            Item::Entry { place, entry, .. } => self.write(&Record::Entry(Listed::of(place, entry))),
            Item::Site { name, site } => self.write(&Record::Site { name, site: SiteFields::of(site) }),
            Item::Bookmark(imported) => self.write(&Record::Bookmark(BookmarkFields::of(imported))),
            Item::Trusted { server, fingerprint, compared } => {
                self.write(&Record::Trusted { server, fingerprint, compared })
            }
            Item::Facts(facts) => self.write(&Record::Facts(FactFields::of(&facts.server, facts))),
            Item::Memory(memory) => {
                if let Some((name, site)) = &memory.site {
                    self.write(&Record::Site { name, site: SiteFields::of(site) })?;
                }
                self.write(&Record::Known(KnownFields::of(memory)))
            }
            Item::Finding(finding) => self.finding(finding),
            Item::Job(job) | Item::Started(job) => self.write(&Record::Job(JobFields::of(job))),
            Item::Found(found) => self.write(&found.record()),
        }
    }

    fn confirmation(&self, text: &str) {
        self.tell(&Record::Changed { text });
    }

    fn remark(&self, _text: &str) {}

    fn warning(&self, text: &str) {
        self.tell(&Record::Warning { text });
    }

    fn end_of_progress(&self) {}

    fn summary(&self, _deed: Deed, report: &Report, exit: Exit) {
        for server in &report.servers {
            self.tell(&Record::Server(ServedFields::of(server)));
        }
        self.tell(&summary(report, exit));
    }

    fn failure(&self, failure: &Failure) {
        self.tell(&Record::Error(Trouble::of(failure)));
    }

    fn pause(&self, question: &mut dyn FnMut()) {
        self.printer.progress().suspend(question);
    }
}

/// An event as a record of the stream.
fn describe(event: &Event, tell: &mut dyn FnMut(&Record<'_>)) {
    match event {
        Event::Connected { leg, server, tls, verified } => {
            tell(&Record::Connected { leg, server, tls: tls.as_deref(), verified: *verified });
        }
        Event::Planned { files, bytes, directories, unchanged, ladder } => tell(&Record::Planned {
            files: *files,
            bytes: *bytes,
            directories: *directories,
            unchanged: *unchanged,
            ladder,
        }),
        Event::Times(times) => tell(&Record::Times(TimesFields::of(times))),
        Event::Walked { files, bytes, directories, unchanged, ladder } => tell(&Record::Walked {
            files: *files,
            bytes: *bytes,
            directories: *directories,
            unchanged: *unchanged,
            ladder,
        }),
        Event::Feeds { from, to } => tell(&Record::Feeds { from, to }),
        Event::Rerouted { file, text } => tell(&Record::Rerouted { file: *file, text }),
        Event::Step(text) => tell(&Record::Step { text }),
        Event::Lanes { lanes, reason } => tell(&Record::Lanes { lanes: *lanes, reason }),
        Event::Waits { lane, file, what } => {
            tell(&Record::Waits { lane: *lane, file: *file, text: what });
        }
        Event::Started { file, lane, source, destination, size, route } => {
            tell(&Record::Started {
                file: *file,
                lane: *lane,
                source,
                destination,
                size: *size,
                route: route_word(*route),
            });
        }
        Event::Progress { file, bytes } => {
            tell(&Record::Progress { file: *file, bytes: *bytes });
        }
        Event::Fallback { file, text } => tell(&Record::Fallback { file: *file, text }),
        Event::Skipped(skipped) => {
            tell(&Record::Skipped { source: &skipped.source, text: &skipped.reason });
        }
        Event::Linked { source, destination, leads_to } => {
            tell(&Record::Linked { source, destination, leads_to });
        }
        Event::Deleted { place, directory } => tell(&Record::Deleted { place, directory: *directory }),
        Event::Done { file, report, .. } => {
            tell(&Record::Done { file: *file, report: Copied::of(report) });
        }
        // There may be very many: the manifest lists them.
        Event::Unchanged(_) => {}
        Event::Failed { file, failure: failed } => tell(&Record::Failed {
            file: *file,
            source: &failed.source,
            destination: &failed.destination,
            trouble: Trouble::of(&failed.trouble.clone().into()),
        }),
    }
}

/// An event as the stream tells it, without the line's end.
pub(crate) fn text_of(event: &Event) -> String {
    let mut text = String::new();
    describe(event, &mut |record| text = in_writing(record));
    text
}

/// The end of a copy or move as the stream tells it.
pub(crate) fn summary_of(report: &Report, exit: Exit) -> String {
    in_writing(&summary(report, exit))
}

/// What each server of a copy to several destinations got and gave, as the stream tells it, in a list.
pub(crate) fn servers_of(report: &Report) -> String {
    let servers: Vec<_> =
        report.servers.iter().map(|server| Record::Server(ServedFields::of(server))).collect();
    in_writing(&servers)
}

/// A failure of the whole command as the stream tells it.
pub(crate) fn error_of(failure: &Failure) -> String {
    in_writing(&Record::Error(Trouble::of(failure)))
}

fn in_writing(record: &impl Serialize) -> String {
    serde_json::to_string(record).expect("records hold only strings, numbers and lists")
}

fn summary(report: &Report, exit: Exit) -> Record<'static> {
    Record::Summary {
        files: report.sums.files,
        failed: report.failed,
        interrupted: report.interrupted,
        left: report.left.as_ref().map(LeftFields::of),
        skipped: report.left_out,
        directories: report.directories,
        links: report.links,
        unchanged: report.unchanged,
        unchanged_unproven: report.doubtful,
        deleted: report.deleted,
        not_deleted: report.refused.as_ref().map_or(0, |refused| refused.count),
        bytes: report.sums.bytes,
        unproven: report.sums.unproven(),
        payload_through_client: report.through_client,
        elapsed_seconds: report.elapsed.as_secs_f64(),
        times: report.times.iter().map(TimesFields::of).collect(),
        assurances: assurances(report),
        exit_code: exit.code(),
    }
}

/// What the files of a run have achieved, each assurance once. What was renamed took no road.
fn assurances(report: &Report) -> Vec<AssuranceFields> {
    let mut all: Vec<AssuranceFields> = Vec::new();
    for (way, files) in report.sums.ways.iter().filter(|(way, _)| way.route != Route::Renamed) {
        let fields = AssuranceFields::of(way.assurance, *files);
        match all.iter_mut().find(|known| known.assurance == fields.assurance) {
            Some(known) => known.files += files,
            None => all.push(fields),
        }
    }
    all
}

/// One line of the stream. Every key is always there; what is not known is `null`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Record<'a> {
    Connected {
        leg: &'a str,
        server: &'a str,
        tls: Option<&'a str>,
        verified: Option<&'a str>,
    },
    Planned {
        files: u64,
        bytes: u64,
        directories: u64,
        unchanged: u64,
        ladder: &'a [String],
    },
    Walked {
        files: u64,
        bytes: u64,
        directories: u64,
        unchanged: u64,
        ladder: &'a [String],
    },
    Times(TimesFields),
    Feeds {
        from: &'a str,
        to: &'a [String],
    },
    Rerouted {
        file: Option<u64>,
        text: &'a str,
    },
    Step {
        text: &'a str,
    },
    Server(ServedFields<'a>),
    Lanes {
        lanes: usize,
        reason: &'a str,
    },
    Waits {
        lane: usize,
        file: Option<u64>,
        text: &'a str,
    },
    Started {
        file: u64,
        lane: usize,
        source: &'a str,
        destination: &'a str,
        size: Option<u64>,
        route: &'a str,
    },
    Progress {
        file: u64,
        bytes: u64,
    },
    Fallback {
        file: Option<u64>,
        text: &'a str,
    },
    Skipped {
        source: &'a str,
        text: &'a str,
    },
    Linked {
        source: &'a str,
        destination: &'a str,
        leads_to: &'a str,
    },
    Deleted {
        place: &'a str,
        directory: bool,
    },
    Done {
        file: u64,
        #[serde(flatten)]
        report: Copied<'a>,
    },
    Failed {
        file: Option<u64>,
        source: &'a str,
        destination: &'a str,
        #[serde(flatten)]
        trouble: Trouble<'a>,
    },
    Line {
        leg: &'a str,
        at_seconds: f64,
        from: &'a str,
        text: &'a str,
    },
    Warning {
        text: &'a str,
    },
    Changed {
        text: &'a str,
    },
    Entry(Listed<'a>),
    Site {
        name: &'a str,
        #[serde(flatten)]
        site: SiteFields<'a>,
    },
    Bookmark(BookmarkFields<'a>),
    Trusted {
        server: &'a str,
        fingerprint: &'a str,
        compared: bool,
    },
    Facts(FactFields<'a>),
    Known(KnownFields<'a>),
    Job(JobFields),
    Ladder(findings::Ladder<'a>),
    Trial(findings::Trial<'a>),
    Verdict(findings::Verdict<'a>),
    Leftover {
        place: &'a str,
        text: &'a str,
    },
    Summary {
        files: u64,
        failed: u64,
        interrupted: u64,
        left: Option<LeftFields>,
        skipped: u64,
        directories: u64,
        links: u64,
        unchanged: u64,
        unchanged_unproven: u64,
        deleted: u64,
        not_deleted: u64,
        bytes: u64,
        unproven: u64,
        payload_through_client: u64,
        elapsed_seconds: f64,
        times: Vec<TimesFields>,
        assurances: Vec<AssuranceFields>,
        exit_code: u8,
    },
    Error(Trouble<'a>),
}

/// What was found and not brought.
#[derive(Serialize)]
struct LeftFields {
    files: u64,
    bytes: u64,
    all: bool,
}

impl LeftFields {
    fn of(left: &Left) -> Self {
        let &Left { files, bytes, all } = left;
        LeftFields { files, bytes, all }
    }
}

/// What some files of a run have achieved.
#[derive(Serialize)]
struct AssuranceFields {
    assurance: &'static str,
    meaning: &'static str,
    files: u64,
}

impl AssuranceFields {
    fn of(assurance: Assurance, files: u64) -> Self {
        AssuranceFields { assurance: assurance_word(assurance), meaning: assurance_meaning(assurance), files }
    }
}

/// What files achieved that came from one server, which is the source of their assurance.
#[derive(Serialize)]
struct CameFields<'a> {
    from: &'a str,
    #[serde(flatten)]
    achieved: AssuranceFields,
}

/// What one of several servers got and gave.
#[derive(Serialize)]
struct ServedFields<'a> {
    place: &'a str,
    files: u64,
    bytes: u64,
    unchanged: u64,
    failed: u64,
    sent: u64,
    sent_bytes: u64,
    came: Vec<CameFields<'a>>,
    given_up: Option<&'a str>,
}

impl<'a> ServedFields<'a> {
    fn of(served: &'a Served) -> Self {
        ServedFields {
            place: &served.place,
            files: served.files,
            bytes: served.bytes,
            unchanged: served.unchanged,
            failed: served.failed,
            sent: served.sent,
            sent_bytes: served.sent_bytes,
            came: served
                .came
                .iter()
                .map(|came| CameFields {
                    from: &came.from,
                    achieved: AssuranceFields::of(came.assurance, came.files),
                })
                .collect(),
            given_up: served.given_up.as_deref(),
        }
    }
}

/// A finished file.
#[derive(Serialize)]
struct Copied<'a> {
    source: &'a str,
    destination: &'a str,
    size: u64,
    resumed: u64,
    elapsed_seconds: f64,
    route: &'a str,
    method: Option<&'a str>,
    passive: Option<String>,
    tls_client: Option<String>,
    assurance: &'a str,
    verified: &'a str,
    digest: Option<&'a str>,
    notes: &'a [String],
}

impl<'a> Copied<'a> {
    fn of(file: &'a FileReport) -> Self {
        let (verified, digest) = match &file.verified {
            Verification::Digest { algorithm, hex } => (*algorithm, Some(hex.as_str())),
            Verification::Size => ("size", None),
        };
        Copied {
            source: &file.source,
            destination: &file.destination,
            size: file.size,
            resumed: file.resumed,
            elapsed_seconds: file.elapsed.as_secs_f64(),
            route: route_word(file.route),
            method: file.method.as_ref().map(Method::word),
            passive: file.method.map(|method| method.passive.to_string()),
            tls_client: file.method.and_then(|method| method.tls).map(|tls| tls.client.to_string()),
            assurance: assurance_word(file.assurance),
            verified,
            digest,
            notes: &file.notes,
        }
    }
}

/// What went wrong.
#[derive(Serialize)]
struct Trouble<'a> {
    kind: &'a str,
    exit_code: u8,
    leg: Option<String>,
    what: String,
    words: Option<String>,
    causes: Vec<String>,
    tried: Vec<String>,
    remedy: Option<String>,
}

impl Trouble<'_> {
    fn of(failure: &Failure) -> Self {
        let (causes, tried) = match failure.causes.clone() {
            Causes::Because(causes) => (causes, Vec::new()),
            Causes::Tried(rungs) => (Vec::new(), rungs),
        };
        Trouble {
            kind: failure.exit.word(),
            exit_code: failure.exit.code(),
            leg: failure.leg.map(|leg| leg.to_string()),
            what: failure.what.clone(),
            words: failure.words.clone(),
            causes,
            tried,
            remedy: failure.hint.clone(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
