//! A move that is continued may find that its source is gone: it was copied, proven and deleted, and the run was
//! killed before it could say so. What the journal says of the copies, and what stands at the destination, decides.

use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;

use crate::journal::Left;
use crate::report::{Event, Trouble, TroubleKind};
use crate::run::Run;

/// What became of a source that is gone.
enum Fate {
    /// So many files were moved, and their copies are there.
    Moved(u64),
    /// Nobody can say that, and why.
    Unproven(String),
    /// The journal knows nothing of it.
    Unknown,
}

impl Run {
    /// Takes those sources out that an earlier run has moved, and counts their files.
    pub(super) async fn leave_out_what_was_moved(&mut self) -> Result<u64, Trouble> {
        let mut moved = 0;
        let mut left = Vec::new();
        for origin in std::mem::take(&mut self.origins) {
            let side = &mut self.sources[origin.side];
            let at_source = |trouble: Trouble| trouble.on(Some(Leg::Source));
            if side.stat(&origin.path).await.map_err(at_source)?.is_some() {
                left.push(origin);
                continue;
            }
            let place = side.name(&origin.path);
            let identity = side.identity(&origin.path);
            match self.fate_of(&identity).await? {
                Fate::Moved(files) => {
                    moved += files;
                    let text = format!(
                        "{place} is gone because an earlier run has moved it: the journal says that the copy was proven, \
                         and it is there"
                    );
                    self.event(Event::Fallback { file: None, text });
                }
                Fate::Unproven(why) => {
                    let what = format!("{place} does not exist, and {why}");
                    return Err(at_source(Trouble::new(TroubleKind::SourceNotFound, what)).remedy(
                        "if the copy at the destination is what it should be, there is nothing left to do, and \
                         `fxp resume --forget JOB` drops the job",
                    ));
                }
                Fate::Unknown => left.push(origin),
            }
        }
        self.origins = left;
        Ok(moved)
    }

    async fn fate_of(&mut self, source: &str) -> Result<Fate, Trouble> {
        let files = self.context.ledger.left_by(source).await;
        if files.is_empty() {
            return Ok(Fate::Unknown);
        }
        let root = self.destination.identity(&VPath::root());
        let root = root.strip_suffix('/').unwrap_or(&root);
        for Left { destination, size, finished, .. } in &files {
            let path = destination.strip_prefix(root).and_then(|path| VPath::parse(path.as_bytes()).ok());
            let Some(path) = path else {
                return Ok(Fate::Unproven(format!("its copy went to {destination}, which is another place")));
            };
            let place = self.destination.name(&path);
            if !finished {
                return Ok(Fate::Unproven(format!(
                    "the journal does not say that the copy at {place} was ever proven"
                )));
            }
            let there =
                self.destination.size(&path).await.map_err(|trouble| trouble.on(Some(Leg::Destination)))?;
            match there {
                Some(there) if Some(there) == *size => {}
                Some(there) => {
                    let was = size.map_or_else(|| "another number of".to_owned(), |size| size.to_string());
                    return Ok(Fate::Unproven(format!(
                        "the copy at {place}, which had {was} bytes when it was proven, has {there} now"
                    )));
                }
                None => {
                    return Ok(Fate::Unproven(format!(
                        "the copy at {place} that was proven is not there any more"
                    )));
                }
            }
        }
        // The journal knows the files that were begun, and nothing of those that were still to come.
        if files.iter().any(|file| file.beneath) && !self.context.ledger.had_finished() {
            let why = "the journal does not say that all files in it had been found and moved";
            return Ok(Fate::Unproven(why.to_owned()));
        }
        Ok(Fate::Moved(files.len() as u64))
    }
}
