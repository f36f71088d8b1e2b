//! Plans as a conductor sees them: items, in their order.

use super::*;
use crate::plan::filter::{Bounds, Filter, rules_of_file};
use crate::plan::links::Links;
use crate::plan::obstacle::Obstacle;
use crate::plan::select::Selection;
use crate::testing;
use fxp_proto::path::VPath;

/// The items of `sync /s/ /d`, in words.
pub(super) async fn items(files: &[(&str, &str)], selection: Selection) -> Vec<String> {
    let (source, destination) = testing::one_machine(files);
    let wish = Wish { recursive: true, selection, ..Wish::default() };
    let (told, ended) = all(source, destination, wish).await;
    ended.expect("planned");
    told.iter().map(words).collect()
}

pub(super) async fn all(
    mut source: Side,
    mut destination: Side,
    wish: Wish,
) -> (Vec<Item>, Result<(), Trouble>) {
    let origins = [Origin { side: 0, path: path("/s"), contents: true }];
    let goal = Goal { path: path("/d"), contents: true };
    let prepared = prepare(std::slice::from_mut(&mut source), &origins, &mut destination, &goal, &wish).await;
    let places = Places::new(vec![source], destination);
    let (items, mut received) = channel(1);
    let stop = testing::go_on();
    let collect = async {
        let mut told = Vec::new();
        while let Some(item) = received.recv().await {
            told.push(item);
        }
        told
    };
    let (ended, told) =
        tokio::join!(stream(&places, prepared.expect("prepared"), &wish, &stop, items), collect);
    (told, ended)
}

pub(super) fn words(item: &Item) -> String {
    match item {
        Item::Directory(path) => format!("mkdir {path}"),
        Item::Step(step) => {
            let way = way(step.in_the_way.as_deref());
            format!("{way}copy {}{}", step.destination, if step.replaces() { "!" } else { "" })
        }
        Item::Link(link) => {
            let way = way(link.in_the_way.as_deref());
            let replaces = if link.replaces { "!" } else { "" };
            format!("{way}link {} -> {}{replaces}", link.destination, link.leads_to)
        }
        Item::MakeWay(obstacle) => way(Some(obstacle)),
        Item::LinkStands => "same link".to_owned(),
        Item::Unchanged(same) => format!("same {}", same.size.unwrap_or_default()),
        Item::Skipped(skipped) => format!("skip {}", skipped.source),
        Item::Conflict(failure) => format!("conflict {}", failure.trouble),
        Item::Refused(count, failure) => format!("refused {count} {}", failure.trouble),
        Item::Extra(extra) => format!("delete {}{}", extra.path, if extra.directory { "/" } else { "" }),
    }
}

/// What makes way.
fn way(obstacle: Option<&Obstacle>) -> String {
    let pile = obstacle.into_iter().flat_map(|obstacle| &obstacle.pile);
    pile.map(|extra| format!("clear {}{} ", extra.path, if extra.directory { "/" } else { "" })).collect()
}

pub(super) fn sorted(mut items: Vec<String>) -> Vec<String> {
    items.sort();
    items
}

fn path(text: &str) -> VPath {
    VPath::parse(text.as_bytes()).expect("a path")
}

pub(super) fn rules(text: &str) -> Arc<Filter> {
    let rules = rules_of_file(text.replace('|', "\n").as_bytes(), "rules").expect("rules");
    Arc::new(Filter { rules, bounds: Bounds::default() })
}

#[tokio::test]
async fn a_directory_comes_before_everything_in_it() {
    let files = [("/s/a/b/c/f", "1"), ("/s/a/f", "1"), ("/s/z", "1"), ("/s/m/f", "1"), ("/d/keep", "1")];
    let told = items(&files, Selection::default()).await;
    assert_eq!(
        told,
        [
            "copy /d/z",
            "mkdir /d/a",
            "copy /d/a/f",
            "mkdir /d/a/b",
            "mkdir /d/a/b/c",
            "copy /d/a/b/c/f",
            "mkdir /d/m",
            "copy /d/m/f"
        ]
    );
}

#[tokio::test]
async fn what_a_rule_leaves_out_is_neither_copied_nor_entered() {
    let files = [("/s/a.c", "1"), ("/s/a.o", "1"), ("/s/tmp/x", "1"), ("/s/sub/tmp/y", "1"), ("/d/k", "1")];
    let selection = Selection { filter: rules("- *.o|- tmp/"), ..Selection::default() };
    assert_eq!(items(&files, selection).await, ["copy /d/a.c", "mkdir /d/sub"]);
    let bounds = Bounds { min_size: Some(2), max_size: Some(3), ..Bounds::default() };
    let filter = Arc::new(Filter { bounds, ..Filter::default() });
    let files = [("/s/1", "1"), ("/s/2", "22"), ("/s/3", "333"), ("/s/4", "4444"), ("/d/k", "1")];
    let selection = Selection { filter, ..Selection::default() };
    assert_eq!(items(&files, selection).await, ["copy /d/2", "copy /d/3"]);
}

#[tokio::test]
async fn what_makes_files_equal_is_chosen() {
    let files = [
        ("/s/same", "12"),
        ("/s/other", "12"),
        ("/s/long", "123"),
        ("/d/same", "12"),
        ("/d/other", "21"),
        ("/d/long", "1"),
    ];
    let (source, mut destination) = testing::one_machine(&files);
    let long_ago = fxp_proto::listing::time::FtpTime { seconds: 1_000_000, nanoseconds: 0 };
    destination.set_time(&path("/d/same"), long_ago).await.expect("set");
    destination.set_time(&path("/d/other"), long_ago).await.expect("set");
    let rows = [
        (Compare::SizeAndTime, vec!["copy /d/long!", "copy /d/other!", "copy /d/same!"]),
        (Compare::Size, vec!["copy /d/long!", "same 2", "same 2"]),
        (Compare::Digest, vec!["copy /d/long!", "copy /d/other!", "same 2"]),
        (Compare::DigestIfAny, vec!["copy /d/long!", "copy /d/other!", "same 2"]),
    ];
    for (compare, expected) in rows {
        let selection = Selection { compare, ..Selection::default() };
        let wish = Wish { recursive: true, selection, ..Wish::default() };
        let (told, ended) = all(source.twin(), destination.twin(), wish).await;
        ended.expect("planned");
        assert_eq!(sorted(told.iter().map(words).collect()), expected, "{compare:?}");
    }
}

#[tokio::test]
async fn what_stands_at_the_destination_only_is_deleted_children_first() {
    let files = [
        ("/s/keep", "1"),
        ("/s/sub/f", "1"),
        ("/s/x.o", "1"),
        ("/d/keep", "1"),
        ("/d/gone", "1"),
        ("/d/keep.fxp-part", "1"),
        ("/d/gone.fxp-part", "1"),
        ("/d/old/deep/f", "1"),
        ("/d/old/g", "1"),
        ("/d/half/y.o", "1"),
        ("/d/half/z", "1"),
        ("/d/half/all/z", "1"),
        ("/d/sub/only", "1"),
        ("/d/x.o", "1"),
    ];
    let deleted = async |delete: Delete| {
        let filter = rules("- *.o");
        let selection =
            Selection { filter, compare: Compare::Size, delete: Some(delete), links: Links::Skip };
        let told = items(&files, selection).await;
        told.into_iter()
            .filter(|words| !words.starts_with("copy") && !words.starts_with("same"))
            .collect::<Vec<_>>()
    };
    // What a rule leaves out is protected, and so are the directories above it.
    let plain = [
        "delete /d/gone",
        "delete /d/gone.fxp-part",
        "delete /d/half/z",
        "delete /d/half/all/z",
        "delete /d/half/all/",
        "delete /d/old/g",
        "delete /d/old/deep/f",
        "delete /d/old/deep/",
        "delete /d/old/",
        "delete /d/sub/only",
    ];
    assert_eq!(deleted(Delete::default()).await, plain);
    assert_eq!(deleted(Delete { limit: Some(10), ..Delete::default() }).await, plain);
    assert_eq!(deleted(Delete { after: true, ..Delete::default() }).await, plain);
    let refused = deleted(Delete { limit: Some(9), ..Delete::default() }).await;
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(
        refused[0].contains("10 files and directories") && refused[0].contains("more than 9"),
        "{refused:?}"
    );
    let excluded = deleted(Delete { even_excluded: true, ..Delete::default() }).await;
    for path in ["delete /d/x.o", "delete /d/half/y.o", "delete /d/half/"] {
        assert!(excluded.contains(&path.to_owned()), "{path}: {excluded:?}");
    }
}

#[tokio::test]
async fn deletions_that_wait_come_after_all_steps() {
    let files = [("/s/a/f", "1"), ("/s/z/f", "1"), ("/d/a/only", "1"), ("/d/z/only", "1")];
    let with =
        |after| Selection { delete: Some(Delete { after, ..Delete::default() }), ..Selection::default() };
    let told = items(&files, with(true)).await;
    assert_eq!(told, ["copy /d/a/f", "copy /d/z/f", "delete /d/a/only", "delete /d/z/only"]);
    let told = items(&files, with(false)).await;
    assert_eq!(told, ["copy /d/a/f", "delete /d/a/only", "copy /d/z/f", "delete /d/z/only"]);
}

#[tokio::test]
async fn a_walk_that_broke_off_leaves_what_waited_for_its_end_alone() {
    let names: Vec<String> = (0..300).map(|number| format!("/s/{number}/f")).collect();
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    files.push(("/d/only", "1"));
    for delete in
        [Delete { limit: Some(9), ..Delete::default() }, Delete { after: true, ..Delete::default() }]
    {
        let (mut source, mut destination) = testing::one_machine(&files);
        let selection = Selection { delete: Some(delete), ..Selection::default() };
        let wish = Wish { recursive: true, selection, ..Wish::default() };
        let origins = [Origin { side: 0, path: path("/s"), contents: true }];
        let goal = Goal { path: path("/d"), contents: true };
        let sources = std::slice::from_mut(&mut source);
        let prepared = prepare(sources, &origins, &mut destination, &goal, &wish).await.expect("prepared");
        let places = Places::new(vec![source], destination);
        let (items, mut received) = channel(1);
        let (stopper, stop) = tokio::sync::watch::channel(false);
        let listen = async {
            let mut told = Vec::new();
            while let Some(item) = received.recv().await {
                told.push(words(&item));
                let _ = stopper.send(true);
            }
            told
        };
        let (ended, told) = tokio::join!(stream(&places, prepared, &wish, &stop, items), listen);
        assert_eq!(ended.expect_err("stopped").kind, TroubleKind::Interrupted);
        assert!(told.len() > 1 && told.iter().all(|words| !words.starts_with("delete")), "{told:?}");
    }
}

#[tokio::test]
async fn a_plan_that_is_held_in_memory_has_a_ceiling() {
    let directory = |name: &str| Item::Directory(VPath::parse(name.as_bytes()).expect("a path"));
    for (count, fits) in [(3, true), (4, false)] {
        let (items, received) = channel(10);
        for at in 0..count {
            items.send(directory(&format!("/d{at}"))).await.expect("heard");
            // What is there already is not remembered.
            items.send(Item::LinkStands).await.expect("heard");
        }
        drop(items);
        match super::collect(received, 3, |_| {}).await {
            Ok(plan) => assert!(fits && plan.directories.len() == 3 && plan.unchanged == 3),
            Err(trouble) => assert!(!fits && trouble.kind == TroubleKind::Limit && trouble.remedy.is_some()),
        }
    }
}
