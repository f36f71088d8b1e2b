//! Many small files between real servers: each gets as much at once as it bears, and all arrive.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::Product::{self, Fxpd, Proftpd, Pureftpd, Pyftpdlib, Vsftpd};
use fxp_testkit::daemon::{Daemon, Setup};
use fxp_testkit::demand;

use crate::fxp::Fxp;
use crate::pairs::Pair;

/// Enough that a server which loses step with queued commands does so.
const FILES: usize = 120;

/// What each bears, as it stands in the book of servers.
fn word(product: Product) -> &'static str {
    match product {
        Fxpd | Vsftpd => "always",
        Proftpd => "with-transfer",
        Pureftpd => "up-to-transfer",
        Pyftpdlib => unreachable!("it is not asked"),
    }
}

/// Copies or moves (`cp`, `mv`) a tree of small files over one lane, and says how many files had to be copied with care.
fn check(verb: &str, source: Product, destination: Product, setup: Setup) {
    // It needs two thirds of a second for each data connection inside TLS.
    let slow = setup.tls && [source, destination].contains(&Proftpd);
    let files = if slow { FILES / 10 } else { FILES };
    let test = "convoys";
    let all = [source, destination].map(|product| demand::demand(test, product.available()));
    let [Some(()), Some(())] = all else { return };
    let names = format!("{source} > {destination}");
    let authority = Authority::new().expect("an authority");
    let from = Daemon::start(source, setup, &authority, None).expect("the source starts");
    let to = Daemon::start(destination, setup, &authority, None).expect("the destination starts");
    let content = |number: usize| format!("{number} ").repeat(number * 20).into_bytes();
    fs::create_dir(from.root.join("tree")).expect("a folder");
    for number in 0..files {
        fs::write(from.root.join(format!("tree/{number:03}")), content(number)).expect("a file");
    }
    from.adopt_files().expect("their owner");
    let fxp = Fxp::new(&[&from, &to]);
    let tls = if setup.tls { "require" } else { "off" };
    let (from_url, to_url) = (from.url("tree/"), to.url("copy/"));
    let ran = fxp.run(["--json", verb, "-r", "--lanes", "1", "--tls", tls, &from_url, &to_url]);
    assert_eq!(ran.code, 0, "{names}: {ran:#?}\n{}{}", from.log(), to.log());
    for number in 0..files {
        let copy = fs::read(to.root.join(format!("copy/{number:03}"))).ok();
        assert_eq!(copy, Some(content(number)), "{names}: {number}");
    }
    assert_eq!(
        fs::read_dir(to.root.join("copy")).expect("a folder").count(),
        files,
        "{names}: nothing else is left"
    );
    let stay = fs::read_dir(from.root.join("tree")).map_or(0, Iterator::count);
    assert_eq!(stay, if verb == "mv" { 0 } else { files }, "{names}: at the source");
    let events = ran.events();
    assert_eq!(events.last().expect("an end")["payload_through_client"], 0, "{names}");
    let fallbacks: Vec<_> = events.iter().filter(|event| event["event"] == "fallback").collect();
    eprintln!("{names}: {} with care", fallbacks.len());
    assert!(fallbacks.len() <= files / 12, "{names}: {fallbacks:#?}");
    let known = fxp.known();
    for product in [source, destination] {
        assert!(known.contains(&format!("queueing = \"{}\"", word(product))), "{names}: {known}");
    }
}

#[test]
fn between_servers_of_one_kind() {
    // pyftpdlib stands still now and then, whoever asks it.
    for product in [Fxpd, Proftpd, Vsftpd, Pureftpd] {
        check("cp", product, product, Setup::PLAIN);
    }
}

#[test]
fn between_servers_of_different_kinds() {
    for (source, destination) in [(Vsftpd, Proftpd), (Proftpd, Pureftpd), (Pureftpd, Vsftpd)] {
        check("cp", source, destination, Setup::PLAIN);
    }
}

#[test]
fn inside_tls() {
    for (source, destination) in
        [(Fxpd, Fxpd), (Vsftpd, Proftpd), (Proftpd, Proftpd), (Fxpd, Pureftpd), (Vsftpd, Fxpd)]
    {
        check("cp", source, destination, Setup::TLS);
    }
}

#[test]
fn files_that_move() {
    for (source, destination) in [(Fxpd, Pureftpd), (Vsftpd, Fxpd), (Proftpd, Vsftpd), (Pureftpd, Proftpd)] {
        check("mv", source, destination, Setup::PLAIN);
    }
}

/// A destination that hears nothing while it listens would sit there for a minute, for a source that has nothing to send.
#[test]
fn a_file_that_cannot_be_read_holds_up_nobody() {
    let bad = ["tree/020", "tree/021", "tree/050"];
    for destination in [Vsftpd, Proftpd, Pureftpd] {
        let Some(Pair { source, destination, fxp }) =
            Pair::start("unreadable", Vsftpd, destination, Setup::PLAIN)
        else {
            return;
        };
        fs::create_dir(source.root.join("tree")).expect("a folder");
        for number in 0..60 {
            fs::write(source.root.join(format!("tree/{number:03}")), "text").expect("a file");
        }
        source.adopt_files().expect("their owner");
        for name in bad {
            fs::set_permissions(source.root.join(name), fs::Permissions::from_mode(0o000)).expect("its mode");
        }
        let (from, to) = (source.url("tree/"), destination.url("copy/"));
        let ran = fxp.run(["-v", "cp", "-r", "--lanes", "1", "--tls", "off", &from, &to]);
        let explain = || format!("{ran:#?}\n{}{}", source.log(), destination.log());
        assert_eq!(ran.code, 1, "{}", explain());
        for name in bad {
            let told = format!("{name}: the source (vsftpd) refused the file: 550 Failed to open file.");
            assert!(ran.stderr.contains(&told), "{}", explain());
        }
        let copies = fs::read_dir(destination.root.join("copy")).expect("a folder").count();
        assert_eq!(copies, 60 - bad.len(), "all others and nothing else: {}", explain());
        assert!(!ran.stderr.contains("> ABOR"), "{}", explain());
        if destination.product == Vsftpd {
            let log = destination.log();
            let (asked, answered) =
                (log.matches("\"STOR ").count(), log.matches("\"226 Transfer complete.\"").count());
            assert_eq!(asked, answered, "no session was left behind: {}", explain());
        }
    }
}

/// A destination that puts a file into its place when it is whole must not be given an empty one instead.
#[test]
fn what_stands_in_place_of_a_file_that_cannot_be_read_stays() {
    let test = "unreadable in place";
    let all = [Vsftpd, Proftpd].map(|product| demand::demand(test, product.available()));
    let [Some(()), Some(())] = all else { return };
    let authority = Authority::new().expect("an authority");
    let source = Daemon::start(Vsftpd, Setup::PLAIN, &authority, None).expect("the source starts");
    let destination = Daemon::start_with(Proftpd, Setup::PLAIN, &authority, &["HiddenStores on"])
        .expect("the destination starts");
    fs::write(source.root.join("file"), "a new text").expect("a file");
    fs::write(destination.root.join("file"), "old").expect("a file");
    source.adopt_files().expect("its owner");
    destination.adopt_files().expect("its owner");
    fs::set_permissions(source.root.join("file"), fs::Permissions::from_mode(0o000)).expect("its mode");
    let fxp = Fxp::new(&[&source, &destination]);
    let ran =
        fxp.run(["-v", "cp", "--inplace", "--tls", "off", &source.url("file"), &destination.url("file")]);
    let explain = || format!("{ran:#?}\n{}{}", source.log(), destination.log());
    assert!(ran.stderr.contains("550 Failed to open file."), "{}", explain());
    assert!(ran.stderr.contains("> STOR /file"), "{}", explain());
    assert_eq!(fs::read(destination.root.join("file")).ok().as_deref(), Some(&b"old"[..]), "{}", explain());
}
