//! A file that is written twice in one minute, between servers whose listings tell minutes.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fxp_testkit::daemon::{Product, Setup};
use serde_json::Value;

use crate::pairs::Pair;

fn write(file: &Path, text: &str, seconds: u64) {
    fs::write(file, text).expect("a file");
    let file = File::options().write(true).open(file).expect("the file");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).expect("its time");
}

#[test]
fn a_file_that_is_written_again_in_the_minute_of_its_copy_is_sent_again() {
    let Some(pair) = Pair::start("sync", Product::Vsftpd, Product::Vsftpd, Setup::PLAIN) else { return };
    let (ours, theirs) = (pair.source.root.join("t"), pair.destination.root.join("t"));
    fs::create_dir(&ours).expect("a folder");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
    // Its 21st second is past already: of times to come vsftpd tells the day only. The copy is made a minute later at most.
    let minute = (now - 25) / 60 * 60;
    let long_ago = minute - 40 * 24 * 3600;
    write(&ours.join("young"), "one", minute + 1);
    write(&ours.join("old"), "one", long_ago + 1);
    pair.source.adopt_files().expect("their owner");
    let sync = |more: &[&str]| -> Value {
        let (from, to) = (pair.source.url("t/"), pair.destination.url("t/"));
        let ran = pair.fxp.run(["--json", "sync", "--tls", "off", &from, &to].iter().chain(more));
        assert_eq!(ran.code, 0, "{}", pair.explain(&ran));
        ran.events().pop().expect("a summary")
    };
    let read = |name: &str| fs::read_to_string(theirs.join(name)).expect("the copy");
    assert_eq!(sync(&[])["files"], 2);

    // Nothing was changed: the question about the younger one finds it equal.
    let again = sync(&[]);
    assert_eq!((&again["files"], &again["unchanged"]), (&0.into(), &2.into()), "{again}");

    write(&ours.join("young"), "two", minute + 21);
    let again = sync(&[]);
    assert_eq!((&again["files"], &again["unchanged"]), (&1.into(), &1.into()), "{again}");
    assert_eq!(read("young"), "two");

    // Of what was copied long after its minute nobody asks, and nobody changes it in that minute any more.
    write(&ours.join("old"), "two", long_ago + 21);
    assert_eq!(sync(&[])["files"], 0);
    assert_eq!(read("old"), "one");
}
