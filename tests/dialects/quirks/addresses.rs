//! What servers say about where they listen, and what they make of where they shall connect.

use std::net::{IpAddr, Ipv6Addr};

use fxp_testkit::daemon::Setup;
use fxp_testkit::dialect::products::{DRFTPD, ORDINARY};
use fxp_testkit::dialect::{Announce, Denial, Dialect, Epsv, Features, PassiveReply, Port, Pret};

use super::{WITH_SSCN, failed, fallbacks, works};
use crate::stage::Stage;

const NOWHERE: [u8; 4] = [127, 255, 255, 254];

/// A private address behind a public control connection needs a network: `fxp-proto`'s rows have it.
#[test]
fn quirk_04_replies_to_pasv() {
    for passive in [
        PassiveReply::Commented("Using slave3 for upcoming transfer"),
        PassiveReply::Bare,
        PassiveReply::Equals,
        PassiveReply::Terse,
        PassiveReply::Short,
    ] {
        works(&Dialect { passive, ..ORDINARY }, Setup::PLAIN);
    }
    // Addresses that cannot be meant: unspecified, multicast, of another link.
    for wrong in [[0, 0, 0, 0], [224, 0, 0, 1], [169, 254, 1, 1]] {
        works(&Dialect { announce: Announce::Wrong(wrong), ..ORDINARY }, Setup::PLAIN);
    }
    // Another host than the control connection's, on purpose.
    for protection in [Setup::PLAIN, Setup::TLS] {
        works(&DRFTPD, protection);
        works(&Dialect { pret: Pret::Unknown, announce: Announce::Own, ..DRFTPD }, protection);
    }
}

#[test]
fn quirk_05_replies_to_epsv() {
    let list = &["SIZE", "MDTM", "REST STREAM", "EPSV", "EPRT"];
    let features = Features { list, ..WITH_SSCN.features };
    for epsv in [Epsv::Delimiter('!'), Epsv::Extended, Epsv::Cepr, Epsv::Refused("522 Not that protocol")] {
        works(&Dialect { epsv, features, ..WITH_SSCN }, Setup::TLS);
    }
    // Where the control connection is of IPv6 there is no PASV.
    let ip = Some(IpAddr::V6(Ipv6Addr::LOCALHOST));
    for words in [
        "425 You cannot use PASV on IPv6 connections. Use EPSV instead.",
        "500 You are connected using IPv6. PASV is only for IPv4. You have to use the EPSV command instead.",
    ] {
        for (epsv, extra) in [(Epsv::Delimiter('|'), "EPSV"), (Epsv::Extended, "EPSV"), (Epsv::Cepr, "CEPR")]
        {
            let list: &'static [&'static str] = match extra {
                "CEPR" => &["SIZE", "MDTM", "REST STREAM", "EPSV", "EPRT", "CEPR"],
                _ => list,
            };
            let features = Features { list, ..WITH_SSCN.features };
            let dialect = Dialect { ip, epsv, features, no_passive: Some(words), ..WITH_SSCN };
            let stage = Stage::new(Some(&dialect), Some(&dialect), Setup::TLS);
            stage.must_copy_at_once("direct", &[]);
            stage.must_copy("relayed", &["--via", "relay"]);
            let heard = stage.destination.peer().heard("CEPR ON");
            assert_eq!(heard > 0, extra == "CEPR", "{}", stage.destination.log());
        }
    }
}

/// Whatever the answer would be: behind it a session is no use for FXP, so it is never sent.
#[test]
fn quirk_06_epsv_all() {
    let features = Features { list: &["SIZE", "EPSV", "EPRT", "REST STREAM"], ..ORDINARY.features };
    let dialect = Dialect { epsv: Epsv::Delimiter('|'), epsv_all: "220 EPSV ALL mode", features, ..ORDINARY };
    let stage = Stage::new(Some(&dialect), Some(&dialect), Setup::PLAIN);
    stage.must_copy_at_once("direct", &[]);
    stage.must_copy("relayed", &["--via", "relay"]);
    for end in [&stage.source, &stage.destination] {
        assert!(end.peer().heard("EPSV") > 0, "{}", end.log());
        assert_eq!(end.peer().heard("EPSV ALL"), 0, "{}", end.log());
    }
}

#[test]
fn quirk_07_port_that_comments_connects_at_once_or_is_denied_later() {
    let commented = Port { comment: &["FXP transfer: from 127.0.0.2 to 127.0.0.3"], ..ORDINARY.port };
    let at_once = Port { connects_at_once: true, ..ORDINARY.port };
    for port in [commented, at_once] {
        works(&Dialect { port, ..ORDINARY }, Setup::PLAIN);
    }
    // Nobody listens there, which is said at PORT; the other end listens then.
    let source = Dialect { port: at_once, ..ORDINARY };
    let destination = Dialect { announce: Announce::Wrong(NOWHERE), ..ORDINARY };
    let stage = Stage::new(Some(&source), Some(&destination), Setup::PLAIN);
    let ran = stage.copy("copy", &[]);
    assert_eq!(ran.code, 0, "{}", stage.explain(&ran));
    stage.assert_copied("copy", &ran);
    assert!(fallbacks(&ran)[0].contains("425 Unable to open"), "{}", stage.explain(&ran));

    for words in [
        "426 You are not allowed to FXP from here.",
        "425 Unable to open data connection: FXP upload from not allowed.",
        "427 active FXP (ul) not allowed!",
        "501 FXP not allowed",
        "425 Security: Bad IP connecting.",
    ] {
        let late =
            Denial { at_port: None, sending: Some(words), receiving: Some(words), kills_listener: true };
        let dialect = Dialect { denial: late, ..ORDINARY };
        let (allowed, denied) = (Setup::PLAIN, Setup { fxp: false, ..Setup::PLAIN });
        let cases = [
            Stage::with((Some(&dialect), denied), (None, allowed)),
            Stage::with((None, allowed), (Some(&dialect), denied)),
        ];
        for stage in cases {
            let ran = stage.copy("copy", &[]);
            assert_eq!(ran.code, 8, "{words}: {}", stage.explain(&ran));
            failed(&stage, &ran, words);
            stage.assert_not_copied("copy", &ran);
            stage.must_copy("relayed", &["--via", "relay"]);
        }
    }
}

/// It connects to the client's own machine, where nobody listens.
#[test]
fn quirk_08_port_rewritten_to_the_clients_address() {
    let dialect = Dialect { port: Port { rewrites: true, ..ORDINARY.port }, ..ORDINARY };
    let stage = Stage::new(Some(&dialect), None, Setup::PLAIN);
    let ran = stage.copy("copy", &[]);
    assert_eq!(ran.code, 0, "{}", stage.explain(&ran));
    stage.assert_copied("copy", &ran);
    assert_eq!(fallbacks(&ran).len(), 1, "{}", stage.explain(&ran));
    for done in ran.events().iter().filter(|event| event["event"] == "done") {
        assert_eq!((&done["route"], &done["passive"]), (&"direct".into(), &"source".into()), "{done}");
    }
}

/// The relay that follows needs a listener of its own.
#[test]
fn quirk_19_a_stranger_kills_the_listener() {
    let dialect = Dialect {
        denial: Denial {
            at_port: None,
            sending: Some("425 Unable to build data connection: Permission denied"),
            receiving: Some("425 Unable to build data connection: Permission denied"),
            kills_listener: true,
        },
        ..WITH_SSCN
    };
    let denied = Setup { fxp: false, ..Setup::TLS };
    let stage = Stage::with((None, Setup::TLS), (Some(&dialect), denied));
    for done in stage.must_copy("copy", &["--via", "auto"]) {
        assert_eq!(done["route"], "relay", "{done}");
    }
}
