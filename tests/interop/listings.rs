//! Directories of a server without MLSD: once STAT was found to say the same as LIST, no data connection is opened.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use fxp_testkit::daemon::{Product, Setup};

use crate::pairs::Pair;

#[test]
fn vsftpd_is_listed_over_the_control_connection() {
    let Some(pair) = Pair::start("listings", Product::Vsftpd, Product::Fxpd, Setup::PLAIN) else { return };
    let tree = pair.source.root.join("t");
    let mut expected = BTreeSet::from(["/t".to_owned()]);
    let many: Vec<String> = (0..40).map(|number| format!("many/{number}")).collect();
    let odd = ["one", "two", "two/three", ".four", "empty", "six  spaces", "many"].map(str::to_owned);
    for directory in odd.iter().chain(&many).map(String::as_str) {
        fs::create_dir_all(tree.join(directory)).expect("a folder");
        expected.insert(format!("/t/{directory}"));
        // What is in one of many tells which one it is.
        let own = format!("of {}", directory.replace('/', "-"));
        for name in ["plain", ".hidden", " -> odd", own.as_str()].iter().filter(|_| directory != "empty") {
            fs::write(tree.join(directory).join(name), name).expect("a file");
            expected.insert(format!("/t/{directory}/{name}"));
        }
    }
    symlink("../one", tree.join("two/link")).expect("a link");
    expected.insert("/t/two/link".to_owned());
    pair.source.adopt_files().expect("their owner");

    let place = pair.source.url("t");
    let lists = || pair.source.log().matches("Client \"127.0.0.1\", \"LIST").count();
    let listed = || {
        let ran = pair.fxp.run(["--json", "--verbose", "--tls", "off", "tree", place.as_str()]);
        assert_eq!(ran.code, 0, "{}", pair.explain(&ran));
        let events = ran.events();
        let paths = events.iter().filter(|event| event["event"] == "branch");
        let found = paths.map(|event| event["path"].as_str().expect("a path").to_owned()).collect();
        assert_eq!(expected, found, "{}", pair.explain(&ran));
        ran
    };
    listed();
    let first = lists();
    // One directory at most in each of the sessions that look around at the same time.
    assert!((1..=3).contains(&first), "{first} times LIST\n{}", pair.source.log());
    assert!(pair.fxp.known().contains("stat_lists = true"), "{}", pair.fxp.known());
    let again = listed();
    assert_eq!(lists(), first, "{}", pair.source.log());
    // More at once than there are sessions: several are on their way in one of them.
    let (mut at_once, mut most) = (0, 0);
    for line in again.events().iter().filter(|event| event["event"] == "line") {
        match (line["from"].as_str(), line["text"].as_str()) {
            (Some("client"), Some("STAT -la")) => at_once += 1,
            (Some("server"), _) => at_once = 0,
            _ => {}
        }
        most = most.max(at_once);
    }
    assert!(most > 3, "{most}: {}", pair.explain(&again));
    let told = pair.fxp.run(["site", "show", place.as_str()]);
    assert!(told.stdout.contains("over the control connection"), "{told:#?}");
}
