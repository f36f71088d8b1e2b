//! One of the servers is killed in the middle of a copy, and comes back.

use std::time::Duration;

use fxp_testkit::certificate::Authority;

use crate::chance::Chance;
use crate::tree::{self, Shape};
use crate::watch::Watch;
use crate::world::{Run, client, fxpd, received, url};

#[test]
fn either_server_is_killed_and_comes_back() {
    let authority = Authority::new().expect("an authority");
    let (mut source, mut destination) = (fxpd(&authority, ""), fxpd(&authority, ""));
    let fxp = client([
        (source.address, source.fingerprint.as_str()),
        (destination.address, destination.fingerprint.as_str()),
    ]);
    let mut chance = Chance::new();
    let shape = Shape { small: 150, large: 7, size: 900_000 };
    tree::make(&source.file("t"), shape, &mut chance);
    let mut watch = Watch::new(&source.file("t"), &destination.file("t"), "/t/");
    let (from, to) = (url(source.address, "t"), url(destination.address, ""));
    let copy = ["cp", "-r", &from, &to];
    for dies in [0, 1, 0, 1] {
        let run = Run::start(&fxp, &copy);
        std::thread::sleep(Duration::from_millis(150) + chance.moment(Duration::from_millis(400)));
        let server = if dies == 0 { &mut source } else { &mut destination };
        server.kill();
        std::thread::sleep(chance.moment(Duration::from_millis(300)));
        server.start_again();
        // It may survive that or not; whatever has its final name is good in any case.
        run.wait();
        watch.look(&received(&destination));
    }
    Run::start(&fxp, &copy).succeeds();
    watch.is_complete(&received(&destination));
}
