//! Listings, digests, features, logins, and the shape of replies.

use fxp_testkit::daemon::Setup;
use fxp_testkit::dialect::products::{EBFTPD, GLFTPD, IOFTPD, ORDINARY, RAIDENFTPD};
use fxp_testkit::dialect::{Dialect, Features, Login, Wire, Words, Xcrc};

use super::{WITH_SSCN, works};
use crate::stage::Stage;

#[test]
fn quirk_12_listings_and_sizes() {
    // 213, 212 and 211 are the codes of `STAT -l`. It is tried once at most by each session that looks around, and not
    // believed, since the listing does not show what begins with a dot.
    for dialect in [GLFTPD, EBFTPD, IOFTPD] {
        let stage = Stage::new(Some(&dialect), Some(&dialect), Setup::PLAIN);
        stage.must_copy_at_once("copy", &[]);
        assert!(stage.source.peer().heard("STAT") <= 3, "{}", stage.source.log());
    }
    // Rows that are no files.
    let listing_extra =
        "total 12\r\ndrwxrwxrwx 2 glftpd glftpd 4096 Nov 23 12:00 [###:::] - [ 45% COMPLETE ]\r\n";
    works(&Dialect { listing_extra, ..ORDINARY }, Setup::PLAIN);
    let listing_extra = "[ 2 of 2 files = 100% complete ]\r\n";
    let stage = Stage::new(Some(&Dialect { listing_extra, ..ORDINARY }), None, Setup::PLAIN);
    stage.must_copy_at_once("copy", &[]);
    let size_in_ascii = Some("550 SIZE not allowed in ASCII mode");
    works(&Dialect { size_in_ascii, ..ORDINARY }, Setup::PLAIN);
}

/// One that takes minutes is a transcript of `fxp-proto`: `client/digest_takes_time.txt`.
#[test]
fn quirk_13_digests_with_text_around() {
    let features = Features { list: &["SIZE", "MDTM", "REST STREAM", "XCRC"], ..ORDINARY.features };
    for reply in
        ["213 {}", "250 {}", "251 one {}", "252 CRC32 of the file is {} today", "250 XCRC Successful. {}"]
    {
        for trimmed in [true, false] {
            let dialect = Dialect { xcrc: Some(Xcrc { reply, trimmed }), features, ..ORDINARY };
            let stage = Stage::new(Some(&dialect), Some(&dialect), Setup::PLAIN);
            for done in stage.must_copy_at_once("copy", &[]) {
                assert_eq!(done["verified"], "CRC32", "{reply}: {done}");
            }
        }
    }
}

#[test]
fn quirk_14_features_in_many_forms() {
    let features = WITH_SSCN.features;
    for features in [
        Features { before: "211-", ..features },
        Features { before: "", ..features },
        Features { early: Some("530 Please log in first"), ..features },
        Features { early: Some("500 FEAT not understood"), ..features },
        Features { list: RAIDENFTPD.features.list, ..features },
    ] {
        let dialect = Dialect { features, xcrc: RAIDENFTPD.xcrc, ..WITH_SSCN };
        works(&dialect, Setup::TLS);
        // It is seen that it can play TLS client.
        let stage = Stage::new(Some(&dialect), Some(&ORDINARY), Setup::TLS);
        stage.must_copy_at_once("copy", &[]);
    }
    // Nothing is told, and fxpd does what is needed.
    works(&Dialect { features: Features { unknown: true, ..features }, ..ORDINARY }, Setup::TLS);
}

#[test]
fn quirk_16_logins() {
    for login in [Login::NameAlone, Login::Verbose] {
        works(&Dialect { login, ..ORDINARY }, Setup::PLAIN);
    }
    for login in [
        Login::Full("530 Sorry, this site is full"),
        Login::Full("550 Too many simultaneous logins"),
        Login::Kill("530 Your account is restricted to 1 simultaneous login; USER !name kills the other one"),
        Login::TlsOnly("530 TLS is required to log in"),
    ] {
        let (Login::Full(words) | Login::Kill(words) | Login::TlsOnly(words)) = login else { unreachable!() };
        let dialect = Dialect { login, ..ORDINARY };
        let stage = Stage::new(Some(&dialect), None, Setup::PLAIN);
        let ran = stage.copy("copy", &[]);
        assert_eq!(ran.code, 5, "{}", stage.explain(&ran));
        assert!(ran.stdout.contains(words), "{}", stage.explain(&ran));
        // Nobody's session is killed unasked.
        assert_eq!(stage.source.peer().heard("USER !"), 0, "{}", stage.source.log());
    }
    works(&Dialect { login: Login::TlsOnly("530 TLS is required to log in"), ..ORDINARY }, Setup::TLS);
}

#[test]
fn quirk_21_words_about_files() {
    for (made, exists, entered, deleted) in [
        ("257 {} created", "550 Already exists", "250 OK", "250 OK"),
        ("250 Directory created", "521 Directory already exists", "200 OK", "200 OK"),
        ("257 {}: done", "257 {} is there already", "250-You are in\r\n250 a directory", "226 Gone"),
    ] {
        for quotes in [true, false] {
            let words = Words { made, exists, entered, deleted };
            let dialect = Dialect { words, quotes, ..ORDINARY };
            let stage = Stage::new(Some(&dialect), Some(&dialect), Setup::PLAIN);
            stage.must_copy("copy", &[]);
            // The directory is there; what is in it is not copied again.
            let ran = stage.copy("copy", &[]);
            assert_eq!(ran.code, 0, "{}", stage.explain(&ran));
            stage.assert_copied("copy", &ran);
            let url = stage.destination.url("copy/one");
            let ran = stage.fxp.run(["--json", "rm", "--tls", "off", &url]);
            assert_eq!(ran.code, 0, "{}", stage.explain(&ran));
            assert!(!stage.destination.root().join("copy/one").exists(), "{}", stage.explain(&ran));
        }
    }
}

/// A reply that comes late, behind an ABOR, is in quirk 9.
#[test]
fn quirk_22_replies_in_pieces_and_with_strange_bytes() {
    for wire in [Wire::LineFeeds, Wire::Dripping, Wire::Telnet, Wire::Latin1, Wire::Long] {
        works(&Dialect { wire, ..WITH_SSCN }, Setup::TLS);
    }
}
