//! What stands at the destination only.

use std::collections::{BTreeMap, HashSet, VecDeque};

use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

use super::making_way::{Ear, Gathered};
use super::{Deaf, Extras, Root, Sight, Survey, is_about_this};
use crate::part;
use crate::plan::item::Extra;
use crate::plan::walk::{MAX_DEPTH, interrupted, leads_elsewhere};
use crate::report::{FileFailure, Trouble, TroubleKind};

impl Survey {
    /// What stands in `root`'s place at the destination only.
    pub(super) async fn tell_extras(
        &self,
        root: &Root,
        there: BTreeMap<Text, Entry>,
        names: &HashSet<Text>,
    ) -> Result<Result<(), Deaf>, Trouble> {
        // What passes for a directory there and is a link: asked for once, before the first one is entered.
        let mut links: Option<HashSet<Text>> = None;
        for (name, entry) in there {
            let (Ok(path), Ok(relative)) = (root.target.child(&name), root.relative.child(&name)) else {
                continue;
            };
            if leads_elsewhere(&name) || !self.is_extra(&relative, &entry, names) {
                continue;
            }
            let walked = matches!(self.extras, Extras::Walked { .. }) && entry.kind == Kind::Directory;
            if walked && links.is_none() {
                match self.destination.names_of_links(&root.target).await {
                    Ok(told) => links = Some(told.into_iter().collect()),
                    Err(trouble) if is_about_this(&trouble) => {
                        // Whoever cannot tell a link from a directory deletes neither.
                        let told = self.stays(&path, trouble).await;
                        if told.is_err() {
                            return Ok(Err(Deaf));
                        }
                        continue;
                    }
                    Err(trouble) => return Err(trouble.on(Some(Leg::Destination))),
                }
            }
            let is_link = links.as_ref().is_some_and(|links| links.contains(&name));
            let told = match walked {
                true if is_link => {
                    let entry = Entry { kind: Kind::Symlink(None), ..entry };
                    self.tell(Sight::Extra { path, entry }).await
                }
                true => self.beneath(path, relative, entry, &mut Ear::Listener).await?,
                false => self.tell(Sight::Extra { path, entry }).await,
            };
            if told.is_err() {
                return Ok(Err(Deaf));
            }
        }
        Ok(Ok(()))
    }

    /// True if the source has nothing of that name, and no rule protects it.
    fn is_extra(&self, relative: &VPath, entry: &Entry, names: &HashSet<Text>) -> bool {
        if self.filter.excludes(relative, entry.kind == Kind::Directory) {
            return self.deletes_even_excluded();
        }
        let whole = entry.name.as_bytes().strip_suffix(part::SUFFIX.as_bytes());
        let of_source =
            whole.and_then(|whole| Text::new(whole).ok()).is_some_and(|whole| names.contains(&whole));
        !names.contains(&entry.name) && !of_source
    }

    /// True if a rule keeps what stands at the destination from being deleted.
    pub(super) fn is_protected(&self, relative: &VPath, is_directory: bool) -> bool {
        self.filter.excludes(relative, is_directory) && !self.deletes_even_excluded()
    }

    fn deletes_even_excluded(&self) -> bool {
        matches!(self.extras, Extras::Walked { even_excluded: true })
    }

    /// Gathers a directory at the destination with all that is in it.
    pub(super) async fn gather_beneath(
        &self,
        path: VPath,
        relative: VPath,
        entry: Entry,
        gathered: &mut Gathered,
    ) -> Result<(), Trouble> {
        let nobody_is_deaf = self.beneath(path, relative, entry, &mut Ear::Gathering(gathered)).await?;
        debug_assert!(nobody_is_deaf.is_ok(), "nobody was told");
        Ok(())
    }

    /// All that is in a directory that stands at the destination only, children first. What a rule protects stays,
    /// and so do the directories above it.
    async fn beneath(
        &self,
        path: VPath,
        relative: VPath,
        entry: Entry,
        ear: &mut Ear<'_>,
    ) -> Result<Result<(), Deaf>, Trouble> {
        enum Step {
            Enter(VPath, VPath, Entry, usize),
            Leave(VPath, Entry, usize),
        }
        let nobody = HashSet::new();
        let mut steps = VecDeque::from([Step::Enter(path, relative, entry, 0)]);
        // One per directory that was entered and not yet left: true if something in it stays.
        let mut stays = vec![false];
        while let Some(step) = steps.pop_back() {
            if *self.stop.borrow() {
                return Err(interrupted());
            }
            let (path, relative, entry, depth) = match step {
                Step::Enter(path, relative, entry, depth) => (path, relative, entry, depth),
                Step::Leave(path, entry, depth) => {
                    let stay = stays.pop().unwrap_or_default();
                    stays[depth] |= stay;
                    if !stay && self.goes(ear, path, entry).await.is_err() {
                        return Ok(Err(Deaf));
                    }
                    continue;
                }
            };
            let listed = match depth > MAX_DEPTH {
                true => Err(Trouble::new(
                    TroubleKind::Limit,
                    format!("{} is more than {MAX_DEPTH} directories deep", self.destination.name(&path)),
                )),
                false => self.destination.list_to_delete(&path).await,
            };
            stays.push(false);
            steps.push_back(Step::Leave(path.clone(), entry, depth));
            let entries = match listed {
                Ok(entries) => entries,
                Err(trouble) if is_about_this(&trouble) || trouble.kind == TroubleKind::Limit => {
                    stays[depth + 1] = true;
                    let told = match ear {
                        Ear::Listener => self.stays(&path, trouble).await,
                        Ear::Gathering(gathered) => gathered.keep_for(&trouble),
                    };
                    if told.is_err() {
                        return Ok(Err(Deaf));
                    }
                    continue;
                }
                Err(trouble) => return Err(trouble.on(Some(Leg::Destination))),
            };
            for entry in entries.into_iter().rev() {
                let paths = (path.child(&entry.name), relative.child(&entry.name));
                let (Ok(path), Ok(relative)) = paths else {
                    stays[depth + 1] = true;
                    ear.has_no_name(&entry, &self.destination.name(&path));
                    continue;
                };
                if leads_elsewhere(&entry.name) {
                    stays[depth + 1] = true;
                    ear.has_no_name(&entry, &self.destination.name(&path.parent()));
                } else if !self.is_extra(&relative, &entry, &nobody) {
                    stays[depth + 1] = true;
                    ear.is_protected(&self.destination.name(&path));
                } else if entry.kind == Kind::Directory {
                    steps.push_back(Step::Enter(path, relative, entry, depth + 1));
                } else if self.goes(ear, path, entry).await.is_err() {
                    return Ok(Err(Deaf));
                }
            }
        }
        Ok(Ok(()))
    }

    async fn goes(&self, ear: &mut Ear<'_>, path: VPath, entry: Entry) -> Result<(), Deaf> {
        match ear {
            Ear::Listener => self.tell(Sight::Extra { path, entry }).await,
            Ear::Gathering(gathered) => {
                gathered.obstacle.push(&Extra::of(path, &entry));
                Ok(())
            }
        }
    }

    /// Nobody knows which names at the destination belong to links of this source.
    pub(super) fn unsure(&self, trouble: Trouble, root: &Root) -> Trouble {
        let what = format!("nothing in {} is deleted: {}", self.destination.name(&root.target), trouble.what);
        let unsure = Trouble { what, ..trouble }.on(Some(Leg::Source));
        unsure.remedy("a link that MLSD leaves out may have such a name, and only LIST would tell")
    }

    /// Something that would have to be deleted stays.
    async fn stays(&self, path: &VPath, trouble: Trouble) -> Result<(), Deaf> {
        let name = self.destination.name(path);
        let trouble = trouble.on(Some(Leg::Destination));
        let failure = FileFailure { source: name.clone(), destination: name, trouble };
        self.tell(Sight::Failed(Box::new(failure))).await
    }
}
