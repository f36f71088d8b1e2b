//! A man in the middle between the two servers. `fxp` runs on a third host, whose control connections to both are
//! real and verified; the data connection goes through the attacker.

mod attacker;
mod ground;
mod rows;

use std::ops::RangeInclusive;
use std::path::PathBuf;

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, Product, Setup, USER};
use fxp_testkit::demand::demand;

use attacker::{Attacker, Does};
use ground::{A, B, Ground, Place, control};

use crate::fxp::{Fxp, Ran};
use crate::server::{Host, Server, Settings};

/// What is to be copied; all of it is letters.
const SECRET: &[u8] = b"the contents that nobody between the servers should see or change";

/// One server of a pair.
enum One {
    Fxpd(Box<Server>),
    Daemon(Box<Daemon>),
}

/// Who is at `a` and at `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `fxpd` as it comes.
    Fxpd,
    /// `fxpd` whose operator has allowed any peer by a rule.
    FxpdWithRule,
    Proftpd,
}

impl One {
    fn start(kind: Kind, ground: &Ground, place: Place, ip: std::net::IpAddr) -> One {
        let authority = Authority::new().expect("an authority");
        if kind == Kind::Proftpd {
            let namespace = ground.namespace(place);
            let (place, product) = (control(ip), Product::Proftpd);
            let daemon =
                Daemon::start_in_with(&namespace, place, product, Setup::TLS, &authority, UNVERIFIED);
            return One::Daemon(Box::new(daemon.expect("proftpd starts")));
        }
        let rule = match kind {
            Kind::FxpdWithRule => "[[fxp.rule]]\naction = \"allow\"\npeer = \"10.79.0.0/24\"\n",
            _ => "",
        };
        let top = format!(
            "passive_ports = \"{}-{}\"\n[limits]\ndata_timeout = 2\nforeign_timeout = 2\n{rule}",
            FXPD_PORTS.start(),
            FXPD_PORTS.end()
        );
        let settings = Settings { closed: true, top: &top, ..Settings::default() };
        let start = || Server::start(Host::Here, control(ip), &authority, settings);
        One::Fxpd(Box::new(ground.at(place, start)))
    }

    fn ports(&self) -> RangeInclusive<u16> {
        match self {
            One::Fxpd(_) => FXPD_PORTS,
            One::Daemon(daemon) => daemon.passive.0..=daemon.passive.1,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        match self {
            One::Fxpd(server) => server.file(name),
            One::Daemon(daemon) => daemon.root.join(name),
        }
    }

    fn fingerprint(&self) -> &str {
        match self {
            One::Fxpd(server) => &server.fingerprint,
            One::Daemon(daemon) => &daemon.fingerprint,
        }
    }

    fn adopt(&self) {
        if let One::Daemon(daemon) = self {
            daemon.adopt_files().expect("its files");
        }
    }

    fn log(&self) -> String {
        match self {
            One::Fxpd(server) => server.log(),
            One::Daemon(daemon) => daemon.log(),
        }
    }
}

/// Both servers, the attacker between them, and a client.
struct Scene {
    ground: Ground,
    source: One,
    destination: One,
    attacker: Attacker,
    fxp: Fxp,
}

/// What came of one copy.
struct Outcome {
    ran: Ran,
    /// What the destination has under the final name.
    stored: Option<Vec<u8>>,
}

impl Scene {
    /// `None` (said loudly) where something is missing.
    fn new(source: Kind, destination: Kind, does: Does) -> Option<Scene> {
        let test = "a man in the middle";
        if [source, destination].contains(&Kind::Proftpd) {
            demand(test, Product::Proftpd.available())?;
        }
        let ground = demand(test, Ground::new())?;
        let source = One::start(source, &ground, Place::A, A);
        let destination = One::start(destination, &ground, Place::B, B);
        let mut ports: Vec<u16> = source.ports().chain(destination.ports()).collect();
        ports.sort_unstable();
        ports.dedup();
        let attacker = Attacker::between(&ground, &ports, does);
        std::fs::write(source.file("secret"), SECRET).expect("a file");
        source.adopt();
        let fxp = Fxp::new(&[]);
        fxp.trust(&control(A).to_string(), source.fingerprint());
        fxp.trust(&control(B).to_string(), destination.fingerprint());
        Some(Scene { ground, source, destination, attacker, fxp })
    }

    /// Copies the secret, with more flags.
    fn copy(&self, flags: &[&str]) -> Outcome {
        let from = format!("ftp://{USER}@{}/secret", control(A));
        let to = format!("ftp://{USER}@{}/copied", control(B));
        let arguments: Vec<&str> = ["cp", "--tls", "require"]
            .into_iter()
            .chain(flags.iter().copied())
            .chain([&*from, &*to])
            .collect();
        let ran = self.ground.at(Place::Client, || self.fxp.run(&arguments));
        Outcome { ran, stored: std::fs::read(self.destination.file("copied")).ok() }
    }

    fn explain(&self, outcome: &Outcome) -> String {
        format!(
            "{}\n{}\nattacker: {} connections, {} bytes; stored {:?}\nsource: {}\ndestination: {}",
            outcome.ran.stdout,
            outcome.ran.stderr,
            self.attacker.connections(),
            self.attacker.loot(),
            outcome.stored.as_ref().map(|bytes| bytes.escape_ascii().to_string()),
            self.source.log(),
            self.destination.log()
        )
    }
}

/// Where the passive ports of every `fxpd` here are.
const FXPD_PORTS: RangeInclusive<u16> = 50_000..=50_063;

/// As ProFTPD has to be set up for FXP where certificates are self-signed: else it demands, as TLS client, one that an
/// authority of its own vouches for.
const UNVERIFIED: &[&str] = &["TLSVerifyServer off"];

fn altered(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| if byte.is_ascii_alphabetic() { byte ^ 0x20 } else { *byte }).collect()
}

/// SSCN hides the file from whoever listens, and from nobody else: the attacker reads it, changes it, and both
/// servers say 226.
#[test]
fn between_two_servers_of_today_he_reads_and_alters() {
    let Some(scene) = Scene::new(Kind::Proftpd, Kind::Proftpd, Does::Alter) else { return };
    let outcome = scene.copy(&["--json", "--verify", "size"]);
    assert_eq!(outcome.ran.code, 0, "{}", scene.explain(&outcome));
    assert!(scene.attacker.has_read(SECRET), "{}", scene.explain(&outcome));
    assert_eq!(outcome.stored.as_deref(), Some(&*altered(SECRET)), "{}", scene.explain(&outcome));
    // fxp does not say more than is true.
    let done = outcome.ran.events().into_iter().find(|event| event["event"] == "done").expect("a file");
    assert_eq!(done["assurance"], "encrypted", "{done}");
}

#[test]
fn with_a_key_he_neither_reads_nor_alters() {
    for does in [Does::Read, Does::Alter] {
        let Some(scene) = Scene::new(Kind::Fxpd, Kind::Fxpd, does) else { return };
        let outcome = scene.copy(&[]);
        assert_ne!(outcome.ran.code, 0, "{}", scene.explain(&outcome));
        assert!(scene.attacker.connections() > 0, "he was not in between: {}", scene.explain(&outcome));
        assert!(!scene.attacker.has_read(&SECRET[..8]), "{}", scene.explain(&outcome));
        assert_eq!(outcome.stored, None, "{}", scene.explain(&outcome));
        // It says what happened, and what may be the cause.
        let said = format!("{}{}", outcome.ran.stdout, outcome.ran.stderr);
        assert!(said.contains("(id "), "{}", scene.explain(&outcome));
        assert!(!said.contains("PEER KEY A") && !said.contains("encrypted:"), "{}", scene.explain(&outcome));
    }
}

/// He hopes that the next attempt is made without proof: it is not, although the servers would take it.
#[test]
fn whoever_breaks_the_proof_does_not_get_an_unproven_attempt() {
    let Some(scene) = Scene::new(Kind::FxpdWithRule, Kind::FxpdWithRule, Does::Read) else { return };
    let outcome = scene.copy(&[]);
    assert_ne!(outcome.ran.code, 0, "{}", scene.explain(&outcome));
    assert!(!scene.attacker.has_read(&SECRET[..8]), "{}", scene.explain(&outcome));
    assert_eq!(outcome.stored, None, "{}", scene.explain(&outcome));
    // Only the user can say that less will do; then he reads it, and the report says what that was.
    let outcome = scene.copy(&["--json", "--assurance", "encrypted"]);
    assert_eq!(outcome.ran.code, 0, "{}", scene.explain(&outcome));
    assert!(scene.attacker.has_read(SECRET), "{}", scene.explain(&outcome));
    let done = outcome.ran.events().into_iter().find(|event| event["event"] == "done").expect("a file");
    assert_eq!(done["assurance"], "encrypted", "{done}");
}

/// One who only passes bytes on is a router: the copy works, and he sees ciphers.
#[test]
fn whoever_only_passes_bytes_on_sees_ciphers() {
    for (source, destination, assurance) in [
        (Kind::Fxpd, Kind::Fxpd, "mutual"),
        (Kind::Fxpd, Kind::Proftpd, "confidential"),
        (Kind::Proftpd, Kind::Fxpd, "authentic"),
    ] {
        let Some(scene) = Scene::new(source, destination, Does::Pass) else { return };
        let outcome = scene.copy(&["--json"]);
        assert_eq!(outcome.ran.code, 0, "{}", scene.explain(&outcome));
        assert_eq!(outcome.stored.as_deref(), Some(SECRET), "{}", scene.explain(&outcome));
        let done = outcome.ran.events().into_iter().find(|event| event["event"] == "done").expect("a file");
        assert_eq!(done["assurance"], assurance, "{done}");
        assert!(scene.attacker.loot() > 0 && !scene.attacker.has_read(&SECRET[..8]), "{done}");
    }
}

/// Ours sends, and shows the file only to the certificate that `fxp` saw: he cannot read it. What he feeds to the
/// other server in its place is noticed, because ours has not sent.
#[test]
fn a_pinned_destination_of_today_keeps_the_file_from_him() {
    for does in [Does::Read, Does::Alter] {
        let Some(scene) = Scene::new(Kind::Fxpd, Kind::Proftpd, does) else { return };
        let outcome = scene.copy(&[]);
        assert_ne!(outcome.ran.code, 0, "{}", scene.explain(&outcome));
        assert!(scene.attacker.connections() > 0, "{}", scene.explain(&outcome));
        assert!(!scene.attacker.has_read(&SECRET[..8]), "{}", scene.explain(&outcome));
        assert_eq!(outcome.stored, None, "{}", scene.explain(&outcome));
    }
}

/// The limit that the specification states: a source of today authenticates nobody, and gives him the file. Ours
/// stores nothing that is not the source's, and the copy fails.
#[test]
fn a_pinned_source_of_today_is_read_but_nothing_false_is_stored() {
    for does in [Does::Read, Does::Alter] {
        let Some(scene) = Scene::new(Kind::Proftpd, Kind::Fxpd, does) else { return };
        let outcome = scene.copy(&[]);
        assert_ne!(outcome.ran.code, 0, "{}", scene.explain(&outcome));
        assert!(scene.attacker.has_read(SECRET), "{}", scene.explain(&outcome));
        assert_eq!(outcome.stored, None, "{}", scene.explain(&outcome));
    }
}
