//! Nobody gets in: wrong password, unknown host, nobody listening, too many sessions of one user.

use fxp_testkit::daemon::{Product, USER};

use crate::story::Story;
use crate::world::{COPY, MEBI, World, content, cp};

#[test]
fn a_wrong_password() {
    let mut story = Story::new("wrong_password");
    story.secret("not-the-password");
    // vsftpd asks PAM, which lets everybody in here.
    for product in [Product::Fxpd, Product::Proftpd, Product::Pureftpd, Product::Pyftpdlib] {
        let Some(world) = World::new("a wrong password", (product, &[]), (Product::Fxpd, &[])) else {
            return;
        };
        story.heading(&format!("{product}, the source"));
        story.copying(world.source.file("file"));
        world.source.write("file", b"hello");
        let netrc = world.fxp.home().join(".netrc");
        let ip = world.source.address().ip();
        story.call(world.fxp.home().display(), "{home}");
        std::fs::write(&netrc, format!("machine {ip} login {USER} password not-the-password\n"))
            .expect("netrc");
        std::fs::set_permissions(&netrc, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("its mode");
        story.tell("~/.netrc has a wrong password for the source");
        story.run(&world, &COPY, 5);
        story.look(&world, "");
        std::fs::remove_file(&netrc).expect("netrc");
        story.tell("it has none, and FXP_PASSWORD is right");
        story.run(&world, &COPY, 0);
        story.look(&world, "");
    }
    story.finish();
}

#[test]
fn nobody_there() {
    let Some(mut world) = World::new("nobody there", (Product::Fxpd, &[]), (Product::Fxpd, &[])) else {
        return;
    };
    let mut story = Story::new("nobody_there");
    story.copying(world.source.file("file"));
    world.source.write("file", b"hello");
    story.heading("a host that does not exist");
    let unknown = "ftp://mover@no-such-host.invalid/file";
    story.run(&world, &["cp", "--tls", "off", unknown, "ftp://mover@{destination}/copy"], 7);
    story.look(&world, "");

    story.heading("a host on which nobody listens");
    world.destination.kill();
    story.run(&world, &COPY, 7);
    story.look(&world, "");
    world.destination.start_again();
    story.tell("the server is up again");
    story.run(&world, &COPY, 0);
    story.look(&world, "");
    story.finish();
}

/// One session is all that a copy needs: the spare one that shows progress must not be missed, and a run that
/// comes while another one is logged in is told what the matter is.
#[test]
fn a_login_limit_of_one() {
    // Pure-FTPD counts the sessions of all its instances on a machine, which here are other tests.
    let limits: [(Product, &[&str]); 2] =
        [(Product::Fxpd, &["user.sessions = 1"]), (Product::Proftpd, &["MaxClientsPerUser 1"])];
    let mut story = Story::new("login_limit_of_one");
    for limit in limits {
        let slow = (Product::Vsftpd, ["local_max_rate=2000000"]);
        let Some(world) = World::new("a login limit", (slow.0, &slow.1), limit) else { return };
        story.heading(&format!("{}, the destination", limit.0));
        world.source.write("file", &content(MEBI * 4));
        story.copying(world.source.file("file"));
        let mut first = story.begin(&world, &COPY);
        first.await_size(&world.destination.file("copy.fxp-part"), MEBI as u64 / 2);
        story.tell("while the copy below runs");
        let other = cp("ftp://mover@{source}/file", "ftp://mover@{destination}/other");
        story.run(&world, &[&other[..], &["--retries", "0"]].concat(), 7);
        story.tell("what was begun first");
        story.end(&world, first, 0);
        story.look(&world, "");
        story.tell("nobody else is logged in any more");
        story.run(&world, &other, 0);
        story.look(&world, "");
    }
    story.finish();
}
