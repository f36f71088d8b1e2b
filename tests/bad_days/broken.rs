//! Servers, lines and people that go away in the middle of a copy.

use std::time::Duration;

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Product, USER};
use fxp_testkit::demand::demand;

use crate::fxp::Fxp;
use crate::lab::Lab;
use crate::proxy::Proxy;
use crate::server::{Host, Server, Settings};
use crate::story::{OLD, Running, Story};
use crate::world::{COPY, MEBI, World, content, cp};

/// Of so many bytes is the file.
const SIZE: usize = 4 * MEBI;
/// So many have arrived when the trouble comes.
const MIDDLE: u64 = MEBI as u64;

/// A product that sends slowly.
fn slow(product: Product) -> (Product, &'static [&'static str]) {
    let settings: &[&str] = match product {
        Product::Proftpd => &["TransferRate RETR,STOR 2000"],
        Product::Vsftpd => &["local_max_rate=2000000"],
        Product::Pureftpd => &["-T", "2000"],
        Product::Fxpd | Product::Pyftpdlib => &[],
    };
    (product, settings)
}

/// The world of most stories here: the file at the source, something older at the destination.
fn prepare(world: &World, story: &mut Story) {
    world.source.write("file", &content(SIZE));
    world.destination.write("copy", OLD);
    story.copying(world.source.file("file"));
}

#[test]
fn a_server_is_killed() {
    let mut story = Story::new("server_killed");
    for (source, destination) in [
        (slow(Product::Vsftpd), (Product::Fxpd, &[][..])),
        ((Product::Fxpd, &[][..]), slow(Product::Proftpd)),
    ] {
        for victim in ["source", "destination"] {
            let Some(mut world) = World::new("killed", source, destination) else { return };
            story.heading(&format!("{} to {}: the {victim} is killed", source.0, destination.0));
            prepare(&world, &mut story);
            let mut copy = story.begin(&world, &[&COPY[..], &["--retries", "1"]].concat());
            copy.await_size(&world.destination.file("copy.fxp-part"), MIDDLE);
            let end = if victim == "source" { &mut world.source } else { &mut world.destination };
            end.kill();
            story.end(&world, copy, 7);
            story.look(&world, "");
            let end = if victim == "source" { &mut world.source } else { &mut world.destination };
            end.start_again();
            story.tell("it is up again");
            story.run(&world, &COPY, 0);
            story.look(&world, "");
        }
    }
    story.finish();
}

#[test]
fn a_person_interrupts() {
    let mut story = Story::new("interrupted");
    for (source, destination) in
        [(slow(Product::Proftpd), (Product::Fxpd, &[][..])), (slow(Product::Vsftpd), slow(Product::Pureftpd))]
    {
        let Some(world) = World::new("interrupted", source, destination) else { return };
        story.heading(&format!("{} to {}: Ctrl-C", source.0, destination.0));
        prepare(&world, &mut story);
        let mut copy = story.begin(&world, &COPY);
        copy.await_size(&world.destination.file("copy.fxp-part"), MIDDLE);
        copy.signal("INT");
        story.end(&world, copy, 130);
        story.look(&world, "");
        story.run(&world, &COPY, 0);
        story.look(&world, "");
    }
    story.finish();
}

/// The control connection of one leg is lost while data runs: the copy goes on where it was.
#[test]
fn a_control_connection_is_lost_while_data_runs() {
    let mut story = Story::new("control_lost");
    for (source, destination) in [
        (slow(Product::Vsftpd), (Product::Fxpd, &[][..])),
        ((Product::Fxpd, &[][..]), slow(Product::Proftpd)),
    ] {
        for leg in ["source", "destination"] {
            let Some(world) = World::new("control lost", source, destination) else { return };
            story.heading(&format!("{} to {}: the {leg}'s", source.0, destination.0));
            prepare(&world, &mut story);
            let end = if leg == "source" { &world.source } else { &world.destination };
            let proxy = Proxy::before(end.address());
            story.call(proxy.address, &format!("{{{leg}, by way of the proxy}}"));
            let copy = through_proxy(leg);
            let mut running = story.begin(&world, &copy);
            running.await_size(&world.destination.file("copy.fxp-part"), MIDDLE);
            proxy.cut();
            story.end(&world, running, 0);
            story.look(&world, "");
            story.run(&world, &copy, 0);
        }
    }
    story.finish();
}

/// The last word of one leg is lost with its connection: the file is there, and a comparison shows it.
#[test]
fn a_control_connection_is_lost_after_the_data() {
    let mut story = Story::new("control_lost_after_the_data");
    // Where the other products are when the connection goes is a matter of luck.
    for product in [Product::Fxpd, Product::Proftpd, Product::Vsftpd] {
        for leg in ["source", "destination"] {
            let Some(world) = World::new("control lost", (product, &[]), (product, &[])) else { return };
            story.heading(&format!("{product}: the {leg}'s 226"));
            prepare(&world, &mut story);
            let end = if leg == "source" { &world.source } else { &world.destination };
            let proxy = Proxy::before(end.address());
            story.call(proxy.address, &format!("{{{leg}, by way of the proxy}}"));
            let copy = through_proxy(leg);
            // What comes before is the end of a listing, from servers that need one to tell what a file is.
            proxy.lose_transfer_end();
            story.run(&world, &copy, 0);
            story.look(&world, "");
            story.run(&world, &copy, 0);
        }
    }
    story.finish();
}

fn through_proxy(leg: &str) -> Vec<&'static str> {
    match leg {
        "source" => cp("ftp://mover@{source, by way of the proxy}/file", "ftp://mover@{destination}/copy"),
        _ => cp("ftp://mover@{source}/file", "ftp://mover@{destination, by way of the proxy}/copy"),
    }
}

/// One end closes idle sessions after two seconds; the other one keeps it waiting for longer than that. Whether the
/// client has heard of that before it asks for the second file is a matter of milliseconds.
#[test]
fn a_server_closes_idle_sessions() {
    let mut story = Story::new("idle_sessions");
    let rows: [(Product, &[&str]); 4] = [
        (Product::Fxpd, &["[limits]", "idle_timeout = 2"]),
        (Product::Proftpd, &["TimeoutIdle 2"]),
        (Product::Vsftpd, &["idle_session_timeout=2"]),
        (Product::Pyftpdlib, &["handler.timeout = 2"]),
    ];
    for idle in rows {
        // Two sources: while one sends for longer than two seconds, the session with the other one is idle.
        let source = slow(Product::Vsftpd);
        // pyftpdlib calls a session idle whose transfer is running; the destination's is never idle here.
        let busy: &[&str] = if idle.0 == Product::Pyftpdlib { &[] } else { idle.1 };
        let Some(world) = World::new("idle", source, (idle.0, busy)) else { return };
        let Some(other) = World::new("idle", (idle.0, idle.1), (Product::Fxpd, &[])) else { return };
        story.heading(&format!("{}, second source and destination", idle.0));
        prepare(&world, &mut story);
        // The smallest file is the first one, which finds out how the others travel.
        let second = content(SIZE + 1);
        other.source.write("second", &second);
        world.destination.write("into/old", OLD);
        story.call(other.source.address(), "{second source}");
        // With more lanes the second file would not have to wait for the first.
        let copy = [
            "cp",
            "--tls",
            "off",
            "--lanes",
            "1",
            "ftp://mover@{source}/file",
            "ftp://mover@{second source}/second",
            "ftp://mover@{destination}/into/",
        ];
        story.run(&world, &copy, 0);
        assert!(std::fs::read(world.destination.file("into/second")).expect("the second file") == second);
        assert_eq!(
            std::fs::read(world.destination.file("into/file")).expect("the first file"),
            std::fs::read(world.source.file("file")).expect("the source")
        );
        story.run(&world, &copy, 0);
    }
    story.finish();
}

/// The line between the servers breaks; the client hears both all the time.
#[test]
fn the_line_between_the_servers_breaks() {
    let test = "the line between the servers";
    let mut story = Story::new("line_broken");
    for (trouble, cure) in
        [(&["cut", "a-b"][..], Some(&["heal", "a-b"][..])), (&["drop-conn", "a-b"][..], None)]
    {
        let Some(lab) = demand(test, Lab::up(&["--rtt", "2ms", "--rate", "a-b=16mbit"])) else { return };
        let authority = Authority::new().expect("an authority");
        let limits = Settings { top: "[limits]\ntransfer_idle = 2\n", ..Settings::default() };
        let start = |host: &str, address: &str| {
            Server::start(Host::Lab(&lab, host), address.parse().expect("an address"), &authority, limits)
        };
        let (source, destination) = (start("a", "10.77.0.2:21"), start("b", "10.77.0.3:21"));
        let fxp = Fxp::new(&[]);
        for server in [&source, &destination] {
            let ip = server.address.ip().to_string();
            fxp.trust(&ip, &server.fingerprint);
            let up = || fxp.command_on(&lab, "client").args(["ls", &format!("ftp://{USER}@{ip}/")]).output();
            let deadline = std::time::Instant::now() + Duration::from_secs(30);
            while !up().is_ok_and(|output| output.status.success()) {
                assert!(std::time::Instant::now() < deadline, "{}", server.log());
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        let typed = format!("netlab {}", trouble.join(" "));
        story.heading(&typed);
        std::fs::write(source.file("file"), content(SIZE)).expect("a file");
        std::fs::write(destination.file("copy"), OLD).expect("a file");
        story.copying(source.file("file"));
        let copy = ["cp", "--retries", "0", "ftp://mover@10.77.0.2/file", "ftp://mover@10.77.0.3/copy"];
        let begin = || {
            let mut command = fxp.command_on(&lab, "client");
            command.args(copy);
            Running::start(command, &copy)
        };
        let mut running = begin();
        running.await_size(&destination.file("copy.fxp-part"), MIDDLE);
        lab.change(trouble);
        let when = std::time::Instant::now();
        story.end_in_lab(running, 7);
        story.look_in(destination.root());
        if let Some(cure) = cure {
            lab.change(cure);
            story.tell("netlab heal a-b");
        }
        // That is how long drop-conn works.
        std::thread::sleep(Duration::from_secs(1).saturating_sub(when.elapsed()));
        story.end_in_lab(begin(), 0);
        story.look_in(destination.root());
    }
    story.finish();
}
