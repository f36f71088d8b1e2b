//! PEER KEY between `fxpd` and an end that somebody else has written: `tests/peer/peer_side.py`, made from
//! `docs/spec/peer.md` alone, plays the other server of a copy, in every role; and plays it falsely.

mod fxpd;
mod script;
mod session;

use std::path::{Path, PathBuf};

use fxp_testkit::demand::demand;
use fxp_testkit::port;
use tempfile::TempDir;

use script::{Part, Role, Script, Way};

/// The key of the page's test vector; no file of a test is worth another one.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// Long enough for many TLS records, and no two parts of it alike.
fn content() -> Vec<u8> {
    (0..1_000_000u32)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes())
        .take(3_000_001)
        .collect()
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/spec/peer.md")
}

#[test]
fn the_test_vector_is_what_python_computes() {
    let Some(()) = demand("the vector of PEER", script::available()) else { return };
    let ended = script::vector(&page());
    assert!(ended.code == 0 && ended.said.contains("10 values"), "{ended:?}");
    // It does compare: any other digit is noticed.
    let folder = TempDir::with_prefix("fxp-peer-").expect("a folder");
    let changed = folder.path().join("peer.md");
    let text = std::fs::read_to_string(page()).expect("the page");
    for (value, instead) in
        [("b9808c6c", "b9808c6d"), ("9d37d5c4e349", "9d37d5c4e348"), ("Hh8\nexp", "Hh9\nexp")]
    {
        let other = text.replace(value, instead);
        assert!(other != text, "the page has no {value}");
        std::fs::write(&changed, other).expect("a page");
        assert_ne!(script::vector(&changed).code, 0, "{value}");
    }
}

/// Two ends of the same make agree with each other, and find out each other's tricks.
#[test]
fn the_script_and_itself() {
    let Some(()) = demand("the script of PEER", script::available()) else { return };
    let folder = TempDir::with_prefix("fxp-peer-").expect("a folder");
    let (source, copy) = (folder.path().join("source"), folder.path().join("copy"));
    std::fs::write(&source, content()).expect("a file");
    let meet = |passive: Part, tag: &str| {
        let _ = std::fs::remove_file(&copy);
        let file = |part: Part| if part.role == Role::Source { &source } else { &copy };
        let mut listening =
            Script::start(passive, Way::Passive(port::loopback()), KEY, file(passive), &["--once"]);
        let address = listening.address();
        let active = passive.opposite();
        let connecting =
            Script::start(active, Way::Active(port::loopback(), address), KEY, file(active), &["--tag", tag]);
        (listening.end(), connecting.end())
    };
    for passive in Part::all() {
        let (one, other) = meet(passive, "right");
        assert!(one.code == 0 && other.code == 0, "{passive:?}: {one:?} {other:?}");
        assert!(std::fs::read(&copy).expect("a copy") == content(), "{passive:?}: another file");
        for tag in ["wrong", "reflected"] {
            let (one, other) = meet(passive, tag);
            assert!(one.code == 1 && other.code != 0, "{tag} {passive:?}: {one:?} {other:?}");
            assert!(!copy.exists(), "{tag} {passive:?}: something was stored");
        }
    }
}
