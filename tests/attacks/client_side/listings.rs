//! Hostile listings (CVE-2014-4877 of wget and its kin): names that are paths, links that are directories a moment
//! later, line ends inside names. Nothing is written outside of the target, and nothing is asked for outside of the
//! source.

use std::collections::BTreeSet;
use std::path::Path;

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::Setup;
use fxp_testkit::dialect::Peer;
use fxp_testkit::dialect::products::ORDINARY;
use fxp_testkit::{lftp, port};
use tempfile::TempDir;

use super::hostile::{Dialogue, Hostile, Turn};
use crate::fxp::{Fxp, Ran};

/// What each file of the hostile server holds.
const CONTENT: &[u8] = b"evil";

/// A server that lists `/tree` as it likes, and a folder with the target inside and a place outside.
struct Stage {
    hostile: Hostile,
    folder: TempDir,
    fxp: Fxp,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Mlsd,
    List,
}

impl Stage {
    fn new(form: Form) -> Stage {
        let folder = TempDir::with_prefix("fxp-hostile-listing-").expect("a folder");
        std::fs::create_dir(folder.path().join("target")).expect("a folder");
        std::fs::create_dir(folder.path().join("outside")).expect("a folder");
        let outside = folder.path().join("outside").display().to_string();
        let twist = move |dialogue: &mut Dialogue, line: &str| twist(dialogue, line, form, &outside);
        let files: [(&str, &[u8]); 1] = [("/tree/good", CONTENT)];
        Stage { hostile: Hostile::start(port::loopback(), None, &files, twist), folder, fxp: Fxp::new(&[]) }
    }

    fn target(&self) -> String {
        format!("{}/target/", self.folder.path().display())
    }

    /// Whatever was asked for lies beneath `/tree`, without a step out of it, and no command was smuggled in.
    fn check_asked(&self, ran: &Ran) {
        for (_, _, line) in self.hostile.heard().commands {
            let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
            assert!(!["DELE", "RMD", "MKD", "STOR", "RNFR"].contains(&verb), "{line:?}: {ran:#?}");
            if ["RETR", "MLSD", "MLST", "SIZE", "MDTM", "CWD"].contains(&verb) {
                let inside = argument == "/" || argument == "/tree" || argument.starts_with("/tree/");
                let steps = argument.split('/').any(|name| name == "..");
                assert!(inside && !steps, "{line:?}: {ran:#?}");
            }
        }
    }
}

/// The lines of the listing of `/tree`: kind, name. A link's name holds where it leads.
fn rows(outside: &str) -> Vec<(char, String)> {
    [
        ('-', "good".to_owned()),
        ('-', "../escaped".to_owned()),
        ('-', "../outside/escaped".to_owned()),
        ('-', format!("{outside}/escaped")),
        ('-', "sub/../../outside/escaped".to_owned()),
        ('-', "sub/escaped".to_owned()),
        ('-', "./escaped".to_owned()),
        ('-', "..".to_owned()),
        ('-', ".".to_owned()),
        ('-', "/".to_owned()),
        ('d', "..".to_owned()),
        ('d', "../outside".to_owned()),
        ('d', outside.to_owned()),
        ('l', format!("link -> {outside}")),
        ('d', "link".to_owned()),
        ('-', "link/escaped".to_owned()),
        ('-', "nul\0escaped".to_owned()),
        ('-', "return\rescaped".to_owned()),
        ('-', "line\r\nDELE /tree/good".to_owned()),
    ]
    .into()
}

fn line(form: Form, kind: char, name: &str) -> String {
    match (form, kind, name.split_once(" -> ")) {
        (Form::List, _, _) => {
            format!("{kind}rwxr-xr-x 1 owner group {} Jan  1  2020 {name}\r\n", CONTENT.len())
        }
        (Form::Mlsd, 'l', Some((name, to))) => format!("type=OS.unix=slink:{to}; {name}\r\n"),
        (Form::Mlsd, 'd', _) => format!("type=dir; {name}\r\n"),
        (Form::Mlsd, ..) => format!("type=file;size={}; {name}\r\n", CONTENT.len()),
    }
}

fn twist(dialogue: &mut Dialogue, command: &str, form: Form, outside: &str) -> Turn {
    let (verb, argument) = command.split_once(' ').unwrap_or((command, ""));
    match verb {
        "FEAT" if form == Form::List => dialogue.answer("211-Features\r\n SIZE\r\n211 End"),
        "CWD" => {
            // lftp goes there step by step.
            let there = format!("/{}", argument.trim_matches('/'));
            let known = there == "/" || there == "/tree" || there.ends_with("/link");
            dialogue.inside.clone_from(&there);
            dialogue.answer(if known { "250 You are in" } else { "550 No such directory" })
        }
        "MLSD" | "LIST" => {
            let at = if verb == "MLSD" { argument.to_owned() } else { dialogue.inside.clone() };
            let listing: String = match at.as_str() {
                "/tree" => rows(outside).iter().map(|(kind, name)| line(form, *kind, name)).collect(),
                // What the link has become meanwhile.
                _ if at.ends_with("/link") => line(form, '-', "f"),
                _ => line(form, 'd', "tree"),
            };
            dialogue.say("150 Here it comes");
            dialogue.send(listing.as_bytes());
            dialogue.answer("226 Done")
        }
        // Whatever is asked for is there.
        "SIZE" if !argument.ends_with("tree") && !argument.ends_with("link") => {
            dialogue.answer(&format!("213 {}", CONTENT.len()))
        }
        "RETR" => {
            dialogue.say("150 Here it comes");
            dialogue.send(CONTENT);
            dialogue.answer("226 Done")
        }
        _ => Turn::Polite,
    }
}

/// Every file beneath `folder`, by its path from there.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).expect("a folder").flatten() {
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() {
                waiting.push(entry.path());
            } else {
                let path = entry.path();
                let name = path.strip_prefix(folder).expect("beneath").display().to_string();
                found.insert(if kind.is_symlink() { format!("{name} (link)") } else { name });
            }
        }
    }
    found
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_hostile_listing_writes_nothing_outside_of_the_target() {
    for form in [Form::Mlsd, Form::List] {
        let stage = Stage::new(form);
        let arguments =
            ["cp", "-r", "--tls", "off", "--retries", "0", &stage.hostile.url("tree/"), &stage.target()];
        let ran = stage.fxp.run(arguments);
        // What the link has become is a directory of the target, and no way out of it. A name whose line goes on
        // behind a line end is two lines; of a LIST the first one is a name like any other.
        let found = files(stage.folder.path());
        assert!(
            found.is_superset(&names(&["target/good", "target/link/f"])),
            "{found:?} {ran:#?}\n{}",
            stage.hostile.log()
        );
        assert!(
            found.iter().all(|name| name.starts_with("target/") && !name.ends_with("(link)")),
            "{found:?}"
        );
        assert!(!found.iter().any(|name| name.contains("escaped")), "{found:?}");
        stage.check_asked(&ran);
    }
}

/// The same from server to server, and through this machine: the honest server hears of nothing outside.
#[test]
fn nor_at_another_server() {
    for form in [Form::Mlsd, Form::List] {
        for via in ["direct", "relay"] {
            let stage = Stage::new(form);
            let authority = Authority::new().expect("an authority");
            let honest = Peer::start(ORDINARY, Setup::PLAIN, &authority).expect("a peer");
            std::fs::create_dir(honest.root.join("target")).expect("a folder");
            let fixed = ["cp", "-r", "--tls", "off", "--retries", "0", "--via", via];
            let ends = [stage.hostile.url("tree/"), honest.url("target/")];
            let ran = stage.fxp.run(fixed.iter().copied().chain(ends.iter().map(String::as_str)));
            let found = files(&honest.root);
            assert!(found.is_superset(&names(&["target/good", "target/link/f"])), "{found:?} {ran:#?}");
            assert!(found.iter().all(|name| name.starts_with("target/")), "{found:?}");
            assert!(!found.iter().any(|name| name.contains("escaped")), "{found:?}");
            for line in honest.log().lines().filter(|line| line.contains("< ")) {
                assert!(!line.contains("..") && !line.contains("escaped"), "{line}: {ran:#?}");
            }
            stage.check_asked(&ran);
        }
    }
}

/// So that the tests above are about something: the listings are read, and by others too.
#[test]
fn the_hostile_listing_is_one_that_clients_read() {
    let stage = Stage::new(Form::List);
    let ran = stage.fxp.run(["ls", "--tls", "off", &stage.hostile.url("tree")]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.stdout.contains("good") && !ran.stdout.contains("escaped"), "{ran:#?}");
    assert!(ran.stderr.contains("escaped") && ran.stderr.contains("is not listed"), "{ran:#?}");
    if fxp_testkit::demand::demand("lftp and a hostile listing", lftp::available()).is_none() {
        return;
    }
    let url = stage.hostile.url("").replacen("mover@", "mover:secret-of-mover@", 1);
    let script = format!("set ftp:ssl-allow no; open {url}; cd tree; ls");
    let ran: Ran = lftp::run(&script, std::time::Duration::from_secs(10)).expect("lftp runs").into();
    assert!(ran.stdout.contains("good") && ran.stdout.contains("escaped"), "{ran:#?}");
}
