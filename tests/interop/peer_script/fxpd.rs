//! `fxpd` and the script, introduced to each other by a client.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::thread;

use fxp_testkit::certificate::Authority;
use fxp_testkit::demand::demand;
use fxp_testkit::port;
use tempfile::TempDir;

use super::script::{self, Ended, Part, Role, Script, Tls, Way};
use super::session::Session;
use super::{KEY, content};
use crate::server::{Host, Server, Settings};

/// A key that nobody was given for the file.
const ANOTHER_KEY: &str = "8AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// What was at the destination before.
const OLD: &[u8] = b"what was there before";

/// Python takes its time to start on a busy machine.
const PATIENT: &str = "limits.foreign_timeout = 300\nlimits.data_timeout = 300";

/// Who connects to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fxpd {
    Passive,
    Active,
}

/// An `fxpd` as it comes, without a rule, and a folder for the script.
struct Scene {
    authority: Authority,
    server: Server,
    folder: TempDir,
}

/// What became of a transfer.
#[derive(Debug)]
struct Outcome {
    /// The final reply of `fxpd`.
    code: u16,
    text: String,
    script: Ended,
    /// What is at the destination; `None` if there is nothing.
    copy: Option<Vec<u8>>,
}

impl Scene {
    fn start(top: &str) -> Scene {
        let authority = Authority::new().expect("an authority");
        let ip = port::loopback();
        let address = SocketAddr::new(ip, port::free(ip).expect("a port"));
        let settings = Settings { top, closed: true, ..Settings::default() };
        let server = Server::start(Host::Here, address, &authority, settings);
        Scene { authority, server, folder: TempDir::with_prefix("fxp-peer-").expect("a folder") }
    }

    fn session(&self) -> Session {
        Session::log_in(self.server.address, &self.authority)
    }

    /// The two files of one transfer in which `fxpd` is `part`: its own, and the script's.
    fn files(&self, part: Part, name: &str) -> (PathBuf, PathBuf) {
        let (ours, theirs) = (self.server.file(name), self.folder.path().join(name));
        let source = if part.role == Role::Source { &ours } else { &theirs };
        std::fs::write(source, content()).expect("a file");
        (ours, theirs)
    }

    /// One file, in which `fxpd` is `part`. The script has these further arguments.
    fn transfer(&self, part: Part, fxpd: Fxpd, name: &str, more: &[&str]) -> Outcome {
        let (ours, theirs) = self.files(part, name);
        let mut session = self.session();
        if part.role == Role::Destination && name.ends_with("replaced") {
            std::fs::write(&ours, OLD).expect("a file");
        }
        let script = match fxpd {
            Fxpd::Passive => {
                let address = listen(&mut session, part, KEY, self.server.address);
                // Before the transfer command, so that only the proof is left to wait for.
                Script::start(part.opposite(), reach(address), KEY, &theirs, more).connected()
            }
            Fxpd::Active => {
                let way = Way::Passive(port::loopback());
                let mut script = Script::start(part.opposite(), way, KEY, &theirs, more);
                aim(&mut session, part, KEY, script.address());
                script
            }
        };
        let (code, text) = run(&mut session, part, name);
        let script = script.end();
        let copy = std::fs::read(if part.role == Role::Source { theirs } else { ours }).ok();
        Outcome { code, text, script, copy }
    }
}

/// From an address that is not the client's.
fn reach(address: SocketAddr) -> Way {
    Way::Active(port::loopback(), address)
}

/// PEER KEY and a passive verb in one write. As TLS client `fxpd` is told by CPSV as destination and by SSCN as source,
/// so that both have been seen.
fn listen(session: &mut Session, part: Part, key: &str, server: SocketAddr) -> SocketAddr {
    let key = format!("PEER KEY {key}");
    let said = match part {
        Part { tls: Tls::Client, role: Role::Destination } => session.expect(&[&key, "CPSV"], &[200, 227]),
        Part { tls: Tls::Client, role: Role::Source } => {
            session.expect(&["SSCN ON", &key, "EPSV"], &[200, 200, 229])
        }
        Part { tls: Tls::Server, .. } => session.expect(&[&key, "PASV"], &[200, 227]),
    };
    let numbers: Vec<u16> =
        said[3..].split(|it: char| !it.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    let port = match numbers[..] {
        [.., high, low] if said.starts_with("227") => high * 256 + low,
        [.., port] => port,
        [] => panic!("{said}"),
    };
    SocketAddr::new(server.ip(), port)
}

/// PEER KEY and PORT in one write.
fn aim(session: &mut Session, part: Part, key: &str, target: SocketAddr) {
    let SocketAddr::V4(target) = target else { panic!("PORT knows IPv4 only") };
    let key = format!("PEER KEY {key}");
    let sscn = if part.tls == Tls::Client { "SSCN ON" } else { "SSCN OFF" };
    session.expect(&[sscn, &key, &port_command(target)], &[200, 200, 200]);
}

fn port_command(target: SocketAddrV4) -> String {
    let [a, b, c, d] = Ipv4Addr::octets(target.ip());
    let [high, low] = target.port().to_be_bytes();
    format!("PORT {a},{b},{c},{d},{high},{low}")
}

/// RETR or STOR to its final reply.
fn run(session: &mut Session, part: Part, name: &str) -> (u16, String) {
    let verb = if part.role == Role::Source { "RETR" } else { "STOR" };
    session.say(&[&format!("{verb} {name}")]);
    loop {
        match session.reply() {
            (100..200, _) => {}
            last => return last,
        }
    }
}

/// In all eight ways, without a rule: the proof is what allows it.
#[test]
fn fxpd_and_the_script_in_every_role() {
    let Some(()) = demand("PEER KEY with another implementation", script::available()) else { return };
    let scene = Scene::start(PATIENT);
    for part in Part::all() {
        for fxpd in [Fxpd::Passive, Fxpd::Active] {
            let name = format!("{part:?}-{fxpd:?}").replace(|it: char| !it.is_ascii_alphanumeric(), "");
            let outcome = scene.transfer(part, fxpd, &name, &["--once"]);
            let (code, script) = (outcome.code, &outcome.script);
            let log = || scene.server.log();
            assert!(
                code == 226 && script.code == 0,
                "{part:?} {fxpd:?}: {} {script:?}\n{}",
                outcome.text,
                log()
            );
            assert!(outcome.copy == Some(content()), "{part:?} {fxpd:?}: another file");
        }
    }
}

/// What somebody may try who is not what was introduced, or does not hold the key.
const FALSE: &[&[&str]] = &[
    &["--tag", "wrong"],
    &["--tag", "own-role"],
    &["--tag", "truncated"],
    &["--tag", "long"],
    &["--tag", "reflected"],
    &["--tag", "none"],
    // The right tag under no protocol, or another one, is no proof either.
    &["--alpn", "-"],
    &["--alpn", "ftp-data"],
];

/// Transfers at a time.
const AT_ONCE: usize = 4;

#[test]
fn a_false_proof_stores_nothing_and_reads_nothing() {
    let Some(()) = demand("false proofs of PEER KEY", script::available()) else { return };
    // The time that a failure takes, whatever its cause.
    let scene = Scene::start("limits.foreign_timeout = 3\nlimits.data_timeout = 3");
    let mut texts: Vec<String> = Vec::new();
    let cases: Vec<_> = (FALSE.iter().enumerate())
        .flat_map(|(number, more)| Part::all().enumerate().map(move |(at, part)| (number, at, more, part)))
        // Each in all four parts, half of them passive.
        .map(|(number, at, more, part)| {
            let fxpd = if (number + at / 2 + at) % 2 == 0 { Fxpd::Passive } else { Fxpd::Active };
            (format!("{number}-{at}-replaced"), *more, part, fxpd)
        })
        .collect();
    for some in cases.chunks(AT_ONCE) {
        let outcomes: Vec<Outcome> = thread::scope(|scope| {
            let transfer = |(name, more, part, fxpd): &(String, _, _, _)| {
                let (name, more, part, fxpd, scene) = (name.clone(), *more, *part, *fxpd, &scene);
                scope.spawn(move || scene.transfer(part, fxpd, &name, more))
            };
            let runs: Vec<_> = some.iter().map(transfer).collect();
            runs.into_iter().map(|run| run.join().expect("a transfer")).collect()
        });
        for ((_, more, part, fxpd), outcome) in some.iter().zip(outcomes) {
            let case = format!("{more:?} {part:?} {fxpd:?}: {outcome:?}");
            assert!(outcome.code == 425, "{case}\n{}", scene.server.log());
            assert!(outcome.script.code > 0 && !outcome.script.said.contains("done"), "{case}");
            let before = (part.role == Role::Destination).then(|| OLD.to_vec());
            assert!(outcome.copy == before, "{case}");
            let id = outcome.text.find("(id ").unwrap_or_else(|| panic!("{case}"));
            texts.push(outcome.text[..id].to_owned());
        }
    }
    // Whoever asks learns nothing from the words.
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
}

/// Whoever comes first to a passive port and cannot prove the key neither gets nor ends anything.
#[test]
fn the_right_one_is_served_behind_strangers() {
    let Some(()) = demand("strangers before PEER KEY", script::available()) else { return };
    let scene = Scene::start(PATIENT);
    for part in Part::all() {
        let name = format!("{part:?}").replace(|it: char| !it.is_ascii_alphanumeric(), "");
        let (ours, theirs) = scene.files(part, &name);
        let mut session = scene.session();
        let address = listen(&mut session, part, KEY, scene.server.address);
        let way = reach(address);
        let stolen = scene.folder.path().join("stolen");
        // It has something to give, in case it is asked.
        std::fs::write(&stolen, "forged").expect("a file");
        let final_reply = thread::scope(|scope| {
            let transfer = scope.spawn(|| run(&mut session, part, &name));
            for key in [ANOTHER_KEY, KEY] {
                let more: &[&str] = if key == KEY { &["--tag", "truncated"] } else { &[] };
                let stranger = Script::start(part.opposite(), way, key, &stolen, more).end();
                assert_ne!(stranger.code, 0, "{part:?}: {stranger:?}");
            }
            let right = Script::start(part.opposite(), way, KEY, &theirs, &[]).end();
            assert_eq!(right.code, 0, "{part:?}: {right:?}\n{}", scene.server.log());
            transfer.join().expect("a transfer")
        });
        assert_eq!(final_reply.0, 226, "{part:?}: {}", final_reply.1);
        assert_eq!(std::fs::read(&stolen).expect("a file"), b"forged", "{part:?}");
        let copy = if part.role == Role::Source { theirs } else { ours };
        assert!(std::fs::read(copy).expect("a copy") == content(), "{part:?}: another file");
    }
}

/// The key that counts is the one in force at the transfer command (the page, section 7).
#[test]
fn a_key_behind_the_passive_verb_counts() {
    let Some(()) = demand("a late PEER KEY", script::available()) else { return };
    let scene = Scene::start(PATIENT);
    let part = Part { role: Role::Destination, tls: Tls::Client };
    let (ours, theirs) = scene.files(part, "late");
    let mut session = scene.session();
    let address = listen(&mut session, part, ANOTHER_KEY, scene.server.address);
    session.expect(&[&format!("PEER KEY {KEY}")], &[200]);
    let script = Script::start(part.opposite(), reach(address), KEY, &theirs, &[]);
    let (code, text) = run(&mut session, part, "late");
    let script = script.end();
    assert!(code == 226 && script.code == 0, "{text} {script:?}\n{}", scene.server.log());
    assert!(std::fs::read(ours).expect("a copy") == content(), "another file");
}
