//! The directories above one, told from each other: so that a walk that follows links does not go in circles.
//!
//! A directory is the same as one above it if the server calls both by the same `unique` fact and they have the same
//! time, or if it says after CWD that it is in the same place. Where it tells neither, the number of links on the way
//! has a ceiling. Where no link is seen on the way, there may be one that the server hides (pyftpdlib), or it calls
//! everything the same, and that shall hide nothing: then `unique` counts only if it was seen to differ.

use std::sync::Arc;

use fxp_proto::listing::entry::Entry;
use fxp_proto::listing::time::FtpTime;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

/// A directory, and those above it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail(Option<Arc<Node>>);

#[derive(Debug)]
struct Node {
    /// As it was reached.
    path: VPath,
    /// Where it is, if a link lies on the way and the server tells.
    real: Option<VPath>,
    unique: Option<(Text, FtpTime)>,
    /// Links on the way.
    links: usize,
    above: Trail,
}

/// Why a directory is not entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Circle {
    /// It is this one above it.
    Back(VPath),
    /// There are too many links on the way.
    TooManyLinks,
}

impl Trail {
    /// The beginning of a walk.
    pub(crate) fn begin(path: &VPath, entry: &Entry) -> Self {
        Trail(Some(Arc::new(Node {
            path: path.clone(),
            real: None,
            unique: unique(entry),
            links: 0,
            above: Trail(None),
        })))
    }

    /// The directory `entry`, which was reached as `path`. `link` if that is a link, with the place that it leads to
    /// as the server calls it. `telling` if things beside it have different `unique` facts.
    pub(crate) fn enter(
        &self,
        path: &VPath,
        entry: &Entry,
        link: Option<Option<VPath>>,
        telling: bool,
    ) -> Result<Trail, Circle> {
        let here = self.0.as_deref();
        let links = here.map_or(0, |here| here.links) + usize::from(link.is_some());
        if links > MAX_LINKS {
            return Err(Circle::TooManyLinks);
        }
        let real = match link {
            Some(real) => real,
            None => here.and_then(|here| here.real.as_ref()?.child(path.name()?).ok()),
        };
        let node = Node { path: path.clone(), real, unique: unique(entry), links, above: self.clone() };
        let by_name = |above: &&Node| above.unique.is_some() && above.unique == node.unique;
        let differs = || {
            self.above()
                .any(|above| matches!((&above.unique, &node.unique), (Some(a), Some(b)) if a.0 != b.0))
        };
        let believed = links > 0 || telling || differs() || self.above().filter(by_name).count() >= MAX_ALIKE;
        let again = self.above().find(|above| (believed && by_name(above)) || above.is_where(&node));
        match again {
            Some(above) => Err(Circle::Back(above.path.clone())),
            None => Ok(Trail(Some(Arc::new(node)))),
        }
    }

    /// True if a link lies on the way.
    pub(crate) fn is_behind_link(&self) -> bool {
        self.0.as_ref().is_some_and(|here| here.links > 0)
    }

    /// From here upwards.
    fn above(&self) -> impl Iterator<Item = &Node> {
        std::iter::successors(self.0.as_deref(), |node| node.above.0.as_deref())
    }
}

impl Node {
    /// True if it is in the same place, as far as the server tells; without a link on the way nothing is twice.
    fn is_where(&self, other: &Node) -> bool {
        let place = |node: &Node| node.real.clone().unwrap_or_else(|| node.path.clone());
        other.links > 0 && place(self) == place(other)
    }
}

/// True if two of them have `unique` facts that differ.
pub(crate) fn are_told_apart(entries: &[Entry]) -> bool {
    let mut told = entries.iter().filter_map(|entry| entry.unique.as_ref());
    let first = told.next();
    told.any(|other| Some(other) != first)
}

/// What makes a directory known again. Without a time it is too little: some servers call everything the same.
fn unique(entry: &Entry) -> Option<(Text, FtpTime)> {
    let unique = entry.unique.clone().filter(|unique| !unique.is_empty())?;
    Some((unique, entry.modified?.0))
}

/// So many directories above one look like it: a real tree is not like that, and two hidden circles beside each other
/// would soon have more paths than anybody can walk.
const MAX_ALIKE: usize = 32;

/// The most links on the way to a directory: more than a sane tree has, and few enough for a server that does not tell
/// where it is.
const MAX_LINKS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use fxp_proto::listing::entry::{Kind, Precision};

    fn path(text: &str) -> VPath {
        VPath::parse(text.as_bytes()).expect("a path")
    }

    fn directory(unique: Option<&str>, time: i64) -> Entry {
        let modified = Some((FtpTime { seconds: time, nanoseconds: 0 }, Precision::Second));
        let unique = unique.map(|unique| Text::new(unique).expect("a text"));
        Entry { unique, modified, ..Entry::new("d".into(), Kind::Directory) }
    }

    #[test]
    fn what_a_server_calls_the_same_is_no_circle_where_it_tells_nothing_apart() {
        let alike = directory(Some("0"), 1);
        let mut trail = Trail::begin(&path("/t"), &alike);
        let mut at = path("/t");
        // Made in the same second, and called the same.
        for _ in 1..MAX_ALIKE {
            at = at.child(&"d".into()).expect("a path");
            trail = trail.enter(&at, &alike, None, false).expect("another one");
        }
        let at = at.child(&"d".into()).expect("a path");
        assert_eq!(trail.enter(&at, &alike, None, false).err(), Some(Circle::Back(at.parent())));
        // Something beside it is called otherwise: the name means something.
        let trail = Trail::begin(&path("/t"), &alike);
        assert!(trail.enter(&path("/t/d"), &alike, None, false).is_ok());
        assert_eq!(trail.enter(&path("/t/d"), &alike, None, true).err(), Some(Circle::Back(path("/t"))));
        assert!(are_told_apart(&[alike.clone(), directory(None, 1), directory(Some("1"), 1)]));
        assert!(!are_told_apart(&[alike.clone(), directory(None, 1), alike.clone()]));
        // Without times nobody knows.
        let timeless = Entry { modified: None, ..alike };
        let trail = Trail::begin(&path("/t"), &timeless);
        assert!(trail.enter(&path("/t/d"), &timeless, None, true).is_ok());
    }

    #[test]
    fn a_circle_is_seen_by_what_the_server_calls_unique() {
        let trail = Trail::begin(&path("/t"), &directory(Some("1"), 1));
        let below = trail.enter(&path("/t/a"), &directory(Some("2"), 2), None, false).expect("new");
        assert_eq!(
            below.enter(&path("/t/a/up"), &directory(Some("1"), 1), Some(None), false).err(),
            Some(Circle::Back(path("/t")))
        );
        // pyftpdlib shows what a link leads to in its place, and nobody can see that it is one.
        assert_eq!(
            below.enter(&path("/t/a/self"), &directory(Some("2"), 2), None, false).err(),
            Some(Circle::Back(path("/t/a")))
        );
        // A server that calls everything the same hides nothing.
        assert!(below.enter(&path("/t/a/b"), &directory(Some("2"), 3), None, false).is_ok());
        let side =
            below.enter(&path("/t/a/side"), &directory(Some("9"), 9), Some(None), false).expect("elsewhere");
        assert!(side.is_behind_link() && !below.is_behind_link());
        assert_eq!(
            side.enter(&path("/t/a/side/t"), &directory(Some("1"), 1), None, false).err(),
            Some(Circle::Back(path("/t")))
        );
    }

    #[test]
    fn a_circle_is_seen_by_where_the_server_says_it_is() {
        let plain = directory(None, 0);
        let trail = Trail::begin(&path("/t"), &plain);
        let below = trail.enter(&path("/t/a"), &plain, None, false).expect("new");
        assert_eq!(
            below.enter(&path("/t/a/up"), &plain, Some(Some(path("/t"))), false).err(),
            Some(Circle::Back(path("/t")))
        );
        // What is above all that is walked is new once; what is walked comes again in it.
        let root =
            below.enter(&path("/t/a/root"), &plain, Some(Some(path("/"))), false).expect("not walked yet");
        assert!(root.enter(&path("/t/a/root/b"), &plain, None, false).is_ok());
        assert_eq!(
            root.enter(&path("/t/a/root/t"), &plain, None, false).err(),
            Some(Circle::Back(path("/t")))
        );
    }

    #[test]
    fn where_the_server_tells_nothing_links_have_a_ceiling() {
        let plain = directory(None, 0);
        let mut trail = Trail::begin(&path("/t"), &plain);
        let mut at = path("/t");
        for _ in 0..MAX_LINKS {
            at = at.child(&"up".into()).expect("a path");
            // It calls itself what it was called.
            trail = trail.enter(&at, &plain, Some(Some(at.clone())), false).expect("who knows");
        }
        let at = at.child(&"up".into()).expect("a path");
        assert_eq!(trail.enter(&at, &plain, Some(Some(at.clone())), false).err(), Some(Circle::TooManyLinks));
    }
}
