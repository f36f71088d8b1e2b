//! Looks at everything beneath a directory, one listing after the other.
//!
//! The server is not trusted: names that would lead out of the directory are left out, depth and
//! number have ceilings, and links are never followed, so that no loop can be walked.

use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

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
        let entries = side.list(&directory).await?;
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
                let source = format!("{} in {}", entry.name, side.name(&directory));
                let reason = "the server listed it under a name that would lead elsewhere".to_owned();
                tree.skipped.push(Skipped { source, reason });
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
fn leads_elsewhere(name: &Text) -> bool {
    let bytes = name.as_bytes();
    bytes.is_empty() || bytes == b"." || bytes == b".." || bytes.contains(&b'/')
}

fn why_left_out(kind: &Kind) -> String {
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
const MAX_DEPTH: usize = 200;
