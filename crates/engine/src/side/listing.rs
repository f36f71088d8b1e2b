//! What is in directories of a side, one by one, or several at once where the server bears that.

use fxp_client::session::Session;
use fxp_proto::client::manners::Queueing;
use fxp_proto::listing::entry::Entry;
use fxp_proto::path::VPath;
use fxp_store::storage::{Storage, StoreError};

use super::{Side, path_kind};
use crate::pool::Link;
use crate::queueing;
use crate::report::{Trouble, TroubleKind};

impl Side {
    /// The entries of a directory.
    pub(crate) async fn list(&mut self, path: &VPath) -> Result<Vec<Entry>, Trouble> {
        self.list_one(path, false).await
    }

    /// The entries of a directory; if it was `asked` for among several, and not told, in another way.
    async fn list_one(&mut self, path: &VPath, asked: bool) -> Result<Vec<Entry>, Trouble> {
        let what = format!("listing {}", self.name(path));
        match self {
            Side::Remote(link) => match list_remote(link, path, &what, asked).await {
                // A reply with too many lines ends the session; over a data connection there may be more.
                Err(trouble)
                    if trouble.kind == TroubleKind::Network && link.known().stat_lists == Some(true) =>
                {
                    link.learn(|known| known.stat_lists = Some(false));
                    list_remote(link, path, &what, asked).await
                }
                listed => listed,
            },
            Side::Local(files) => files.plain(path, &what, list_local).await,
        }
    }

    /// How many directories [`Side::list_several`] lists at once.
    pub(crate) async fn listed_at_once(&mut self) -> usize {
        let Side::Remote(link) = self else { return 1 };
        let known = link.known();
        let queues = queueing::remembered(&known).is_none_or(|queueing| queueing > Queueing::None);
        match link.session().await {
            Ok(session) if queues => {
                session.expect_stat_lists(known.stat_lists);
                if session.lists_in_replies() { Session::LISTED_AT_ONCE } else { 1 }
            }
            // Whoever lists will hear why.
            Ok(_) | Err(_) => 1,
        }
    }

    /// Lists directories, without a wait for each where the server bears that. One result each.
    pub(crate) async fn list_several(&mut self, paths: &[VPath]) -> Vec<Result<Vec<Entry>, Trouble>> {
        let (mut told, mut lost) = (Vec::new(), false);
        if let Side::Remote(link) = self
            && (paths.len() > 1 || queueing::remembered(&link.known()).is_some())
            && let Ok(queueing) = queueing::of(link).await
            && queueing > Queueing::None
        {
            let known = link.known().stat_lists;
            if let Some(session) = link.open_session() {
                session.expect_stat_lists(known);
                told = session.list_several(paths, queueing).await;
                lost = !session.is_usable();
                if lost {
                    // A server that hangs up has other reasons.
                    if session.is_out_of_step() {
                        queueing::lower(link, queueing);
                    }
                    link.retire();
                }
            }
        }
        // Where the session was lost, nobody knows which of them were.
        let asked = !told.is_empty() && !lost;
        told.resize(paths.len(), None);
        let mut listed = Vec::with_capacity(paths.len());
        let mut unreachable = None;
        for (path, told) in paths.iter().zip(told) {
            listed.push(match (told, &unreachable) {
                (Some(entries), _) => Ok(entries),
                // Each one would wait in vain as long as the first: whoever ordered it may ask again.
                (None, Some(trouble)) => Err(Trouble::clone(trouble)),
                (None, None) => self.list_one(path, asked).await,
            });
            if let Some(Err(trouble)) = listed.last()
                && trouble.kind == TroubleKind::Network
                // A server that says something is there, and speaks of this directory.
                && trouble.words.is_none()
            {
                unreachable = Some(trouble.clone());
            }
        }
        listed
    }
}

/// By whichever way is quickest on this server and truthful; what is found out about that is remembered.
async fn list_remote(link: &mut Link, path: &VPath, what: &str, asked: bool) -> Result<Vec<Entry>, Trouble> {
    let (kind, known) = (path_kind(link.leg()), link.known().stat_lists);
    let (entries, found) = link
        .perform(what, kind, |session| {
            let path = path.clone();
            Box::pin(async move {
                session.expect_stat_lists(known);
                let entries = match asked {
                    true => session.list_by_itself(&path).await?,
                    false => session.list(&path).await?,
                };
                Ok((entries, session.stat_lists()))
            })
        })
        .await?;
    if found.is_some() && found != known {
        link.learn(|known| known.stat_lists = found);
    }
    Ok(entries)
}

fn list_local(storage: &dyn Storage, path: &VPath) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    storage.list(path, &mut |entry| {
        entries.push(entry);
        entries.len() < MAX_LOCAL_ENTRIES
    })?;
    entries.sort_by(|one, two| one.name.cmp(&two.name));
    Ok(entries)
}

/// The most entries of one local directory: as many as a walk takes in all, and one more, so that the
/// walk notices.
const MAX_LOCAL_ENTRIES: usize = crate::plan::walk::MAX_ENTRIES + 1;
