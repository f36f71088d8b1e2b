//! Looks at everything beneath a directory, one listing after the other.
//!
//! The server is not trusted: names that would lead out of the directory are left out, depth and
//! number have ceilings, and links are never followed, so that no loop can be walked.

use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

use super::links::unmasked;
use crate::part;
use crate::report::{Skipped, Trouble, TroubleKind};
use crate::run::Stop;
use crate::side::Side;

/// What was found beneath a directory. Paths are relative to it, parents come before children.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) directories: Vec<VPath>,
    pub(crate) files: Vec<(VPath, Entry)>,
    /// Links, devices and parts, which are not copied. A removal deletes them all the same.
    pub(crate) others: Vec<(VPath, Entry)>,
    pub(crate) skipped: Vec<Skipped>,
}

/// Walks `root`.
pub(crate) async fn walk(side: &mut Side, root: &VPath, stop: &Stop) -> Result<Tree, Trouble> {
    let mut tree = Tree::default();
    let mut waiting = vec![VPath::root()];
    let mut seen = 0_usize;
    while let Some(relative) = waiting.pop() {
        if *stop.borrow() {
            return Err(interrupted());
        }
        let directory = beneath(root, &relative);
        let entries = unmasked(side, &directory).await?;
        seen = seen.saturating_add(entries.len());
        if seen > MAX_ENTRIES {
            return Err(Trouble::new(
                TroubleKind::Limit,
                format!("{} holds more than {MAX_ENTRIES} files and directories", side.name(root)),
            )
            .remedy("copy its subdirectories one by one"));
        }
        for entry in entries {
            if leads_elsewhere(&entry.name) {
                tree.skipped.push(unnamed(&entry, &side.name(&directory)));
                continue;
            }
            let Ok(path) = relative.child(&entry.name) else {
                let source = format!("{} in {}", entry.name, side.name(&directory));
                tree.skipped.push(Skipped { source, reason: "its path is too long".to_owned() });
                continue;
            };
            match entry.kind {
                Kind::Directory if path.components().len() > MAX_DEPTH => {
                    return Err(Trouble::new(
                        TroubleKind::Limit,
                        format!("{} is more than {MAX_DEPTH} directories deep", side.name(root)),
                    ));
                }
                Kind::Directory => {
                    tree.directories.push(path.clone());
                    waiting.push(path);
                }
                Kind::File if !part::is_part(&entry.name) => tree.files.push((path, entry)),
                Kind::File | Kind::Symlink(_) | Kind::Other => {
                    let source = side.name(&beneath(root, &path));
                    tree.skipped.push(Skipped { source, reason: why_left_out(&entry.kind) });
                    tree.others.push((path, entry));
                }
            }
        }
    }
    tree.directories.sort();
    tree.files.sort_by(|(one, _), (two, _)| one.cmp(two));
    Ok(tree)
}

/// The path `relative`, seen from `root`.
pub(crate) fn beneath(root: &VPath, relative: &VPath) -> VPath {
    relative.components().iter().fold(root.clone(), |path, name| {
        // Both are paths already, and a child only grows; what is too long is refused by the server.
        path.child(name).unwrap_or(path)
    })
}

/// The run was stopped.
pub(crate) fn interrupted() -> Trouble {
    Trouble::new(TroubleKind::Interrupted, "interrupted")
        .class(fxp_proto::pair::exchange::Refusal::Aborted)
        .remedy("the same command goes on where this one stopped")
}

/// True for a name that no file in a directory can have.
pub(crate) fn leads_elsewhere(name: &Text) -> bool {
    let bytes = name.as_bytes();
    bytes.is_empty() || bytes == b"." || bytes == b".." || bytes.contains(&b'/')
}

/// An entry that [`leads_elsewhere`] is not copied: what is told of it.
pub(crate) fn unnamed(entry: &Entry, directory: &str) -> Skipped {
    match &entry.left_out {
        Some(left_out) => {
            Skipped { source: format!("{left_out} in {directory}"), reason: left_out.reason().to_owned() }
        }
        None => Skipped {
            source: format!("{} in {directory}", entry.name),
            reason: "the server listed it under a name that would lead elsewhere".to_owned(),
        },
    }
}

pub(super) fn why_left_out(kind: &Kind) -> String {
    match kind {
        Kind::Symlink(Some(target)) => {
            format!("it is a symbolic link to {target}, and links are not followed")
        }
        Kind::Symlink(None) => "it is a symbolic link, and links are not followed".to_owned(),
        Kind::File => "it is a part of an interrupted copy".to_owned(),
        _ => "it is neither a file nor a directory".to_owned(),
    }
}

/// The most files and directories of one walk: at some 300 bytes each this is what a plan may hold in memory.
pub(crate) const MAX_ENTRIES: usize = 1_000_000;

/// The deepest directory that is walked. A path of 4095 bytes could be deeper, a real tree is not.
pub(crate) const MAX_DEPTH: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn links_and_parts_are_left_out_with_the_reason_and_nothing_else_is() {
        let (mut side, _) = testing::one_machine(&[
            ("/t/b", "1"),
            ("/t/a/x", "1"),
            ("/t/a/deep/y", "1"),
            ("/t/old.fxp-part", "1"),
            ("/elsewhere/z", "1"),
        ]);
        let Side::Local(files) = &side else { panic!("a local side") };
        for (target, link) in
            [("/elsewhere", "/t/to-directory"), ("nowhere", "/t/a/dangling"), ("..", "/t/up")]
        {
            let link = VPath::parse(link.as_bytes()).expect("a path");
            files.storage.symlink(&target.into(), &link).expect("made");
        }
        let tree =
            walk(&mut side, &VPath::parse(b"/t").expect("a path"), &testing::go_on()).await.expect("walked");
        let shown = |paths: Vec<&VPath>| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(tree.directories.iter().collect()), ["/a", "/a/deep"]);
        assert_eq!(shown(tree.files.iter().map(|(path, _)| path).collect()), ["/a/deep/y", "/a/x", "/b"]);
        let mut reasons: Vec<String> =
            tree.skipped.iter().map(|skipped| format!("{}: {}", skipped.source, skipped.reason)).collect();
        reasons.sort();
        assert_eq!(reasons.len(), 4, "{reasons:?}");
        assert!(reasons.iter().any(|reason| reason.contains("dangling") && reason.contains("link")));
        assert!(
            reasons.iter().any(|reason| reason.contains("old.fxp-part") && reason.contains("interrupted"))
        );
    }

    #[tokio::test]
    async fn a_bottomless_tree_is_refused_and_a_stopped_walk_ends() {
        let deep = format!("/t{}/f", "/d".repeat(MAX_DEPTH + 1));
        let (mut side, _) = testing::one_machine(&[(deep.as_str(), "1")]);
        let root = VPath::parse(b"/t").expect("a path");
        let refused = walk(&mut side, &root, &testing::go_on()).await.expect_err("too deep");
        assert_eq!(refused.kind, TroubleKind::Limit);
        let stop = tokio::sync::watch::channel(true).1;
        let refused = walk(&mut side, &root, &stop).await.expect_err("stopped");
        assert_eq!(refused.kind, TroubleKind::Interrupted);
    }

    #[test]
    fn names_that_lead_out_of_their_directory_are_no_names() {
        for (name, expected) in
            [("..", true), (".", true), ("a/b", true), ("/etc", true), ("...", false), ("-rf", false)]
        {
            assert_eq!(leads_elsewhere(&Text::new(name).expect("a text")), expected, "{name}");
        }
        assert!(leads_elsewhere(&Text::default()));
    }
}
