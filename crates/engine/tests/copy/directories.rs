//! Directories at the destination.

use fxp_engine::run::CopyRequest;
use fxp_store::storage::Storage;

use crate::world::{Desk, PLAIN, Server, noise, path, request};

#[tokio::test(flavor = "multi_thread")]
async fn directories_are_made_together() {
    const MANY: usize = 150;
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    source.files.make_directory(&path("/t")).expect("made");
    let name = |number: usize| format!("/t/{number}");
    for number in 0..MANY {
        source.files.make_directory(&path(&name(number))).expect("made");
        source.files.make_directory(&path(&format!("{}/in", name(number)))).expect("made");
    }
    source.put(&format!("{}/in/file", name(MANY - 1)), &noise(500));
    let desk = Desk::new(&[&source, &destination]);
    let request = CopyRequest { lanes: Some(1), ..request(vec![source.at("t")], destination.at("")) };
    let report = desk.copied(request).await;
    assert_eq!((report.sums.files, report.directories), (1, 2 * MANY as u64 + 1));
    for number in 0..MANY {
        assert!(destination.files.stat(&path(&format!("{}/in", name(number)))).is_ok(), "{number}");
    }
    // Sent one by one each MKD would have its reply behind it. How many go together depends on how far the walk is ahead.
    let dialogue = desk.dialogue();
    let of_destination: Vec<&str> =
        dialogue.lines().filter(|line| line.starts_with("destination ")).collect();
    let asks = |line: &&str| line.starts_with("destination Client MKD ");
    let together = of_destination.windows(2).filter(|two| two.iter().all(asks)).count();
    assert!(together > 5, "{together} of {MANY}");
}
