//! Plans in which the source and the destination have things of different kinds under one name.

use super::tests::{items, rules, sorted};
use super::*;
use crate::plan::links::Links;
use crate::plan::select::Selection;

/// A directory where a file belongs, a file where a directory belongs, and what is beneath and beside them.
const CLASH: [(&str, &str); 11] = [
    ("/s/a", "now a file"),
    ("/s/b/in", "1"),
    ("/s/b/sub/deep", "1"),
    ("/s/z", "1"),
    ("/d/a/x", "1"),
    ("/d/a/sub/y.o", "1"),
    ("/d/a/sub/y.fxp-part", "1"),
    ("/d/b", "a file"),
    ("/d/gone", "1"),
    ("/d/z", "12"),
    ("/d/empty/e", "1"),
];

const MADE: &str =
    "clear /d/a/x clear /d/a/sub/y.o clear /d/a/sub/y.fxp-part clear /d/a/sub/ clear /d/a/ copy /d/a";

async fn deleting(delete: Delete, filter: &str) -> Vec<String> {
    let selection = Selection { filter: rules(filter), delete: Some(delete), ..Selection::default() };
    items(&CLASH, selection).await
}

#[tokio::test]
async fn what_is_of_another_kind_makes_way_at_the_last_moment() {
    let told = deleting(Delete::default(), "").await;
    let expected = [
        MADE,
        "copy /d/z!",
        "delete /d/empty/e",
        "delete /d/empty/",
        "delete /d/gone",
        "clear /d/b ",
        "mkdir /d/b",
        "copy /d/b/in",
        "mkdir /d/b/sub",
        "copy /d/b/sub/deep",
    ];
    assert_eq!(told, expected);
    // What makes way does not wait for the end; other surplus does.
    let told = deleting(Delete { after: true, ..Delete::default() }, "").await;
    assert_eq!(told.first().map(String::as_str), Some(MADE));
    assert_eq!(told.last().map(String::as_str), Some("delete /d/gone"));
    assert_eq!(sorted(told), sorted(expected.map(str::to_owned).to_vec()));
}

#[tokio::test]
async fn without_delete_both_names_are_told_and_what_would_help() {
    let told = items(&CLASH, Selection::default()).await;
    let conflicts: Vec<_> = told.iter().filter(|words| words.starts_with("conflict")).collect();
    assert_eq!(
        conflicts,
        ["conflict /d/a is a directory, and /s/a is none", "conflict /d/b is no directory, and /s/b is one"]
    );
    assert!(!told.iter().any(|words| words.contains("clear") || words.contains("/d/b/")), "{told:?}");
    for source_is_directory in [true, false] {
        let remedy = clash("a:/x", "b:/x", source_is_directory).remedy.expect("a remedy");
        assert!(remedy.contains("fxp sync --delete"), "{remedy}");
    }
}

#[tokio::test]
async fn what_makes_way_counts_against_the_limit() {
    // Five make way for the file, one for the directory, and three stand there only.
    let whole = deleting(Delete::default(), "").await;
    let enough = deleting(Delete { limit: Some(9), ..Delete::default() }, "").await;
    assert_eq!(sorted(enough.clone()), sorted(whole));
    // Nothing makes way before the end of the walk has shown that all of it may go.
    let at = |words: &str| enough.iter().position(|told| told == words).expect("told");
    assert!(at("copy /d/z!") < at("clear /d/b ") && at("clear /d/b ") < at("mkdir /d/b"), "{enough:?}");
    assert!(at("copy /d/z!") < at(MADE), "{enough:?}");
    for limit in [0, 5, 8] {
        let told = deleting(Delete { limit: Some(limit), ..Delete::default() }, "").await;
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(!told.iter().any(|words| words.contains("clear") || words.starts_with("delete")), "{told:?}");
        assert!(told.contains(&"copy /d/z!".to_owned()), "{told:?}");
        for name in ["/d/a is a directory", "/d/b is no directory", "9 files and directories would"] {
            assert!(told.iter().any(|words| words.contains(name)), "{name}: {told:?}");
        }
    }
}

#[tokio::test]
async fn what_a_rule_protects_does_not_make_way() {
    let told = deleting(Delete::default(), "- *.o").await;
    let kept = "conflict /d/a is a directory, and /s/a is none; it stays, since a rule protects /d/a/sub/y.o";
    assert!(told.contains(&kept.to_owned()), "{told:?}");
    assert!(!told.iter().any(|words| words.contains("/d/a/x")), "nothing goes in vain: {told:?}");
    let told = deleting(Delete { even_excluded: true, ..Delete::default() }, "- *.o").await;
    assert!(told.contains(&MADE.to_owned()), "{told:?}");
    // The rule is about directories only: the file is meant, and the directory is not.
    let told = deleting(Delete::default(), "- /a/").await;
    let kept = "conflict /d/a is a directory, and /s/a is none; it stays, since a rule protects it";
    assert!(told.contains(&kept.to_owned()), "{told:?}");
}

#[tokio::test]
async fn a_directory_makes_way_for_a_link_and_a_link_for_a_directory() {
    let (source, destination) =
        crate::testing::one_machine(&[("/s/dir/f", "1"), ("/d/link/f", "1"), ("/d/k", "1")]);
    let Side::Local(files) = &source else { panic!("a local side") };
    for (target, link) in [("k", "/s/link"), ("k", "/d/dir")] {
        let link = VPath::parse(link.as_bytes()).expect("a path");
        fxp_store::storage::Storage::symlink(&*files.storage, &target.into(), &link).expect("made");
    }
    let told = async |delete| {
        let selection = Selection { links: Links::Copy, delete, ..Selection::default() };
        let wish = Wish { recursive: true, selection, ..Wish::default() };
        let (told, ended) = super::tests::all(source.twin(), destination.twin(), wish).await;
        ended.expect("planned");
        told.iter().map(super::tests::words).collect::<Vec<_>>()
    };
    let expected = [
        "clear /d/link/f clear /d/link/ link /d/link -> k!",
        "delete /d/k",
        "clear /d/dir ",
        "mkdir /d/dir",
        "copy /d/dir/f",
    ];
    assert_eq!(told(Some(Delete::default())).await, expected);
    let told = told(None).await;
    assert!(told.iter().all(|words| words.starts_with("conflict")) && told.len() == 2, "{told:?}");
}

#[tokio::test]
async fn what_was_named_makes_way_too_and_a_source_within_is_not_deleted() {
    let plan = async |files: &[(&str, &str)], source: &str, contents: bool, delete| {
        let (mut source_side, mut destination) = crate::testing::one_machine(files);
        let path = |text: &str| VPath::parse(text.as_bytes()).expect("a path");
        let origins = [Origin { side: 0, path: path(source), contents }];
        let goal = Goal { path: path("/d"), contents: true };
        let selection = Selection { delete, filter: rules("- /kept"), ..Selection::default() };
        let wish = Wish { recursive: true, selection, ..Wish::default() };
        let sources = std::slice::from_mut(&mut source_side);
        plan(sources, &origins, &mut destination, &goal, wish, &crate::testing::go_on(), |_| {}).await
    };
    let files = [("/s/f", "1"), ("/s/t/g", "1"), ("/d/f/x", "1"), ("/d/t", "1")];
    let made = plan(&files, "/s/f", false, Some(Delete::default())).await.expect("planned");
    assert_eq!(made.steps[0].in_the_way.as_ref().map(|obstacle| obstacle.count), Some(2));
    let made = plan(&files, "/s/t", false, Some(Delete::default())).await.expect("planned");
    assert_eq!((made.extras.len(), made.directories.len(), made.steps.len()), (1, 1, 1));
    let made = plan(&files, "/s/t", false, None).await.expect("planned");
    assert_eq!((made.conflicts.len(), made.steps.len()), (1, 0));

    let files = [("/d/s/s", "1"), ("/d/f/f", "1"), ("/d/kept/g", "1")];
    for (source, contents) in [("/d/s", true), ("/d/f/f", false)] {
        let refused = plan(&files, source, contents, Some(Delete::default())).await.expect_err(source);
        assert_eq!((refused.kind, refused.remedy.is_some()), (TroubleKind::Usage, true), "{refused}");
        assert!(plan(&files, source, contents, None).await.is_ok(), "nothing is deleted");
    }
    let made = plan(&files, "/d/kept", true, Some(Delete::default())).await.expect("a rule protects it");
    assert!(made.extras.iter().all(|extra| !extra.path.to_string().starts_with("/d/kept")), "{made:?}");
}
