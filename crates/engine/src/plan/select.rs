//! Which files are meant, and where each of them goes: rsync's rules.
//!
//! * `dir` copies the directory itself into the destination, `dir/` what is in it.
//! * A single file goes *into* an existing directory (or one written with a slash at its end), else it
//!   gets the destination as its name.
//! * Several sources, or a directory, need a directory; it is made if only its last component is missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

use super::Reached;
use super::filter::Filter;
use super::judge::Compare;
use super::links::Links;
use super::shelf::kind_of;
use super::survey::{Found, Root, There};
use super::trail::Trail;
use crate::part;
use crate::report::{Skipped, Trouble, TroubleKind};
use crate::side::Side;

/// One source as it was typed.
pub(crate) struct Origin {
    /// Which side it is on.
    pub(crate) side: usize,
    /// Where.
    pub(crate) path: VPath,
    /// Written with a slash at its end.
    pub(crate) contents: bool,
}

/// The destination as it was typed.
pub(crate) struct Goal {
    /// Where.
    pub(crate) path: VPath,
    /// Written with a slash at its end: a directory is meant.
    pub(crate) contents: bool,
}

/// What else the user wants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    /// Directories are meant with all that is in them.
    pub(crate) recursive: bool,
    /// Files that are equal already are copied too.
    pub(crate) even_unchanged: bool,
    /// Which files.
    pub(crate) selection: Selection,
}

/// Which files are meant, and what is done about those at the destination.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Which files of the sources.
    pub filter: Arc<Filter>,
    /// When two files are equal.
    pub compare: Compare,
    /// What stands at the destination only is deleted.
    pub delete: Option<Delete>,
    /// What becomes of links in the directories of the sources. One that was named is followed in any case.
    pub links: Links,
}

/// How what stands at the destination only is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delete {
    /// If more would have to be deleted, nothing is.
    pub limit: Option<u64>,
    /// After all files were copied.
    pub after: bool,
    /// Also what the rules leave out.
    pub even_excluded: bool,
}

/// What the sources and the destination are.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// The directory that everything goes into has to be made.
    pub(crate) missing: Option<VPath>,
    /// Files that were named.
    pub(crate) files: Vec<Found>,
    /// Directories that were named.
    pub(crate) roots: Vec<Root>,
    /// What was named and is left out.
    pub(crate) skipped: Vec<Skipped>,
    /// What is in one directory could go to the same place as what is in another.
    pub(crate) overlapping: bool,
}

/// Looks at sources and destination, and no further: what is in the directories is for a survey.
pub(crate) async fn prepare(
    sources: &mut [Side],
    origins: &[Origin],
    destination: &mut Side,
    goal: &Goal,
    wish: &Wish,
) -> Result<Prepared, Trouble> {
    let looking = look_at_all(sources, origins, wish.recursive);
    let (found, there) = tokio::join!(looking, kind_of(destination, &goal.path));
    let found = found.map_err(|error| error.on(Some(Leg::Source)))?;
    let there = there.map_err(|error| error.on(Some(Leg::Destination)))?;
    let any_directory = found.iter().any(|(_, entry, _)| entry.kind == Kind::Directory);
    let into = origins.len() > 1 || any_directory || goal.contents || there == Some(Kind::Directory);

    let mut prepared = Prepared::default();
    if into {
        need_directory(destination, goal, there.as_ref()).await?;
        prepared.missing = there.is_none().then(|| goal.path.clone());
    } else if there.is_none() {
        need_parent(destination, &goal.path).await?;
    }
    let mut shelf = Shelf::of(destination, goal, into && there.is_some(), found.len()).await?;
    if prepared.missing.is_some() {
        shelf = Shelf::Empty;
    }
    let mut targets: Vec<VPath> = Vec::new();
    for (origin, entry, by_link) in found {
        let side = &mut sources[origin.side];
        let target = match (into, origin.path.name()) {
            (true, Some(name)) if !(origin.contents && entry.kind == Kind::Directory) => {
                goal.path.child(name).map_err(|error| Trouble::new(TroubleKind::Usage, error.to_string()))?
            }
            _ => goal.path.clone(),
        };
        refuse_self_copy(side, destination, &origin.path, &target, &entry.kind)?;
        let is_directory = entry.kind == Kind::Directory;
        let relative = relative(origin, is_directory);
        refuse_to_delete_source(side, destination, &origin.path, &target, &relative, &wish.selection)?;
        if wish.selection.filter.excludes(&relative, is_directory) {
            let reason = "a rule leaves it out".to_owned();
            prepared.skipped.push(Skipped { source: side.name(&origin.path), reason });
            continue;
        }
        if !is_directory && targets.contains(&target) {
            return Err(two_become(&target.to_string()));
        }
        prepared.overlapping |=
            targets.iter().any(|other| other.is_beneath(&target) || target.is_beneath(other));
        targets.push(target.clone());
        let standing = match target == goal.path && is_directory {
            true if prepared.missing.is_some() => None,
            true => Some(Entry::new(Text::default(), Kind::Directory)),
            false => shelf.at(destination, &target).await?,
        };
        let (number, source) = (origin.side, origin.path.clone());
        if is_directory {
            let there = match standing.map(|entry| entry.kind) {
                None if prepared.missing.as_ref() == Some(&target) => There::Announced,
                None => There::Missing,
                Some(Kind::Symlink(_)) => There::Link,
                Some(Kind::Directory) => There::Directory,
                Some(Kind::File | Kind::Other) => There::Obstacle,
            };
            let trail = Trail::begin(&source, &entry);
            prepared.roots.push(Root {
                side: number,
                source,
                target,
                relative,
                there,
                trail,
                telling: false,
            });
        } else {
            let part = match part::part_of(&target) {
                Some(part) => shelf.at(destination, &part).await?,
                None => None,
            };
            let part = part.filter(|entry| entry.kind == Kind::File);
            let reached = if by_link { Reached::ByLink } else { Reached::Plainly };
            let found = Found {
                side: number,
                source,
                target,
                entry,
                there: standing,
                in_the_way: None,
                part,
                reached,
            };
            prepared.files.push(found);
        }
    }
    Ok(prepared)
}

/// What the filter's rules call a source: its name beneath the destination, as rsync does.
fn relative(origin: &Origin, is_directory: bool) -> VPath {
    match origin.path.name() {
        Some(name) if !(origin.contents && is_directory) => {
            VPath::root().child(name).unwrap_or_else(|_| VPath::root())
        }
        _ => VPath::root(),
    }
}

/// What the directory that everything goes into holds: one listing, or a question for each of a few.
enum Shelf {
    Empty,
    Listed(BTreeMap<Text, Entry>),
    Unlisted,
}

impl Shelf {
    async fn of(side: &mut Side, goal: &Goal, exists: bool, wanted: usize) -> Result<Self, Trouble> {
        if !exists || wanted <= FEW {
            return Ok(Shelf::Unlisted);
        }
        let entries = side.list(&goal.path).await.map_err(|error| error.on(Some(Leg::Destination)))?;
        Ok(Shelf::Listed(entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect()))
    }

    async fn at(&self, side: &mut Side, path: &VPath) -> Result<Option<Entry>, Trouble> {
        match self {
            Shelf::Empty => Ok(None),
            Shelf::Listed(entries) => Ok(path.name().and_then(|name| entries.get(name)).cloned()),
            Shelf::Unlisted => side.stat(path).await.map_err(|error| error.on(Some(Leg::Destination))),
        }
    }
}

/// Up to so many names are asked for one by one, which is cheaper than listing a directory that may be huge.
const FEW: usize = 2;

/// What each of the sources is, and whether it was found behind a link.
async fn look_at_all<'o>(
    sources: &mut [Side],
    origins: &'o [Origin],
    recursive: bool,
) -> Result<Vec<(&'o Origin, Entry, bool)>, Trouble> {
    let mut found = Vec::with_capacity(origins.len());
    for origin in origins {
        let (entry, by_link) = look(&mut sources[origin.side], origin, recursive).await?;
        found.push((origin, entry, by_link));
    }
    Ok(found)
}

/// What stands at a source, and whether a link leads to it. A link that was named by the user is followed: it is what
/// was asked for.
async fn look(side: &mut Side, origin: &Origin, recursive: bool) -> Result<(Entry, bool), Trouble> {
    let name = side.name(&origin.path);
    let Some(mut entry) = side.stat(&origin.path).await? else {
        return Err(Trouble::new(TroubleKind::SourceNotFound, format!("{name} does not exist")));
    };
    let by_link = matches!(entry.kind, Kind::Symlink(_));
    if by_link {
        let followed = side.follow(&origin.path).await?;
        entry = followed.map(|followed| followed.entry).ok_or_else(|| {
            let what = format!("{name} is a symbolic link, where nothing is that can be copied");
            Trouble::new(TroubleKind::SourceNotFound, what)
        })?;
    }
    match entry.kind {
        Kind::Directory if !recursive => {
            Err(Trouble::new(TroubleKind::Usage, format!("{name} is a directory"))
                .remedy("-r copies directories with all that is in them"))
        }
        Kind::Other => {
            Err(Trouble::new(TroubleKind::Usage, format!("{name} is neither a file nor a directory")))
        }
        Kind::File if origin.contents => {
            Err(Trouble::new(TroubleKind::SourceNotFound, format!("{name} is not a directory")))
        }
        _ => Ok((entry, by_link)),
    }
}

/// The destination has to be a directory, or a name that can become one.
async fn need_directory(side: &mut Side, goal: &Goal, there: Option<&Kind>) -> Result<(), Trouble> {
    match there {
        Some(Kind::Directory) => Ok(()),
        Some(_) => Err(Trouble::new(
            TroubleKind::DestinationDenied,
            format!("{} is a file, and a directory is needed", side.name(&goal.path)),
        )
        .on(Some(Leg::Destination))
        .remedy(format!("fxp rm {} deletes it; or name another destination", side.name(&goal.path)))),
        None => need_parent(side, &goal.path).await,
    }
}

/// The directory above `path` has to be there: a mistyped path shall not grow new trees.
async fn need_parent(side: &mut Side, path: &VPath) -> Result<(), Trouble> {
    let parent = path.parent();
    let kind = kind_of(side, &parent).await.map_err(|error| error.on(Some(Leg::Destination)))?;
    if kind == Some(Kind::Directory) {
        return Ok(());
    }
    let name = side.name(&parent);
    Err(Trouble::new(TroubleKind::DestinationDenied, format!("the directory {name} does not exist"))
        .on(Some(Leg::Destination))
        .remedy(format!("fxp mkdir -p {name} makes it")))
}

/// Two files of one name would go to one place.
pub(crate) fn two_become(target: &str) -> Trouble {
    Trouble::new(
        TroubleKind::Usage,
        format!("two sources would both become {target}, and one would replace the other"),
    )
}

/// A file is not copied onto itself, and a directory not into itself.
fn refuse_self_copy(
    source: &Side,
    destination: &Side,
    path: &VPath,
    target: &VPath,
    kind: &Kind,
) -> Result<(), Trouble> {
    if !source.same_place(destination) {
        return Ok(());
    }
    let inside = *kind == Kind::Directory && target.is_beneath(path);
    match path == target || inside {
        true => Err(Trouble::new(
            TroubleKind::Usage,
            match kind {
                Kind::Directory => format!("{} cannot be copied into itself", source.name(path)),
                _ => format!("{} is source and destination in one", source.name(path)),
            },
        )),
        false => Ok(()),
    }
}

/// A source that lies in the directory that is made equal to it would be deleted with what that has and the source has
/// not.
fn refuse_to_delete_source(
    source: &Side,
    destination: &Side,
    path: &VPath,
    target: &VPath,
    relative: &VPath,
    selection: &Selection,
) -> Result<(), Trouble> {
    let Some(delete) = selection.delete else { return Ok(()) };
    if path == target || !path.is_beneath(target) || !source.same_place(destination) {
        return Ok(());
    }
    let mut beneath = relative.clone();
    for name in path.components().iter().skip(target.components().len()) {
        beneath = beneath.child(name).unwrap_or(beneath);
        if selection.filter.excludes(&beneath, true) && !delete.even_excluded {
            return Ok(());
        }
    }
    let (path, target) = (source.name(path), destination.name(target));
    let what = format!("{path} lies in {target}, from where --delete would delete it");
    Err(Trouble::new(TroubleKind::Usage, what)
        .remedy(format!("--exclude {beneath} protects it; or copy without --delete")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::plan::planner::plan;
    use crate::testing;

    #[tokio::test]
    async fn sources_go_where_rsync_would_put_them() {
        // what exists at the source, at the destination; sources, destination; directories made; files copied
        let tree = "a/x a/sub/y b.txt";
        let rows: &[(&str, &[&str], &str, &str)] = &[
            ("", &["/s/b.txt"], "/d/new.txt", "| /s/b.txt>/d/new.txt"),
            ("", &["/s/b.txt"], "/d", "| /s/b.txt>/d/b.txt"),
            ("", &["/s/b.txt"], "/d/", "| /s/b.txt>/d/b.txt"),
            ("", &["/s/b.txt"], "/d/new/", "/d/new | /s/b.txt>/d/new/b.txt"),
            ("old.txt", &["/s/b.txt"], "/d/old.txt", "| /s/b.txt>/d/old.txt!"),
            ("", &["/s/a"], "/d", "/d/a /d/a/sub | /s/a/sub/y>/d/a/sub/y /s/a/x>/d/a/x"),
            ("", &["/s/a/"], "/d", "/d/sub | /s/a/sub/y>/d/sub/y /s/a/x>/d/x"),
            ("", &["/s/a"], "/d/n", "/d/n /d/n/a /d/n/a/sub | /s/a/sub/y>/d/n/a/sub/y /s/a/x>/d/n/a/x"),
            ("", &["/s/a/"], "/d/n", "/d/n /d/n/sub | /s/a/sub/y>/d/n/sub/y /s/a/x>/d/n/x"),
            ("a/sub/z", &["/s/a"], "/d", "| /s/a/sub/y>/d/a/sub/y /s/a/x>/d/a/x"),
            ("", &["/s/a/x", "/s/b.txt"], "/d", "| /s/a/x>/d/x /s/b.txt>/d/b.txt"),
            ("", &["/s/a/x", "/s/b.txt"], "/d/n", "/d/n | /s/a/x>/d/n/x /s/b.txt>/d/n/b.txt"),
        ];
        for (there, sources, goal, expected) in rows {
            let plan = make(tree, there, sources, goal).await;
            let plan = plan.unwrap_or_else(|error| panic!("{sources:?} {goal}: {error}"));
            assert_eq!(describe(&plan), *expected, "{sources:?} {goal}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_meant_is_refused_before_a_byte_is_copied() {
        let tree = "a/x b.txt c/x";
        let rows: &[(&str, &[&str], &str, TroubleKind, &str)] = &[
            ("", &["/s/missing"], "/d", TroubleKind::SourceNotFound, "does not exist"),
            ("", &["/s/b.txt/"], "/d", TroubleKind::SourceNotFound, "not a directory"),
            ("f", &["/s/a"], "/d/f", TroubleKind::DestinationDenied, "is a file"),
            ("f", &["/s/a/x", "/s/b.txt"], "/d/f", TroubleKind::DestinationDenied, "is a file"),
            ("", &["/s/b.txt"], "/d/no/new.txt", TroubleKind::DestinationDenied, "/d/no does not exist"),
            ("", &["/s/a"], "/d/no/new", TroubleKind::DestinationDenied, "/d/no does not exist"),
            ("", &["/s/a/x", "/s/c/x"], "/d", TroubleKind::Usage, "both become"),
            ("", &["/s/b.txt"], "/s/b.txt", TroubleKind::Usage, "in one"),
            ("", &["/s/a"], "/s/a", TroubleKind::Usage, "into itself"),
            ("", &["/s/"], "/s/a", TroubleKind::Usage, "into itself"),
        ];
        for (there, sources, goal, kind, expected) in rows {
            let trouble = make(tree, there, sources, goal).await.expect_err(goal);
            assert_eq!(trouble.kind, *kind, "{sources:?} {goal}: {trouble}");
            assert!(trouble.to_string().contains(expected), "{sources:?} {goal}: {trouble}");
        }
    }

    #[tokio::test]
    async fn equal_files_are_left_and_begun_ones_are_found() {
        let (mut source, mut destination) = testing::one_machine(&[
            ("/s/t/same", "12345"),
            ("/s/t/other", "12345"),
            ("/s/t/begun", "12345"),
            ("/s/t/junk.fxp-part", "1"),
            ("/s/t/dir", "now a file"),
            ("/s/t/in/f", "1"),
            ("/d/t/same", "12345"),
            ("/d/t/other", "1234"),
            ("/d/t/begun.fxp-part", "123"),
            ("/d/t/dir/x", "1"),
            ("/d/t/in", "a file in the way"),
        ]);
        let time = fxp_proto::listing::time::FtpTime { seconds: 1_000_000, nanoseconds: 0 };
        for path in ["/s/t/same", "/d/t/same", "/s/t/other", "/d/t/other"] {
            source.set_time(&VPath::parse(path.as_bytes()).expect("a path"), time).await.expect("set");
        }
        let origins = [Origin { side: 0, path: path("/s/t"), contents: false }];
        let goal = Goal { path: path("/d"), contents: false };
        let plan = plan_of_one(&mut source, &origins, &mut destination, &goal).await.expect("planned");
        assert_eq!(plan.unchanged, 1);
        assert_eq!(describe(&plan), "| /s/t/begun>/d/t/begun+3 /s/t/other>/d/t/other!");
        let mut conflicts: Vec<_> =
            plan.conflicts.iter().map(|failure| failure.trouble.to_string()).collect();
        conflicts.sort();
        assert_eq!(
            conflicts,
            ["/d/t/dir is a directory, and /s/t/dir is none", "/d/t/in is no directory, and /s/t/in is one"]
        );
        assert_eq!(plan.skipped.len(), 1);
        assert!(plan.skipped[0].source.ends_with("junk.fxp-part"));
    }

    async fn make(tree: &str, there: &str, sources: &[&str], goal: &str) -> Result<Plan, Trouble> {
        let mut files: Vec<(String, &str)> =
            tree.split_whitespace().map(|name| (format!("/s/{name}"), "source")).collect();
        files.push(("/d/.keep".into(), "x"));
        files.extend(there.split_whitespace().map(|name| (format!("/d/{name}"), "destination")));
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let (mut source, mut destination) = testing::one_machine(&files);
        let origins: Vec<Origin> = sources
            .iter()
            .map(|typed| Origin { side: 0, path: path(typed), contents: typed.ends_with('/') })
            .collect();
        let goal = Goal { path: path(goal), contents: goal.ends_with('/') };
        plan_of_one(&mut source, &origins, &mut destination, &goal).await
    }

    async fn plan_of_one(
        source: &mut Side,
        origins: &[Origin],
        destination: &mut Side,
        goal: &Goal,
    ) -> Result<Plan, Trouble> {
        let source = std::slice::from_mut(source);
        plan(source, origins, destination, goal, all(), &testing::go_on(), |_| {}).await
    }

    fn describe(plan: &Plan) -> String {
        let directories: Vec<String> = plan.directories.iter().map(ToString::to_string).collect();
        let mut text = directories.join(" ");
        text.push_str(if text.is_empty() { "|" } else { " |" });
        let mut steps = plan.steps.clone();
        steps.sort_by(|one, two| one.source.cmp(&two.source));
        for step in &steps {
            text.push_str(&format!(" {}>{}", step.source, step.destination));
            text.push_str(if step.replaces() { "!" } else { "" });
            text.push_str(&step.leftover.map(|part| format!("+{}", part.size)).unwrap_or_default());
        }
        text
    }

    fn all() -> Wish {
        Wish { recursive: true, ..Wish::default() }
    }

    fn path(text: &str) -> VPath {
        VPath::parse(text.as_bytes()).expect("a path")
    }
}
