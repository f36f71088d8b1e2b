//! Files that break off again and again: what gets further each time arrives, what does not is given up after the
//! retries.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;

use fxp_engine::report::{FileReport, Report, TroubleKind};
use fxp_engine::run::{CopyRequest, ResumeChoice, Via};

use crate::cable::Cable;
use crate::world::{Desk, PLAIN, Server, noise, request};

/// More than three attempts bring: the tests let them break off.
const SIZE: usize = 350_000;
/// As much as counts as headway, and some more.
const ENOUGH: u64 = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Direct,
    /// Where nobody can prove what is there but by a note.
    WithoutDigests,
    Relay,
    Upload,
}

/// A file that breaks off after so many bytes, in each of the next attempts.
struct Scene {
    source: Server,
    destination: Server,
    cable: Cable,
    desk: Desk,
    content: Vec<u8>,
}

impl Scene {
    fn new(last: u8, breaks: &[u64]) -> Scene {
        let (source, destination) = (Server::start(last, PLAIN), Server::start(last + 1, PLAIN));
        let cable = Cable::without_digests(destination.address);
        let desk = Desk::new(&[&source, &destination]);
        let content = noise(SIZE);
        source.put("/frail", &content);
        desk.local.put("/frail", &content).expect("written");
        *destination.faults.breaks.lock().expect("not poisoned") = VecDeque::from(breaks.to_vec());
        Scene { source, destination, cable, desk, content }
    }

    async fn copy(&self, by: By, resume: ResumeChoice, retries: u32) -> Report {
        let from = match by {
            By::Upload => "/frail".parse().expect("a path"),
            By::Direct | By::WithoutDigests | By::Relay => self.source.at("frail"),
        };
        let to = match by {
            By::WithoutDigests => self.cable.at(""),
            By::Direct | By::Relay | By::Upload => self.destination.at(""),
        };
        let via = if by == By::Relay { Via::Relay } else { Via::Direct };
        let wanted = CopyRequest { via, resume, retries, ..request(vec![from], to) };
        self.desk.copy(wanted).await.expect("a report")
    }

    /// How often the file was sent.
    fn sent(&self) -> u64 {
        self.destination.faults.frail_uploads.load(Relaxed)
    }

    fn has_arrived<'r>(&self, by: By, report: &'r Report) -> &'r FileReport {
        assert!(report.failures.is_empty(), "{by:?}: {:#?}", report.failures);
        assert_eq!(self.destination.get("/frail").as_ref(), Some(&self.content), "{by:?}");
        assert_eq!(self.destination.get("/frail.fxp-part"), None, "{by:?}");
        &report.files[0]
    }

    fn is_given_up(&self, report: &Report, sent: u64, what: &str) {
        assert_eq!(self.sent(), sent, "{what}: {}", self.desk.dialogue());
        assert_eq!((report.files.len(), report.failures.len()), (0, 1), "{what}");
        let trouble = &report.failures[0].trouble;
        assert_eq!(trouble.kind, TroubleKind::Network, "{what}: {trouble:?}");
        assert_eq!(self.destination.get("/frail"), None, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_gets_further_each_time_arrives_however_often_it_breaks_off() {
    let check = async |last, by| {
        let scene = Scene::new(last, &[ENOUGH; 3]);
        let report = scene.copy(by, ResumeChoice::Noted, 1).await;
        let file = scene.has_arrived(by, &report);
        assert_eq!((file.attempts, scene.sent()), (4, 4), "{by:?}: more often than one retry would have it");
        assert_eq!(file.resumed, 3 * ENOUGH, "{by:?}: {:?}", file.notes);
        // All of it came in this run.
        assert_eq!((file.inherited, report.sums.moved), (0, file.size), "{by:?}");
        // Each pause is the first one again.
        let pauses = file.notes.iter().filter(|note| note.ends_with("tried again after 0.5 s"));
        assert_eq!(pauses.count(), 3, "{by:?}: {:?}", file.notes);
    };
    tokio::join!(
        Box::pin(check(120, By::Direct)),
        Box::pin(check(122, By::WithoutDigests)),
        Box::pin(check(124, By::Relay)),
        Box::pin(check(126, By::Upload))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_has_moved_a_part_is_not_given_up_when_an_attempt_brings_nothing() {
    let scene = Scene::new(148, &[ENOUGH, 0]);
    let report = scene.copy(By::Direct, ResumeChoice::Noted, 2).await;
    let file = scene.has_arrived(By::Direct, &report);
    assert_eq!((file.attempts, scene.sent()), (3, 3), "no other method was tried: {:?}", file.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_attempt_allowed_may_bring_a_file_further_too() {
    let check = async |last, by| {
        let scene = Scene::new(last, &[0, ENOUGH]);
        let report = scene.copy(by, ResumeChoice::Noted, 1).await;
        let file = scene.has_arrived(by, &report);
        assert_eq!((file.attempts, file.resumed), (3, ENOUGH), "{by:?}: {:?}", file.notes);
    };
    tokio::join!(Box::pin(check(128, By::Relay)), Box::pin(check(130, By::Upload)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_gets_no_further_is_given_up_after_exactly_the_retries() {
    use ResumeChoice::{Never, Noted, Prove};
    let check = async |last, by, resume, each, retries: u32| {
        let scene = Scene::new(last, &[each; 100]);
        let report = scene.copy(by, resume, retries).await;
        let what = format!("{by:?} {resume:?} {each} {retries}");
        scene.is_given_up(&report, u64::from(retries) + 1, &what);
    };
    tokio::join!(
        // A trickle.
        Box::pin(check(132, By::Direct, Noted, 1_000, 2)),
        Box::pin(check(134, By::Relay, Noted, 1_000, 2)),
        // Nothing.
        Box::pin(check(136, By::Upload, Noted, 0, 1)),
        // Each attempt begins at zero, since nothing may or can prove what is there.
        Box::pin(check(138, By::Direct, Never, ENOUGH, 2)),
        Box::pin(check(140, By::WithoutDigests, Prove, ENOUGH, 2)),
        Box::pin(check(142, By::Relay, Never, 3 * ENOUGH, 1)),
        // Nothing is to be tried again.
        Box::pin(check(144, By::Direct, Noted, ENOUGH, 0)),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_broke_off_in_convoy_gets_further_with_care() {
    // In convoy, then four times with care: those begin at zero.
    let scene = Scene::new(146, &[ENOUGH; 4]);
    // It finds out how the other one travels.
    scene.source.put("/a", b"small");
    let from = ["a", "frail"].map(|name| scene.source.at(name));
    let to = scene.destination.at("");
    let wanted = CopyRequest { lanes: Some(1), retries: 1, ..request(from.to_vec(), to) };
    let report = scene.desk.copy(wanted).await.expect("a report");

    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    assert_eq!(scene.destination.get("/frail").as_ref(), Some(&scene.content));
    let file = report.files.iter().find(|file| file.attempts > 1).expect("it was tried again");
    let care = file.notes.iter().filter(|note| note.ends_with("copied once more, with care"));
    assert_eq!((care.count(), file.attempts, scene.sent()), (1, 4, 5), "{:?}", file.notes);
    assert_eq!(file.resumed, 3 * ENOUGH, "{:?}", file.notes);
}
