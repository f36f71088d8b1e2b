//! What stands at the destination under the name of something of another kind: an error, or (with `--delete`) found out
//! to the last file, so that it can make way.

use std::sync::Arc;

use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;

use super::{Deaf, Extras, Found, Root, Sight, Survey, Twin, is_about_this};
use crate::plan::item::Extra;
use crate::plan::obstacle::{self, Obstacle, over_limit, stays};
use crate::report::Trouble;

/// What is gathered of an obstacle.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) obstacle: Obstacle,
    /// Why it stays, and what would help.
    pub(super) stays: Option<(String, String)>,
}

impl Gathered {
    /// What could not be listed stays, and nobody else is told.
    pub(super) fn keep_for(&mut self, trouble: &Trouble) -> Result<(), Deaf> {
        self.keep(format!("since what is in it cannot be told: {trouble}"), BY_HAND);
        Ok(())
    }

    fn keep(&mut self, why: String, remedy: &str) {
        self.stays.get_or_insert_with(|| (why, remedy.to_owned()));
    }
}

/// Who is told of what is in a directory.
pub(super) enum Ear<'e> {
    /// Whoever listens to the survey.
    Listener,
    /// Nobody yet: it is gathered, and goes whole or not at all.
    Gathering(&'e mut Gathered),
}

impl Ear<'_> {
    /// Something has no name by which it could be deleted.
    pub(super) fn has_no_name(&mut self, entry: &Entry, directory: &str) {
        if let Ear::Gathering(gathered) = self {
            let name = entry.left_out.as_ref().map_or_else(|| entry.name.to_string(), ToString::to_string);
            gathered.keep(format!("since {name} in {directory} cannot be deleted by that name"), BY_HAND);
        }
    }

    /// A rule keeps something.
    pub(super) fn is_protected(&mut self, name: &str) {
        if let Ear::Gathering(gathered) = self {
            gathered.keep(format!("since a rule protects {name}"), HOW_TO_UNPROTECT);
        }
    }
}

impl Survey {
    /// True if what is in the way is to go.
    pub(super) fn clears(&self) -> bool {
        matches!(self.extras, Extras::Walked { .. })
    }

    /// A file or a link of the source, once it is known what has to make way for it, or that it cannot have its name.
    pub(crate) async fn make_way(&self, sight: Sight, relative: &VPath) -> Result<Sight, Trouble> {
        let (side, source, target, standing) = match &sight {
            Sight::File(found) => (found.side, &found.source, &found.target, &found.there),
            Sight::Link(twin) => (twin.side, &twin.source, &twin.target, &twin.there),
            _ => return Ok(sight),
        };
        let Some(standing) = standing.as_ref().filter(|entry| entry.kind == Kind::Directory) else {
            return Ok(sight);
        };
        let clash = self.clash(side, source, target, false);
        let gathered = match self.clears() {
            true => self.gather(target, relative, standing.clone()).await?,
            false => return Ok(self.clashing(side, source, target, clash)),
        };
        if let Some((why, remedy)) = gathered.stays {
            return Ok(self.clashing(side, source, target, stays(clash, &why, &remedy)));
        }
        self.toll.add(gathered.obstacle.count);
        let in_the_way = Some(Arc::new(gathered.obstacle));
        Ok(match sight {
            Sight::File(found) => Sight::File(Box::new(Found { there: None, in_the_way, ..*found })),
            Sight::Link(twin) => Sight::Link(Box::new(Twin { in_the_way, ..*twin })),
            other => other,
        })
    }

    /// A directory of the source in whose place something else stands: that is to make way, unless it may not.
    pub(super) fn enter_obstructed(&self, root: &Root) -> Option<Sight> {
        let clash = self.clash(root.side, &root.source, &root.target, true);
        let clash = match self.clears() {
            false => clash,
            true if self.is_protected(&root.relative, false) => stays(clash, BY_RULE, HOW_TO_UNPROTECT),
            true => {
                self.toll.add(1);
                return None;
            }
        };
        Some(self.clashing(root.side, &root.source, &root.target, clash))
    }

    /// A directory that has to wait for the end of the walk, and may not be made: too much would be deleted.
    pub(super) fn refused(&self, root: &Root) -> Option<Sight> {
        self.toll.exceeded()?;
        let clash = over_limit(self.clash(root.side, &root.source, &root.target, true));
        Some(self.clashing(root.side, &root.source, &root.target, clash))
    }

    /// What stands in the place of a directory of the source, which was listed.
    pub(super) fn obstacle_at(root: &Root) -> Obstacle {
        Obstacle::single(&Extra { path: root.target.clone(), directory: false, size: None })
    }

    /// True if a link at the destination, which cannot be listed, is known to lead to no directory.
    pub(super) async fn leads_to_no_directory(&self, link: &VPath) -> Result<bool, Trouble> {
        match self.destination.leads_to(link).await {
            // Nothing is known of what it leads to where nobody may look, or a disk is not mounted.
            Ok(end) => Ok(end.is_some_and(|entry| entry.kind != Kind::Directory)),
            Err(trouble) if is_about_this(&trouble) => Ok(false),
            Err(trouble) => Err(trouble.on(Some(Leg::Destination))),
        }
    }

    /// All that would go with a directory. What passes for one may be a link, which goes alone.
    async fn gather(&self, path: &VPath, relative: &VPath, entry: Entry) -> Result<Gathered, Trouble> {
        let mut gathered = Gathered::default();
        let links = match self.destination.names_of_links(&path.parent()).await {
            Ok(links) => links,
            Err(trouble) if is_about_this(&trouble) => {
                gathered.keep(format!("since nobody can tell whether it is a link: {trouble}"), BY_HAND);
                return Ok(gathered);
            }
            Err(trouble) => return Err(trouble.on(Some(Leg::Destination))),
        };
        if self.is_protected(relative, true) {
            gathered.keep(BY_RULE.to_owned(), HOW_TO_UNPROTECT);
        } else if path.name().is_some_and(|name| links.contains(name)) {
            gathered.obstacle = Obstacle::single(&Extra { path: path.clone(), directory: false, size: None });
        } else {
            gathered.obstacle.path = path.clone();
            self.gather_beneath(path.clone(), relative.clone(), entry, &mut gathered).await?;
        }
        Ok(gathered)
    }

    fn clash(&self, side: usize, source: &VPath, target: &VPath, source_is_directory: bool) -> Trouble {
        let (source, target) = (self.sources[side].name(source), self.destination.name(target));
        obstacle::clash(&source, &target, source_is_directory).on(Some(Leg::Destination))
    }

    fn clashing(&self, side: usize, source: &VPath, target: &VPath, trouble: Trouble) -> Sight {
        Sight::Failed(self.failure(side, source, target, trouble))
    }
}

const BY_RULE: &str = "since a rule protects it";

const HOW_TO_UNPROTECT: &str =
    "--delete-excluded deletes what rules leave out, too; or rename one of the two";

const BY_HAND: &str = "delete it by hand, or rename one of the two";
