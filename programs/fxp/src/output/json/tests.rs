//! `docs/json.md` and the stream say the same: kinds and keys, neither more nor less.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fxp_engine::book::Known;
use fxp_engine::doctor::{Direction, Outcome, Verdict};
use fxp_engine::journal::{Job, JobId, State, Totals, Typed};
use fxp_engine::place::{Memory, ServerFacts};
use fxp_engine::plan::ladder::{End, Policy, ladder};
use fxp_engine::product::Products;
use fxp_engine::report::{Assurance, Route};
use fxp_engine::site::Site;
use fxp_engine::times::{Shown, Times};
use fxp_proto::grammar::addr::Family;
use fxp_proto::grammar::feat::Features;
use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::wire::text::Text;

use super::*;
use crate::bookmarks::{Fate, Imported};
use crate::exit::Failure;

pub(crate) type Kinds = BTreeMap<String, BTreeSet<String>>;

/// The headings of the document with the first column of the table under each.
pub(crate) fn documented() -> Kinds {
    let mut kinds = Kinds::new();
    let mut kind = None;
    for line in include_str!("../../../../../docs/json.md").lines() {
        if let Some(heading) = line.strip_prefix("## `") {
            let name = heading.trim_end_matches('`').to_owned();
            kinds.insert(name.clone(), BTreeSet::new());
            kind = Some(name);
        } else if let Some(row) = line.strip_prefix("| `") {
            let key = row.split('`').next().unwrap().to_owned();
            let kind = kind.as_ref().expect("a table under a heading");
            assert!(kinds.get_mut(kind).unwrap().insert(key.clone()), "{kind}.{key} is there twice");
        }
    }
    kinds
}

/// What one record of each kind is made of.
fn written() -> Kinds {
    let failure = Failure::usage("x");
    let trouble = || Trouble::of(&failure);
    let entry = Entry::new(Text::from("x"), Kind::File);
    let facts = ServerFacts {
        server: String::new(),
        address: String::new(),
        family: "IPv4",
        banner: Vec::new(),
        system: None,
        product: None,
        features: Vec::new(),
        home: String::new(),
        tls: None,
        cipher: None,
        verified: None,
        fingerprint: None,
        digests: Vec::new(),
        fxp: Vec::new(),
        known: Known::default(),
    };
    let file = FileReport {
        source: String::new(),
        destination: String::new(),
        size: 0,
        resumed: 0,
        inherited: 0,
        elapsed: Duration::ZERO,
        route: Route::Direct,
        method: None,
        assurance: Assurance::Clear,
        verified: Verification::Size,
        attempts: 1,
        time_kept: false,
        notes: Vec::new(),
    };
    let site = Site::default();
    let direction = Direction { source: String::new(), destination: String::new() };
    let verdict = Verdict { possible: true, tried: false, trouble: None };
    let end = End { secured: false, ..End::offering(&Features::default(), Family::V4, None) };
    let ladder = ladder(&end, &end, &Policy::default());
    let memory = Memory { site: None, server: String::new(), known: Known::default() };
    let job = Job {
        id: JobId(0),
        typed: Typed { arguments: Vec::new(), directory: "/".into() },
        began: 0,
        ended: None,
        state: State::Done,
        has_begun: true,
        reason: None,
        totals: Totals::default(),
        done: 0,
        done_bytes: 0,
        failed: 0,
    };
    let fate = Fate::LeftOut { why: String::new() };
    let imported = Imported { title: String::new(), fate, notes: Vec::new(), netrc: false };
    let served = Served::default();
    let times = Times {
        from: String::new(),
        to: String::new(),
        arrival: None,
        listed: Shown::default(),
        asked: None,
    };
    let records = [
        Record::Connected { leg: "", server: "", tls: None, verified: None },
        Record::Planned { files: 0, bytes: 0, directories: 0, unchanged: 0, ladder: &[] },
        Record::Walked { files: 0, bytes: 0, directories: 0, unchanged: 0, ladder: &[] },
        Record::Times(TimesFields::of(&times)),
        Record::Feeds { from: "", to: &[] },
        Record::Rerouted { file: None, text: "" },
        Record::Server(ServedFields::of(&served)),
        Record::Step { text: "" },
        Record::Lanes { lanes: 1, reason: "" },
        Record::Waits { lane: 1, file: None, text: "" },
        Record::Started { file: 1, lane: 1, source: "", destination: "", size: None, route: "" },
        Record::Progress { file: 1, bytes: 0 },
        Record::Fallback { file: None, text: "" },
        Record::Skipped { source: "", text: "" },
        Record::Linked { source: "", destination: "", leads_to: "" },
        Record::Deleted { place: "", directory: false },
        Record::Done { file: 1, report: Copied::of(&file) },
        Record::Failed { file: None, source: "", destination: "", trouble: trouble() },
        Record::Line { leg: "", at_seconds: 0.0, from: "", text: "" },
        Record::Warning { text: "" },
        Record::Changed { text: "" },
        Record::Entry(Listed::of("", &entry)),
        Record::Job(JobFields::of(&job)),
        Record::Site { name: "", site: SiteFields::of(&site) },
        Record::Bookmark(BookmarkFields::of(&imported)),
        Record::Trusted { server: "", fingerprint: "", compared: true },
        Record::Facts(FactFields::of("", &facts)),
        Record::Known(KnownFields::of(&memory)),
        Record::Ladder(findings::Ladder::of(&direction, &Products::default(), &ladder)),
        Record::Trial(findings::Trial::of(&direction, 1, &ladder.rungs[0], &Outcome::RuledOut(1))),
        Record::Verdict(findings::Verdict::of(&direction, &verdict)),
        Record::Leftover { place: "", text: "" },
        Record::Summary {
            files: 0,
            failed: 0,
            interrupted: 0,
            left: None,
            skipped: 0,
            directories: 0,
            links: 0,
            unchanged: 0,
            unchanged_unproven: 0,
            deleted: 0,
            not_deleted: 0,
            bytes: 0,
            unproven: 0,
            payload_through_client: 0,
            elapsed_seconds: 0.0,
            times: Vec::new(),
            assurances: Vec::new(),
            exit_code: 0,
        },
        Record::Error(trouble()),
    ];
    let found = crate::output::found::samples();
    records.iter().map(keys).chain(found.iter().map(keys)).collect()
}

/// The kind of a record and its other keys.
pub(crate) fn keys(record: &impl Serialize) -> (String, BTreeSet<String>) {
    let serde_json::Value::Object(mut object) = serde_json::to_value(record).unwrap() else {
        panic!("a record is an object")
    };
    let kind = object.remove("event").unwrap().as_str().unwrap().to_owned();
    (kind, object.into_iter().map(|(key, _)| key).collect())
}

#[test]
fn the_document_names_every_kind_and_every_key() {
    let (mut documented, written) = (documented(), written());
    // The demonstration has an object of its own, and a test of its own.
    documented.remove("demo").expect("the demonstration is described");
    let kinds = |kinds: &Kinds| kinds.keys().cloned().collect::<Vec<_>>();
    assert_eq!(kinds(&documented), kinds(&written), "docs/json.md (left) and the stream (right)");
    for (kind, keys) in written {
        assert_eq!(documented[&kind], keys, "`{kind}` in docs/json.md (left) and in the stream (right)");
    }
}
