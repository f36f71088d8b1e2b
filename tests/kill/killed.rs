//! `fxp` itself is killed with SIGKILL, again and again.

use std::time::{Duration, Instant};

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, Product, Setup};
use fxp_testkit::demand::demand;

use crate::chance::Chance;
use crate::fxp::Fxp;
use crate::tree::{self, Shape};
use crate::watch::Watch;
use crate::world::{Run, client, fxpd, received, unfinished, url};

const TREE: Shape = Shape { small: 200, large: 4, size: 700_000 };

#[test]
fn killed_a_hundred_times_between_servers_that_compute_digests() {
    let authority = Authority::new().expect("an authority");
    let (source, destination) = (fxpd(&authority, ""), fxpd(&authority, ""));
    let fxp = client([
        (source.address, source.fingerprint.as_str()),
        (destination.address, destination.fingerprint.as_str()),
    ]);
    let mut chance = Chance::new();
    let mut kills = 0;
    let mut begun = 0;
    while kills < 100 {
        begun += 1;
        let name = format!("t{begun}");
        tree::make(&source.file(&name), TREE, &mut chance);
        let mut watch = Watch::new(&source.file(&name), &destination.file(&name), &format!("/{name}/"));
        let (from, to) = (url(source.address, &name), url(destination.address, ""));
        let copy = ["cp", "-r", &from, &to];
        kills += round(&fxp, &copy, 100 - kills, &mut chance, || watch.look(&received(&destination)));
        watch.is_complete(&received(&destination));
        std::fs::remove_dir_all(source.file(&name)).expect("removed");
        std::fs::remove_dir_all(destination.file(&name)).expect("removed");
    }
    eprintln!("{kills} kills in {begun} trees");
}

#[test]
fn killed_where_the_destination_keeps_no_times_and_computes_no_digests() {
    let test = "a destination without times and digests";
    let Some(()) = demand(test, Product::Vsftpd.available()) else { return };
    let authority = Authority::new().expect("an authority");
    let source = fxpd(&authority, "");
    let more = ["mdtm_write=NO"];
    let vsftpd = Daemon::start_with(Product::Vsftpd, Setup::PLAIN, &authority, &more).expect("it starts");
    let fxp = client([
        (source.address, source.fingerprint.as_str()),
        (vsftpd.address, vsftpd.fingerprint.as_str()),
    ]);
    let stored = || {
        let log = vsftpd.log();
        log.lines()
            .filter_map(|line| line.split_once("\"STOR ")?.1.strip_suffix('"').map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let mut chance = Chance::new();
    tree::make(&source.file("t"), TREE, &mut chance);
    let mut watch = Watch::new(&source.file("t"), &vsftpd.root.join("t"), "/t/");
    let (from, to) = (url(source.address, "t"), url(vsftpd.address, ""));
    let copy = ["--tls", "off", "cp", "-r", &from, &to];
    round(&fxp, &copy, 15, &mut chance, || watch.look(&stored()));
    assert!(!stored().is_empty(), "{}", vsftpd.log());
    watch.is_complete(&stored());

    let before = stored().len();
    Run::start(&fxp, &copy).succeeds();
    assert_eq!(stored().len(), before, "the same command again sends nothing");
}

/// Copies a tree and is killed at most so often on the way, at moments before a run would be at its end; then is left
/// to come to its end. How often it was killed.
fn round(fxp: &Fxp, copy: &[&str], most: usize, chance: &mut Chance, mut look: impl FnMut()) -> usize {
    let mut longest = FIRST;
    for kills in 0..most {
        // Either way of going on is a good one.
        let job = (chance.number(2) == 0).then(|| unfinished(fxp)).flatten();
        let resume = ["resume", job.as_deref().unwrap_or_default()];
        let arguments = if job.is_some() { &resume } else { copy };
        let began = Instant::now();
        if !Run::start(fxp, arguments).kill_after(chance.moment(longest)) {
            look();
            return kills;
        }
        // On a slow machine a run has to live longer to get anywhere.
        longest = longest.max(began.elapsed().min(LONGEST)) + GROWTH;
        look();
    }
    match unfinished(fxp) {
        Some(job) => Run::start(fxp, &["resume", &job]).succeeds(),
        None => Run::start(fxp, copy).succeeds(),
    }
    look();
    most
}

/// No moment is later than this at first.
const FIRST: Duration = Duration::from_millis(250);

/// So much later may it be after each kill.
const GROWTH: Duration = Duration::from_millis(20);

/// No run is waited for longer.
const LONGEST: Duration = Duration::from_millis(600);
