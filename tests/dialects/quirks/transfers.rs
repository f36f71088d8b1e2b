//! How transfers begin, end, break off, go on, and are rationed.

use fxp_testkit::daemon::Setup;
use fxp_testkit::dialect::products::{DRFTPD, ORDINARY};
use fxp_testkit::dialect::{Begin, Dialect, Rest};

use super::{WITH_SSCN, failed, works};
use crate::stage::Stage;

#[test]
fn quirk_09_beginnings_and_ends() {
    for begin in [
        Begin::Before("150 About to open data connection"),
        Begin::Connected("150 Accepted data connection"),
        Begin::Secured("150 Data connection is secure"),
        Begin::Before("125 Transfer starting"),
    ] {
        works(&Dialect { begin, done: "250 Transfer finished", ..WITH_SSCN }, Setup::TLS);
    }
    // An empty file is over before it begins.
    let begin = Begin::Secured("150 Data connection is secure");
    let dialect = Dialect { begin, empty_at_once: true, ..ORDINARY };
    let stage = Stage::new(Some(&dialect), None, Setup::PLAIN);
    std::fs::write(stage.source.root().join("empty"), "").expect("a file");
    let (from, to) = (stage.source.url("empty"), stage.destination.url("empty"));
    let ran = stage.fxp.run(["--json", "cp", "--tls", "off", &from, &to]);
    assert_eq!(ran.code, 0, "{}", stage.explain(&ran));
    let copied = std::fs::metadata(stage.destination.root().join("empty")).expect("a file");
    assert_eq!(copied.len(), 0);
    // The source refuses the second file when the destination waits for it already: what an ABOR
    // brings is counted, and the session goes on.
    let source = Dialect { ration: Some((1, "550 and two: Permission denied")), ..ORDINARY };
    for (aborted, sessions) in [
        (&["226 Transfer complete", "226 Abort successful"][..], 1),
        (&["426 Transfer aborted", "226 Abort successful"], 1),
        (&["226 Transfer aborted"], 1),
        // Nobody knows what has become of the transfer, so that this session is given up.
        (&["225 No transfer to abort"], 2),
    ] {
        let destination = Dialect { aborted, ..ORDINARY };
        let stage = Stage::new(Some(&source), Some(&destination), Setup::PLAIN);
        // Each lane has sessions of its own, with rations of their own; and what is stored in place is tried only once.
        let ran = stage.copy("copy", &["--lanes", "1", "--inplace"]);
        failed(&stage, &ran, "550 and two");
        let events = ran.events();
        let count = |kind: &str| events.iter().filter(|event| event["event"] == kind).count();
        assert_eq!((count("done"), count("failed")), (1, 1), "{}", stage.explain(&ran));
        let peer = stage.destination.peer();
        assert_eq!((peer.heard("ABOR"), peer.heard("USER")), (1, sessions), "{}", peer.log());
    }
}

/// Good ones are in quirk 9. Whatever else a server says, the copy has failed, in its words.
#[test]
fn quirk_10_final_codes() {
    let codes = [425, 426, 427, 435, 450, 451, 501, 521, 522, 530, 550, 551, 552, 553];
    for (number, code) in codes.into_iter().enumerate() {
        let words: &'static str = format!("{code} That did not go well").leak();
        let dialect = Dialect { ration: Some((0, words)), ..ORDINARY };
        let cast = if number % 2 == 0 { (Some(&dialect), None) } else { (None, Some(&dialect)) };
        let stage = Stage::new(cast.0, cast.1, Setup::PLAIN);
        let ran = stage.copy("copy", &[]);
        failed(&stage, &ran, words);
        stage.assert_not_copied("copy", &ran);
        assert!(!ran.events().iter().any(|event| event["event"] == "done"), "{}", stage.explain(&ran));
    }
}

/// The first file breaks off in the middle; the second attempt goes on there if it can.
#[test]
fn quirk_11_rest_in_many_forms() {
    let breaks_first = Some("426 Connection reset by peer");
    let rest = ORDINARY.rest;
    let no_stor = Some("554 REST is not supported for STOR");
    // The dialect as source, as destination, and whether the file is continued.
    let rows: [(Dialect, Option<Dialect>, bool); 7] = [
        (ORDINARY, None, true),
        (Dialect { rest: Rest { code: 200, ..rest }, ..ORDINARY }, None, true),
        (Dialect { rest: Rest { sticky: true, ..rest }, ..ORDINARY }, None, true),
        // As one of 32 bits beyond 4 GiB.
        (Dialect { rest: Rest { max: 1000, ..rest }, ..ORDINARY }, None, false),
        (DRFTPD, None, true),
        (ORDINARY, Some(Dialect { rest: Rest { no_stor, ..rest }, ..ORDINARY }), false),
        // It overwrites nothing; what is half there must go first.
        (ORDINARY, Some(DRFTPD), false),
    ];
    for (source, destination, continued) in rows {
        let source = Dialect { breaks_first, ..source };
        let stage = Stage::new(Some(&source), destination.as_ref(), Setup::PLAIN);
        let done = stage.must_copy("copy", &["--retries", "2"]);
        let resumed = done.iter().any(|done| done["resumed"].as_u64() > Some(0));
        assert_eq!(resumed, continued, "{}: {done:?}\n{}", stage.names(), stage.source.log());
        for end in [&stage.source, &stage.destination] {
            // It is missing on some servers, and nobody needs it.
            assert!(!end.log().contains("< APPE"), "{}", end.log());
        }
    }
}

#[test]
fn quirk_23_noop_refused_in_a_transfer() {
    let dialect = Dialect { noop_in_transfer: "503 Unsupported command during transfer", ..WITH_SSCN };
    works(&dialect, Setup::TLS);
    let stage = Stage::new(Some(&dialect), Some(&dialect), Setup::TLS);
    stage.must_copy_at_once("copy", &[]);
    for end in [&stage.source, &stage.destination] {
        // Two, between transfers, may find out what the server bears.
        let (sessions, asked) = (end.peer().heard("USER"), end.peer().heard("NOOP"));
        assert!(asked <= 2 * sessions, "{}", end.log());
    }
}

#[test]
fn quirk_24_so_many_transfers_and_no_more() {
    for words in [
        "550 Maximum simultaneous downloads reached",
        "553 You have reached your maximum number of simultaneous uploads",
    ] {
        let dialect = Dialect { ration: Some((1, words)), ..ORDINARY };
        let stage = Stage::new(Some(&dialect), None, Setup::PLAIN);
        // Each lane has sessions of its own, with rations of their own; and what is stored in place is tried only once.
        let ran = stage.copy("copy", &["--lanes", "1", "--inplace"]);
        failed(&stage, &ran, words);
        let done = ran.events().iter().filter(|event| event["event"] == "done").count();
        assert_eq!(done, 1, "{}", stage.explain(&ran));
    }
}

#[test]
fn quirk_25_too_slow_and_no_credits() {
    let slow = Dialect { breaks_first: Some("426 You are transferring too slow"), ..DRFTPD };
    let stage = Stage::new(Some(&slow), None, Setup::PLAIN);
    let ran = stage.copy("once", &[]);
    failed(&stage, &ran, "426 You are transferring too slow");
    stage.must_copy("again", &["--retries", "1"]);

    let poor = Dialect { ration: Some((0, "550 Not enough credits")), ..DRFTPD };
    let stage = Stage::new(Some(&poor), None, Setup::PLAIN);
    let ran = stage.copy("copy", &[]);
    let failed = failed(&stage, &ran, "550 Not enough credits");
    let remedy = failed["remedy"].as_str().unwrap_or_default();
    assert!(remedy.contains("upload to it first"), "{}", stage.explain(&ran));
}
