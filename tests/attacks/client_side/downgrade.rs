//! Downgrades: a hostile server, or whoever speaks in its place, agrees to protection and does not keep its word,
//! refuses it, or offers less the second time. That is an error, and no byte of a file or a listing in clear.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::Setup;
use fxp_testkit::dialect::products::{ORDINARY, SSCN};
use fxp_testkit::dialect::{Cpsv, Dialect, Features, Peer};
use fxp_testkit::port;

use super::hostile::{Dialogue, Hostile, Turn, features};
use super::starttls::identity;
use crate::fxp::{Fxp, Ran};

/// What the honest server has, and no clear data connection may carry.
const PRIVATE: &[u8] = b"for the two of us alone";

/// A hostile server and an honest one, both with TLS, and a client that trusts the certificates of both.
struct Stage {
    hostile: Hostile,
    honest: Peer,
    fxp: Fxp,
}

impl Stage {
    fn new(twist: impl Fn(&mut Dialogue, &str) -> Turn + Send + Sync + 'static) -> Stage {
        let ip = port::loopback();
        let identity = identity(ip);
        let files: [(&str, &[u8]); 2] = [("/file", b"content"), ("/second", b"more")];
        let hostile = Hostile::start(ip, Some(&identity), &files, twist);
        // It can play every role, so that whatever fails is the hostile server's fault.
        let dialect = Dialect {
            features: Features { in_tls: &["AUTH TLS", "PBSZ", "PROT", "SSCN", "CPSV"], ..ORDINARY.features },
            sscn: Some(SSCN),
            cpsv: Cpsv::OneListener,
            ..ORDINARY
        };
        let authority = Authority::new().expect("an authority");
        let honest = Peer::start(dialect, Setup::TLS, &authority).expect("a peer");
        std::fs::write(honest.root.join("file"), PRIVATE).expect("a file");
        let fxp = Fxp::new(&[]);
        fxp.trust(&hostile.address.to_string(), &identity.fingerprint());
        fxp.trust(&honest.address.to_string(), &honest.fingerprint);
        std::fs::write(fxp.home().join("private"), PRIVATE).expect("a file");
        Stage { hostile, honest, fxp }
    }

    /// Every way in which something could move: a listing, down, up, from server to server both ways, through
    /// this machine both ways.
    fn ways(&self) -> Vec<Vec<String>> {
        let local = |name: &str| self.fxp.home().join(name).to_str().expect("a path of UTF-8").to_owned();
        let (down, up) = (self.hostile.url("file"), self.hostile.url("stored"));
        let (from, to) = (self.honest.url("file"), self.honest.url("copied"));
        let cp = |from: &str, to: &str, more: &[&str]| {
            let fixed = ["cp", "--retries", "0"];
            fixed.iter().chain(more).chain(&[from, to]).map(|word| (*word).to_owned()).collect::<Vec<_>>()
        };
        vec![
            vec!["ls".to_owned(), self.hostile.url("")],
            vec!["cat".to_owned(), down.clone()],
            cp(&down, &local("got"), &[]),
            cp(&local("private"), &up, &[]),
            cp(&down, &to, &[]),
            cp(&from, &up, &[]),
            cp(&down, &to, &["--via", "relay"]),
            cp(&from, &up, &["--via", "relay"]),
            cp(&from, &up, &["--via", "auto"]),
        ]
    }

    /// The run failed; nothing private arrived in clear, and nothing stands under a final name.
    fn check_failed(&self, ran: &Ran) {
        assert!(![0, 101, -1].contains(&ran.code), "{}", self.explain(ran));
        assert!(!ran.stdout.contains("content"), "{}", self.explain(ran));
        for file in [self.fxp.home().join("got"), self.honest.root.join("copied")] {
            assert!(!file.exists(), "{}: {}", file.display(), self.explain(ran));
        }
        let data = self.hostile.heard().data;
        assert!(!data.windows(PRIVATE.len()).any(|window| window == PRIVATE), "{}", self.explain(ran));
        assert_eq!(self.honest.roles().in_clear, 0, "{}", self.explain(ran));
        for lowered in ["PROT C", "CCC"] {
            assert_eq!(self.hostile.heard().count(lowered), 0, "{}", self.explain(ran));
            assert_eq!(self.honest.heard(lowered), 0, "{}", self.explain(ran));
        }
    }

    fn explain(&self, ran: &Ran) -> String {
        format!("{ran:#?}\n{}{}", self.hostile.log(), self.honest.log())
    }
}

/// Nothing that needs a data connection is even asked for.
#[test]
fn prot_p_refused_moves_nothing() {
    let rows: [(&'static str, &'static str); 5] = [
        ("200 PBSZ=0", "534 By policy"),
        ("200 PBSZ=0", "536 Not that one"),
        ("200 PBSZ=0", "504 Only C"),
        ("503 What for?", "503 PBSZ first"),
        ("500 What?", "500 What?"),
    ];
    for (pbsz, prot) in rows {
        let stage = Stage::new(move |dialogue, line| match line.split(' ').next() {
            Some("PBSZ") => dialogue.answer(pbsz),
            Some("PROT") => dialogue.answer(prot),
            _ => Turn::Polite,
        });
        for secure in [None, Some("require")] {
            for way in stage.ways() {
                let more =
                    secure.filter(|_| way[0] == "cp").map_or(vec![], |secure| vec!["--secure", secure]);
                let ran = stage.fxp.run(way.iter().map(String::as_str).chain(more));
                stage.check_failed(&ran);
                assert_eq!(ran.code, 6, "{way:?}: {}", stage.explain(&ran));
                for verb in ["MLSD", "LIST", "RETR", "STOR", "PASV", "EPSV", "PORT", "CPSV"] {
                    assert_eq!(stage.hostile.heard().count(verb), 0, "{verb}: {}", stage.explain(&ran));
                }
                for verb in ["RETR", "STOR", "PORT", "CPSV"] {
                    assert_eq!(stage.honest.heard(verb), 0, "{verb}: {}", stage.explain(&ran));
                }
            }
        }
    }
}

/// So that the test above can fail: who allows it gets clear data, and is told so.
#[test]
fn prot_p_refused_is_borne_where_the_user_says_so() {
    let stage = Stage::new(|dialogue, line| match line {
        "PROT P" => dialogue.answer("534 By policy"),
        _ => Turn::Polite,
    });
    let to = stage.fxp.home().join("got");
    let arguments = ["cp", "--secure", "prefer", &stage.hostile.url("file"), to.to_str().expect("a path")];
    let ran = stage.fxp.run(arguments);
    assert_eq!(ran.code, 0, "{}", stage.explain(&ran));
    assert_eq!(std::fs::read(to).expect("a file"), b"content");
    assert!(ran.stderr.contains("in clear"), "{}", stage.explain(&ran));
}

/// 200 to PROT P, and then data in clear, with a 226 behind it.
#[test]
fn prot_p_agreed_and_data_in_clear_is_an_error() {
    let stage = Stage::new(|dialogue, line| match line.split(' ').next() {
        Some("PROT") => dialogue.answer("200 Protected"),
        Some("STOR") => {
            dialogue.say("150 Send it");
            dialogue.receive_for(Duration::from_millis(300));
            dialogue.answer("226 Done")
        }
        _ => Turn::Polite,
    });
    for way in stage.ways() {
        let ran = stage.fxp.run(&way);
        stage.check_failed(&ran);
    }
}

/// It takes the role of the TLS client (SSCN ON, CPSV), and then waits for a ClientHello as the other end
/// does: two servers with nobody between who speaks first. Or it speaks first, in clear.
#[test]
fn a_tls_client_that_plays_the_server_is_an_error() {
    for in_clear in [false, true] {
        let stage = Stage::new(move |dialogue, line| match line.split(' ').next() {
            Some("FEAT") => dialogue.answer(&features(true).replace("SSCN", "SSCN\r\n CPSV")),
            Some("CPSV") => {
                let port = dialogue.listen();
                let ip = dialogue.ip.to_string().replace('.', ",");
                dialogue.answer(&format!("227 Entering Passive Mode ({ip},{},{})", port >> 8, port & 255))
            }
            Some(verb @ ("STOR" | "RETR")) => {
                let sends = verb == "RETR";
                dialogue.say("150 Here it comes");
                if in_clear && sends {
                    dialogue.send_raw(b"content");
                } else {
                    dialogue.receive_for(Duration::from_millis(300));
                }
                dialogue.answer("226 Done")
            }
            _ => Turn::Polite,
        });
        let (from, to) = (stage.honest.url("file"), stage.hostile.url("stored"));
        let (back, copied) = (stage.hostile.url("file"), stage.honest.url("copied"));
        for (source, destination, end) in [(&from, &to, "destination"), (&back, &copied, "source")] {
            for method in ["sscn", "cpsv"] {
                let fixed = ["cp", "--retries", "0", "--tls-client", end, "--method", method];
                let ran = stage.fxp.run(fixed.iter().copied().chain([source.as_str(), destination]));
                stage.check_failed(&ran);
            }
            let ran = stage.fxp.run(["cp", "--retries", "0", source, destination]);
            stage.check_failed(&ran);
        }
    }
}

/// Every protected method is on offer and refused when it is asked for: the ladder ends there.
#[test]
fn a_ladder_of_refusals_does_not_end_in_clear() {
    let refused: [&'static str; 2] = ["500 What?", "534 By policy"];
    for words in refused {
        let stage = Stage::new(move |dialogue, line| match line.split(' ').next() {
            Some("FEAT") => dialogue.answer(&features(true).replace("SSCN", "SSCN\r\n CPSV")),
            Some("SSCN" | "CPSV" | "PORT" | "PASV") => dialogue.answer(words),
            _ => Turn::Polite,
        });
        for secure in [&[][..], &["--secure", "require"]] {
            let ends = [
                [stage.hostile.url("file"), stage.honest.url("copied")],
                [stage.honest.url("file"), stage.hostile.url("stored")],
            ];
            for [from, to] in &ends {
                let fixed = ["cp", "--retries", "0"];
                let ran = stage.fxp.run(fixed.iter().chain(secure).copied().chain([from.as_str(), to]));
                stage.check_failed(&ran);
                assert_eq!(
                    stage.honest.heard("STOR") + stage.honest.heard("RETR"),
                    0,
                    "{}",
                    stage.explain(&ran)
                );
            }
        }
    }
}

/// The first session is as it should be and breaks off in the middle; the next one offers less.
#[test]
fn a_server_that_offers_less_the_second_time_gets_nothing() {
    // What is refused then; and what FEAT no longer tells.
    for missing in ["AUTH", "PROT", "FEAT"] {
        let transfers = AtomicUsize::new(0);
        let stage = Stage::new(move |dialogue, line| {
            let again = dialogue.number > 1;
            match line.split(' ').next() {
                Some(verb) if again && verb == missing && missing != "FEAT" => {
                    dialogue.answer("502 Not any more")
                }
                Some("FEAT") if again => dialogue.answer("211-Features\r\n SIZE\r\n211 End"),
                Some("FEAT") => Turn::Polite,
                Some("RETR" | "STOR") if transfers.fetch_add(1, SeqCst) == 0 => Turn::HangUp,
                Some("PROT") if again && missing == "FEAT" => dialogue.answer("500 What?"),
                _ => Turn::Polite,
            }
        });
        let got = stage.fxp.home().join("got");
        let ran = stage.fxp.run([
            "cp",
            "--retries",
            "2",
            &stage.hostile.url("file"),
            &stage.hostile.url("second"),
            &format!("{}/", got.display()),
        ]);
        assert!([1, 6, 7].contains(&ran.code), "{missing}: {}", stage.explain(&ran));
        assert!(!got.join("file").exists() && !got.join("second").exists(), "{}", stage.explain(&ran));
        let heard = stage.hostile.heard();
        let later: Vec<_> = heard.commands.iter().filter(|(session, ..)| *session > 1).collect();
        assert!(!later.is_empty(), "it came back: {}", stage.explain(&ran));
        let moves =
            |line: &str| ["RETR", "STOR", "MLSD", "LIST", "PASV"].iter().any(|verb| line.starts_with(verb));
        assert!(!later.iter().any(|(_, _, line)| moves(line)), "{missing}: {}", stage.explain(&ran));
        assert!(
            later.iter().all(|(_, secure, line)| *secure || line.starts_with("AUTH")),
            "{}",
            stage.explain(&ran)
        );
    }
}
