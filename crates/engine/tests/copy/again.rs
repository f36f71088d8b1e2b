//! A run after another one: what the journal says is done is not sent again, and what it cannot say is compared.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use fxp_engine::journal::{
    Answer, Ending, Journal, Ledger, Left, Page, Recalled, Stands, Subject, Totals, Typed,
};
use fxp_engine::place;
use fxp_engine::plan::judge::Compare;
use fxp_engine::proto::listing::time::FtpTime;
use fxp_engine::report::{Event, FileFailure, FileReport, Report, Trouble, TroubleKind};
use fxp_engine::run::{CopyRequest, ResumeChoice, Selection};
use fxp_store::storage::Storage;

use crate::world::{Desk, Server, TLS, go_on, noise, path, request};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_is_not_sent_again_where_times_are_not_kept() {
    let world = World::new();
    world.destination.faults.keeps_no_time.store(true, Relaxed);
    let first = world.run(Told::Everything).await;
    assert_eq!((first.sums.files, first.unchanged, world.sent()), (3, 0, 600));
    let again = world.run(Told::Everything).await;
    assert_eq!((again.sums.files, again.unchanged, world.sent()), (0, 3, 600));

    world.write("/s/one", 8, 2_000);
    world.destination.put("/d/s/two", b"cut");
    world.destination.files.delete(&path("/d/s/three")).expect("deleted");
    let changed = world.run(Told::Everything).await;
    assert_eq!((changed.sums.files, changed.unchanged, world.sent()), (3, 0, 1200));
    world.is_equal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_somebody_changed_is_sent_again_whatever_the_journal_says() {
    let world = World::new();
    world.run(Told::Everything).await;
    world.destination.put("/d/s/one", &noise(201)[1..]);
    set_time(&world.destination, "/d/s/one", 5_000);
    let again = world.run(Told::Everything).await;
    assert_eq!((again.sums.files, again.unchanged, world.sent()), (1, 2, 800));
    world.is_equal();
}

/// Somebody gave it its time back, or a disk lost a bit.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_changed_without_a_trace_is_sent_again_by_whoever_compares_digests() {
    for (what, compare, sent) in
        [("by size and time", Compare::SizeAndTime, 600), ("--checksum", Compare::Digest, 800)]
    {
        let world = World::new();
        assert_eq!(world.run(Told::Everything).await.sums.files, 3, "{what}");
        world.spoil("/d/s/one");
        let selection = Selection { compare, ..Selection::default() };
        let wanted = CopyRequest { selection, ..world.request() };
        let again = world.run_of(wanted, Told::Everything).await;
        assert_eq!((again.unchanged, world.sent()), (3 - (sent - 600) / 200, sent), "{what}");
        assert_eq!(world.destination.get("/d/s/one") == Some(noise(200)), sent > 600, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_deletes_no_source_for_what_another_job_noted_of_its_copy() {
    for keeps_no_time in [false, true] {
        let world = World::new();
        world.destination.faults.keeps_no_time.store(keeps_no_time, Relaxed);
        world.run(Told::Everything).await;
        world.spoil("/d/s/one");
        let moved = world.move_all().await;
        assert_eq!((moved.failed, world.sent()), (0, 800), "{:?}", moved.failures);
        for name in ["one", "two", "three"] {
            assert_eq!(world.source.get(&format!("/s/{name}")), None, "{name}");
            assert_eq!(world.destination.get(&format!("/d/s/{name}")), Some(noise(200)), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_got_its_name_before_that_was_noted_is_compared_and_not_sent() {
    for told in [Told::Begun, Told::Nothing] {
        let world = World::new();
        world.destination.faults.keeps_no_time.store(true, Relaxed);
        world.run(told).await;
        assert_eq!(world.sent(), 600);
        // One of them is not what was sent.
        world.destination.put("/d/s/one", &noise(201)[1..]);
        let resumed = world.run(Told::Everything).await;
        assert_eq!((resumed.sums.files, resumed.unchanged, world.sent()), (1, 2, 800), "{told:?}");
        world.is_equal();
        let again = world.run(Told::Everything).await;
        assert_eq!((again.sums.files, again.unchanged, world.sent()), (0, 3, 800), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_continued_deletes_what_is_copied_and_sends_nothing_twice() {
    let world = World::new();
    world.source.faults.refuses_delete.store(true, Relaxed);
    let first = world.move_all().await;
    assert_eq!((first.sums.files, first.failed, world.sent()), (3, 3, 600));
    world.source.faults.refuses_delete.store(false, Relaxed);
    let second = world.move_all().await;
    assert_eq!((second.failed, world.sent()), (0, 600), "{:?}", second.failures);
    for name in ["one", "two", "three"] {
        assert_eq!(world.source.get(&format!("/s/{name}")), None, "{name}");
        assert_eq!(world.destination.get(&format!("/d/s/{name}")), Some(noise(200)), "{name}");
    }
}

/// Killed when the last source was deleted, and before the job's end could be written down.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_whose_source_is_gone_is_done_if_the_journal_says_so_and_the_copy_is_there() {
    for (name, files) in [("s/one", 1), ("s", 3)] {
        let world = World::new();
        let first = world.move_and_be_killed(name, Told::Everything).await.expect("moved");
        assert_eq!((first.sums.files, first.failed), (files, 0), "{:?}", first.failures);
        assert_eq!(world.source.get("/s/one"), None);
        let sent = world.sent();

        let second = world.move_and_be_killed(name, Told::Everything).await.expect("nothing is left to do");
        assert_eq!((second.sums.files, second.unchanged, second.failed), (0, files, 0), "{second:?}");
        assert_eq!(world.sent(), sent, "nothing is sent twice");

        // A copy of another size is not the one that was proven.
        let copy = if name == "s" { "/d/s/two" } else { "/d/one" };
        world.destination.put(copy, &noise(150));
        let trouble =
            world.move_and_be_killed(name, Told::Everything).await.expect_err("the copy is changed");
        assert_eq!(trouble.kind, TroubleKind::SourceNotFound, "{trouble:?}");
        for words in ["does not exist", "200 bytes when it was proven", "150 now"] {
            assert!(trouble.what.contains(words), "{trouble:?}");
        }
        assert!(trouble.remedy.is_some_and(|remedy| remedy.contains("resume --forget")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_whose_source_is_gone_and_whose_copy_was_never_proven_is_an_error() {
    let world = World::new();
    world.move_and_be_killed("s/one", Told::Begun).await.expect("moved");
    let trouble = world.move_and_be_killed("s/one", Told::Everything).await.expect_err("nobody can tell");
    assert!(trouble.what.contains("ever proven"), "{trouble:?}");
    assert!(trouble.remedy.is_some_and(|remedy| remedy.contains("resume --forget")));
    assert_eq!(world.destination.get("/d/one"), Some(noise(200)), "what is there stays");
    // Of what it never had to do with the journal says nothing.
    let trouble = world.move_and_be_killed("s/four", Told::Everything).await.expect_err("never was");
    assert!(trouble.what.ends_with("does not exist"), "{trouble:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_source_is_deleted_before_the_journal_holds_its_copy() {
    // The first file is copied with care; those after it go in convoy.
    for holds in [0, 1] {
        let world = World::new();
        let (page, mut desk) = world.process(Told::Everything).await;
        desk.context.ledger = Arc::new(Stuck {
            page,
            begun: Written::endless(),
            finished: Arc::new(Written { holds, ..Written::default() }),
        });
        let (tell, mut done) = tokio::sync::watch::channel(0);
        desk.listen(move |event| {
            if matches!(event, Event::Done { .. }) {
                tell.send_modify(|done| *done += 1);
            }
        });
        let request = CopyRequest { lanes: Some(1), ..world.request() };
        let wanted = if holds == 0 { 1 } else { 3 };
        tokio::select! {
            moved = place::move_to(request, &desk.context, go_on()) => panic!("it has not waited: {moved:?}"),
            // Once files are done, nothing but the journal keeps their sources.
            () = async {
                done.wait_for(|done| *done == wanted).await.expect("files are done");
                tokio::time::sleep(Duration::from_millis(200)).await;
            } => {}
        }
        let stay = ["one", "two", "three"]
            .into_iter()
            .filter(|name| world.source.get(&format!("/s/{name}")).is_some());
        assert_eq!(stay.count(), 3 - holds, "{holds}");
    }
}

/// Who is killed then finds a name, and in the journal why it may have it.
#[tokio::test(flavor = "multi_thread")]
async fn no_copy_gets_its_name_before_the_journal_holds_that_it_was_begun() {
    // The first file is copied with care; those after it go in convoy.
    for holds in [0, 1] {
        let world = World::new();
        let (page, mut desk) = world.process(Told::Everything).await;
        let begun = Arc::new(Written { holds, ..Written::default() });
        desk.context.ledger = Arc::new(Stuck { page, begun: begun.clone(), finished: Written::endless() });
        let request = CopyRequest { lanes: Some(1), ..world.request() };
        let there = |name: &str| world.destination.get(&format!("/d/s/{name}")).map(|bytes| bytes.len());
        let names = ["one", "two", "three"];
        let counts =
            |end: &str| names.iter().filter(|name| there(&format!("{name}{end}")) == Some(200)).count();
        tokio::select! {
            copied = desk.copy(request) => panic!("it has not waited: {copied:?}"),
            () = async {
                while begun.told.load(Relaxed) <= holds {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            } => {}
        }
        assert_eq!(counts(""), holds);
    }
}

/// Killed when some files had been moved, and others were still to come; then somebody else removes the source.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_of_a_directory_that_was_not_finished_is_not_done_because_the_source_is_gone() {
    let world = World::new();
    // As if the walk had found one more file than there was time for.
    world.move_and_be_killed("s", Told::OneFileMore).await.expect("moved");
    assert_eq!(world.source.get("/s/one"), None);
    let trouble = world.move_and_be_killed("s", Told::Everything).await.expect_err("nobody can tell");
    assert!(trouble.what.contains("had been found"), "{trouble:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_continued_as_far_as_the_user_believes_in_it() {
    for (resume, resumed) in [
        (ResumeChoice::Noted, 150),
        (ResumeChoice::Trust, 150),
        (ResumeChoice::Prove, 150),
        (ResumeChoice::Never, 0),
    ] {
        let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
        source.put("/f", &noise(200));
        destination.put("/f.fxp-part", &noise(150));
        let desk = Desk::new(&[&source, &destination]);
        let wanted = CopyRequest { resume, ..request(vec![source.at("f")], destination.at("")) };
        let report = desk.copied(wanted).await;
        assert_eq!(report.files[0].resumed, resumed, "{resume:?}: {:?}", report.files[0].notes);
        assert_eq!(destination.get("/f"), Some(noise(200)), "{resume:?}");
    }
}

/// A tree of three files, two servers, and a journal.
struct World {
    source: Server,
    destination: Server,
    journal: tempfile::TempDir,
}

/// How much of what the run tells reaches the journal before the process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Everything,
    /// And of one file more than is ever begun.
    OneFileMore,
    Begun,
    Nothing,
}

impl World {
    fn new() -> World {
        let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
        let journal = tempfile::tempdir().expect("a folder");
        let world = World { source, destination, journal };
        world.source.files.make_directory(&path("/s")).expect("made");
        world.destination.files.make_directory(&path("/d")).expect("made");
        for name in ["/s/one", "/s/two", "/s/three"] {
            world.write(name, 0, 1_000);
        }
        world
    }

    /// 200 bytes, other ones for another `version`, from a time long ago.
    fn write(&self, name: &str, version: usize, seconds: i64) {
        self.source.put(name, &noise(200 + version)[version..]);
        set_time(&self.source, name, seconds);
    }

    /// A run as another process would do it.
    async fn run(&self, told: Told) -> Report {
        self.run_of(self.request(), told).await
    }

    async fn run_of(&self, request: CopyRequest, told: Told) -> Report {
        let (page, desk) = self.process(told).await;
        let report = desk.copy(request).await.unwrap_or_else(|trouble| panic!("{trouble:?}"));
        assert!(report.failures.is_empty(), "{:?}", report.failures);
        if told == Told::Everything {
            assert_eq!(page.end(Ending::Done).await, None);
        }
        report
    }

    async fn move_all(&self) -> Report {
        let (page, desk) = self.process(Told::Everything).await;
        let report = place::move_to(self.request(), &desk.context, go_on()).await;
        let report = report.unwrap_or_else(|trouble| panic!("{trouble:?}"));
        assert_eq!(page.end(Ending::Interrupted).await, None);
        report
    }

    /// A move by a process that does not live to write down how it ended.
    async fn move_and_be_killed(&self, name: &str, told: Told) -> Result<Report, Trouble> {
        let (page, desk) = self.process(told).await;
        let request = request(vec![self.source.at(name)], self.destination.at("d/"));
        let moved = place::move_to(request, &desk.context, go_on()).await;
        page.settle().await;
        moved
    }

    async fn process(&self, told: Told) -> (Arc<Page>, Desk) {
        let journal = Journal::open(self.journal.path()).await.expect("opened");
        let typed = Typed { arguments: vec![b"cp".to_vec()], directory: "/".into() };
        let page = Arc::new(journal.begin(typed).await.expect("begun"));
        let mut desk = Desk::new(&[&self.source, &self.destination]);
        desk.context.ledger = Arc::new(Deaf { page: page.clone(), told });
        (page, desk)
    }

    fn request(&self) -> CopyRequest {
        request(vec![self.source.at("s")], self.destination.at("d/"))
    }

    /// Another byte in a copy, whose size and time stay.
    fn spoil(&self, name: &str) {
        let mut bytes = self.destination.get(name).expect("it is there");
        bytes[0] ^= 1;
        let time = self.destination.files.stat(&path(name)).expect("told").modified.expect("a time").0;
        self.destination.put(name, &bytes);
        self.destination.files.set_time(&path(name), time).expect("set");
    }

    /// Bytes that went from server to server.
    fn sent(&self) -> u64 {
        self.source.meter.snapshot().get(&self.destination.address.ip()).map_or(0, |count| count.sent)
    }

    fn is_equal(&self) {
        for name in ["s/one", "s/two", "s/three"] {
            let (ours, theirs) =
                (self.source.get(&format!("/{name}")), self.destination.get(&format!("/d/{name}")));
            assert!(ours.is_some() && ours == theirs, "{name}");
        }
    }
}

fn set_time(server: &Server, name: &str, seconds: i64) {
    server.files.set_time(&path(name), FtpTime { seconds, nanoseconds: 0 }).expect("set");
}

/// A page that does not hear everything, or hears too much.
struct Deaf {
    page: Arc<Page>,
    told: Told,
}

impl Ledger for Deaf {
    fn recall<'a>(&'a self, subject: &'a Subject, stands: Option<Stands>) -> Answer<'a, Recalled> {
        self.page.recall(subject, stands)
    }

    fn planned(&self, totals: Totals) {
        let more = u64::from(self.told == Told::OneFileMore);
        self.page.planned(Totals { files: totals.files + more, ..totals });
    }

    fn begun(&self, subject: &Subject, stands: Option<Stands>, in_place: bool) {
        if self.told != Told::Nothing {
            self.page.begun(subject, stands, in_place);
        }
    }

    fn finished(&self, subject: &Subject, report: &FileReport) {
        if matches!(self.told, Told::Everything | Told::OneFileMore) {
            self.page.finished(subject, report);
        }
    }

    fn failed(&self, subject: &Subject, failure: &FileFailure) {
        self.page.failed(subject, failure);
    }

    fn left_by<'a>(&'a self, source: &'a str) -> Answer<'a, Vec<Left>> {
        self.page.left_by(source)
    }

    fn had_finished(&self) -> bool {
        self.page.had_finished()
    }

    fn settle(&self) -> Answer<'static, ()> {
        self.page.settle()
    }
}

/// A page that holds so many notes and no more.
struct Stuck {
    page: Arc<Page>,
    begun: Arc<Written>,
    finished: Arc<Written>,
}

/// Notes of one kind.
#[derive(Default)]
struct Written {
    holds: usize,
    told: AtomicUsize,
}

impl Written {
    fn endless() -> Arc<Written> {
        Arc::new(Written { holds: usize::MAX, ..Written::default() })
    }

    fn tell(&self) {
        self.told.fetch_add(1, Relaxed);
    }

    fn has_all(&self) -> bool {
        self.told.load(Relaxed) <= self.holds
    }
}

impl Ledger for Stuck {
    fn recall<'a>(&'a self, subject: &'a Subject, stands: Option<Stands>) -> Answer<'a, Recalled> {
        self.page.recall(subject, stands)
    }

    fn planned(&self, _: Totals) {}

    fn begun(&self, _: &Subject, _: Option<Stands>, _: bool) {
        self.begun.tell();
    }

    fn finished(&self, _: &Subject, _: &FileReport) {
        self.finished.tell();
    }

    fn failed(&self, _: &Subject, _: &FileFailure) {}

    fn settle(&self) -> Answer<'static, ()> {
        match self.begun.has_all() && self.finished.has_all() {
            true => Box::pin(std::future::ready(())),
            false => Box::pin(std::future::pending()),
        }
    }
}
