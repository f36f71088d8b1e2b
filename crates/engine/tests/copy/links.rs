//! Symbolic links: what becomes of them between two servers of ours.

use fxp_engine::checking::{CheckRequest, check};
use fxp_engine::place;
use fxp_engine::plan::judge::Compare;
use fxp_engine::proto::listing::entry::{Entry, Kind};
use fxp_engine::report::Report;
use fxp_engine::run::{CopyRequest, Links, Secure, Selection};
use fxp_store::storage::Storage;

use crate::world::{Desk, PLAIN, Server, go_on, path, request};

/// Two servers, the first with a tree with links.
fn world() -> (Server, Server, Desk) {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    source.put("/t/f", b"12345");
    source.put("/t/sub/g", b"678");
    source.put("/elsewhere/h", b"9");
    for (link, target) in [
        ("/t/file", "/elsewhere/h"),
        ("/t/directory", "/elsewhere"),
        ("/t/lost", "missing"),
        ("/t/sub/up", ".."),
        ("/t/sub/root", "/"),
    ] {
        source.files.symlink(&target.into(), &path(link)).expect("made");
    }
    let desk = Desk::new(&[&source, &destination]);
    (source, destination, desk)
}

fn tree(source: &Server, destination: &Server, links: Links) -> CopyRequest {
    let selection = Selection { links, ..Selection::default() };
    CopyRequest { selection, ..request(vec![source.at("t")], destination.at("")) }
}

fn left_out(report: &Report) -> Vec<String> {
    let mut told: Vec<String> = report
        .skipped
        .iter()
        .map(|skipped| skipped.source.split_once("/t/").expect("beneath").1.to_owned())
        .collect();
    told.sort();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_left_out_and_told() {
    let (source, destination, desk) = world();
    let report = desk.copied(tree(&source, &destination, Links::Skip)).await;
    assert_eq!((report.sums.files, report.directories), (2, 2), "{report:?}");
    assert_eq!(left_out(&report), ["directory", "file", "lost", "sub/root", "sub/up"]);
    assert_eq!(destination.get("/t/file"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_followed_and_circles_end() {
    let (source, destination, desk) = world();
    let report = desk.copied(tree(&source, &destination, Links::Follow)).await;
    for (name, expected) in
        [("/t/f", "12345"), ("/t/file", "9"), ("/t/directory/h", "9"), ("/t/sub/root/elsewhere/h", "9")]
    {
        assert_eq!(destination.get(name).as_deref(), Some(expected.as_bytes()), "{name}: {report:?}");
    }
    assert_eq!(left_out(&report), ["lost", "sub/root/t", "sub/up"], "{report:?}");
    assert!(report.skipped.iter().any(|skipped| skipped.reason.contains("no end")), "{:?}", report.skipped);
    assert_eq!((report.sums.files, report.through_client), (5, 0), "{report:?}");

    let selection = Selection { links: Links::Follow, compare: Compare::DigestIfAny, ..Selection::default() };
    let compare = CheckRequest {
        source: source.at("t"),
        destination: destination.at(""),
        selection,
        secure: Secure::Default,
        retries: 0,
    };
    let checked = check(&compare, &desk.context, go_on(), |_| {}).await.expect("compared");
    assert_eq!((checked.is_equal(), checked.proven, checked.skipped), (true, 5, 3), "{checked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_takes_links_and_leaves_what_is_behind_them() {
    let (source, destination, desk) = world();
    for circle in ["/t/sub/up", "/t/sub/root"] {
        source.files.delete(&path(circle)).expect("the link is gone");
    }
    let request = tree(&source, &destination, Links::Follow);
    let report = place::move_to(request, &desk.context, go_on()).await.expect("moved");
    assert_eq!(destination.get("/t/directory/h").as_deref(), Some(&b"9"[..]));
    assert_eq!(source.get("/elsewhere/h").as_deref(), Some(&b"9"[..]), "it has a name of its own there");
    assert!(report.failures.iter().any(|failure| failure.trouble.to_string().contains("source stays")));
    assert_eq!(source.get("/t/f"), None, "{report:?}");
    assert!(source.files.stat(&path("/t/file")).is_err(), "the link was taken: {report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_made_compared_replaced_and_moved() {
    let (source, destination, desk) = world();
    destination.put("/t/f", b"12345");
    // A file and a link that leads elsewhere are replaced, a directory is in the way.
    destination.put("/t/file", b"a file");
    destination.files.symlink(&"elsewhere".into(), &path("/t/lost")).expect("made");
    destination.put("/t/directory/in the way", b"1");
    let request = tree(&source, &destination, Links::Copy);
    let report = desk.copy(request.clone()).await.expect("copied");
    assert_eq!((report.links, report.failed, report.left_out), (4, 1, 0), "{report:?}");
    assert!(report.failures[0].trouble.to_string().contains("is a directory"), "{report:?}");
    let made = |name: &str| {
        let mut found = None;
        let (directory, last) = name.rsplit_once('/').expect("a name");
        let look = &mut |entry: Entry| {
            if entry.name.as_bytes() == last.as_bytes() {
                found = Some(entry.kind);
            }
            true
        };
        destination.files.list(&path(directory), look).expect("listed");
        found
    };
    for (name, target) in
        [("/t/file", "/elsewhere/h"), ("/t/lost", "missing"), ("/t/sub/up", ".."), ("/t/sub/root", "/")]
    {
        assert_eq!(made(name), Some(Kind::Symlink(Some(target.into()))), "{name}");
    }
    assert_eq!(made("/t/file.fxp-part"), None);

    let compare = CheckRequest {
        source: source.at("t"),
        destination: destination.at(""),
        selection: Selection { links: Links::Copy, compare: Compare::Size, ..Selection::default() },
        secure: Secure::Default,
        retries: 0,
    };
    let checked = check(&compare, &desk.context, go_on(), |_| {}).await.expect("compared");
    assert_eq!((checked.links, checked.alike, checked.failed), (4, 2, 1), "{checked:?}");
    destination.files.delete(&path("/t/lost")).expect("deleted");
    destination.files.symlink(&"another".into(), &path("/t/lost")).expect("made");
    let checked = check(&compare, &desk.context, go_on(), |_| {}).await.expect("compared");
    assert_eq!((checked.links, checked.different), (3, 1), "{checked:?}");

    let report = place::move_to(request, &desk.context, go_on()).await.expect("moved");
    assert_eq!(report.links, 4, "{report:?}");
    assert!(source.files.stat(&path("/t/lost")).is_err(), "the link was moved");
    assert_eq!(source.get("/elsewhere/h").as_deref(), Some(&b"9"[..]), "and not what it leads to");
    assert!(source.files.stat(&path("/t/directory")).is_ok(), "what could not be made stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_makes_way_for_a_link_to_itself() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    let desk = Desk::new(&[&source, &destination]);
    source.put("/x/g", b"1");
    for (link, target) in [("/x/f", "../y/f"), ("/x/absolute", "/y/absolute"), ("/x/other", "g")] {
        source.files.symlink(&target.into(), &path(link)).expect("made");
    }
    for file in ["/y/f", "/y/absolute", "/y/other"] {
        destination.put(file, b"the only copy");
    }
    // A stranger's link, or one that was left behind: no file is stored through it.
    destination.put("/precious", b"the only copy");
    destination.files.symlink(&"/precious".into(), &path("/y/g.fxp-part")).expect("made");
    let selection = Selection { links: Links::Copy, ..Selection::default() };
    let request = CopyRequest { selection, ..request(vec![source.at("x/")], destination.at("y/")) };
    let report = desk.copy(request.clone()).await.expect("copied");
    assert_eq!((report.links, report.failed), (1, 3), "{report:?}");
    for file in ["/y/f", "/y/absolute", "/precious"] {
        assert_eq!(destination.get(file).as_deref(), Some(&b"the only copy"[..]), "{file}: {report:?}");
    }
    assert!(
        report.failures.iter().any(|failure| failure.trouble.to_string().contains("to itself")),
        "{report:?}"
    );
    destination.files.delete(&path("/y/g.fxp-part")).expect("the link is gone");
    let report = desk.copy(request).await.expect("copied");
    assert_eq!(report.failed, 2, "{report:?}");
    assert_eq!(destination.get("/y/g").as_deref(), Some(&b"1"[..]), "{report:?}");
}
