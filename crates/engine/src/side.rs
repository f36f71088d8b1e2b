//! One side of a copy: a server through its sessions, or this machine's files. Planning, verifying and
//! publishing speak to a [`Side`] and need not know which it is.

mod listing;

use std::sync::Arc;

use fxp_proto::client::manners::Queueing;
use fxp_proto::grammar::params::DigestKind;
use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::listing::time::FtpTime;
use fxp_proto::pair::exchange::Refusal;
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;
use fxp_store::storage::{Storage, StoreError};

use fxp_client::links::Followed;
use fxp_client::session::SessionError;

use crate::context::Context;
use crate::digest;
use crate::pool::{Link, Pool};
use crate::queueing;
use crate::report::{Trouble, TroubleKind};
use crate::site::Location;
use crate::trouble;

/// One side of a copy.
pub(crate) enum Side {
    /// A server.
    Remote(Box<Link>),
    /// This machine.
    Local(LocalFiles),
}

/// Files of this machine.
#[derive(Clone)]
pub(crate) struct LocalFiles {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) leg: Leg,
}

/// Why a file was not renamed.
#[derive(Debug)]
pub(crate) struct RenameError {
    pub(crate) trouble: Trouble,
    /// RNFR was refused already: this is not about the new name.
    pub(crate) at_once: bool,
    /// It was not done, and will not be done another time either: 5yz.
    pub(crate) definite: bool,
    /// Another file was renamed meanwhile: the refusal is about this one.
    pub(crate) proven: bool,
}

impl Side {
    /// The side that `location` is on, as `leg` of a copy.
    pub(crate) fn new(location: &Location, leg: Leg, pool: &Arc<Pool>) -> Self {
        match location {
            Location::Remote { server, .. } => {
                Side::Remote(Box::new(pool.link((**server).clone(), leg_word(leg))))
            }
            Location::Local(_) => Side::Local(LocalFiles { storage: local_storage(pool.context()), leg }),
        }
    }

    /// The side that `location` is on, for a single operation.
    pub(crate) fn single(location: &Location, pool: &Arc<Pool>) -> Self {
        match location {
            Location::Remote { server, .. } => {
                Side::Remote(Box::new(pool.link((**server).clone(), "server")))
            }
            Location::Local(_) => Side::new(location, Leg::Source, pool),
        }
    }

    /// The same place, not connected.
    pub(crate) fn twin(&self) -> Self {
        match self {
            Side::Remote(link) => Side::Remote(Box::new(link.pool().link(link.server.clone(), link.leg()))),
            Side::Local(files) => Side::Local(files.clone()),
        }
    }

    /// Opens the session, if it is a server.
    pub(crate) async fn connect(&mut self) -> Result<(), Trouble> {
        match self {
            Side::Remote(link) => link.session().await.map(drop),
            Side::Local(_) => Ok(()),
        }
    }

    /// True if the control connection is inside TLS; `None` for this machine, which has none.
    pub(crate) fn is_secured(&mut self) -> Option<bool> {
        self.link().map(|link| link.is_secured())
    }

    /// True if files can travel inside TLS; `None` for this machine.
    pub(crate) fn protects_data(&mut self) -> Option<bool> {
        self.link().map(|link| link.protects_data())
    }

    /// The absolute path of `location`, which is on this side.
    pub(crate) async fn resolve(&mut self, location: &Location) -> Result<VPath, Trouble> {
        match (self, location) {
            (Side::Remote(link), Location::Remote { path, .. }) => link.resolve(path).await,
            (_, Location::Local(path)) => Ok(path.clone()),
            (Side::Local(_), Location::Remote { .. }) => unreachable!("a side is made from its location"),
        }
    }

    /// The server, if it is one.
    pub(crate) fn link(&mut self) -> Option<&mut Link> {
        match self {
            Side::Remote(link) => Some(link),
            Side::Local(_) => None,
        }
    }

    /// True if both are the same server under the same user, or both this machine. Before they are
    /// connected only names can be compared.
    pub(crate) fn same_place(&self, other: &Side) -> bool {
        match (self, other) {
            (Side::Local(_), Side::Local(_)) => true,
            (Side::Remote(one), Side::Remote(two)) => {
                let named = one.server.key() == two.server.key() && one.server.user == two.server.user;
                let reached = one.reached().is_some() && one.reached() == two.reached();
                named || reached
            }
            _ => false,
        }
    }

    /// True if both are the same server, whoever the users are: they may share files.
    pub(crate) fn same_server(&self, other: &Side) -> bool {
        let (Side::Remote(one), Side::Remote(two)) = (self, other) else { return self.same_place(other) };
        let at = |link: &Link| link.reached().map(|(_, address)| *address);
        one.server.key() == two.server.key() || (at(one).is_some() && at(one) == at(two))
    }

    /// A place on this side, printable.
    pub(crate) fn name(&self, path: &VPath) -> String {
        match self {
            Side::Remote(link) => link.server.name(path),
            Side::Local(_) => path.to_string(),
        }
    }

    /// A place on this side that is no other place: user, server and path.
    pub(crate) fn identity(&self, path: &VPath) -> String {
        match self {
            Side::Remote(link) => {
                let user = link.reached().map(|(user, _)| user.to_string()).unwrap_or_default();
                format!("{user}@{}{path}", link.server.key())
            }
            Side::Local(_) => path.to_string(),
        }
    }

    /// What stands at `path`; `None` if nothing does.
    pub(crate) async fn stat(&mut self, path: &VPath) -> Result<Option<Entry>, Trouble> {
        if path.is_root() {
            return Ok(Some(Entry::new("/".into(), Kind::Directory)));
        }
        let what = format!("looking at {}", self.name(path));
        match self {
            Side::Remote(link) => {
                let kind = path_kind(link.leg());
                link.perform(&what, kind, |session| {
                    let path = path.clone();
                    Box::pin(async move { session.stat(&path).await })
                })
                .await
            }
            Side::Local(files) => match files.run(path, &what, |storage, path| storage.stat(path)).await {
                Ok(entry) => Ok(Some(entry)),
                Err((_, StoreError::NotFound | StoreError::NotDirectory)) => Ok(None),
                Err((trouble, _)) => Err(trouble),
            },
        }
    }

    /// The size of a file; `None` if there is none, or the server does not tell.
    pub(crate) async fn size(&mut self, path: &VPath) -> Result<Option<u64>, Trouble> {
        if let Side::Remote(link) = self {
            let what = format!("asking for the size of {}", link.server.name(path));
            let kind = path_kind(link.leg());
            let size = link
                .perform(&what, kind, |session| {
                    let path = path.clone();
                    Box::pin(async move { session.size(&path).await })
                })
                .await?;
            if size.is_some() {
                return Ok(size);
            }
        }
        Ok(self.stat(path).await?.and_then(|entry| entry.size))
    }

    /// What the link at `path` leads to; `None` where that is nothing that can be copied.
    pub(crate) async fn follow(&mut self, path: &VPath) -> Result<Option<Followed>, Trouble> {
        let what = format!("following the link {}", self.name(path));
        match self {
            Side::Remote(link) => {
                let kind = path_kind(link.leg());
                link.perform(&what, kind, |session| {
                    let path = path.clone();
                    Box::pin(async move { session.follow(&path).await })
                })
                .await
            }
            // A storage follows links by itself, as far as they lead anywhere.
            Side::Local(_) => {
                let entry = self.stat(path).await?;
                let found = entry.filter(|entry| matches!(entry.kind, Kind::File | Kind::Directory));
                Ok(found.map(|entry| Followed { entry, real: None }))
            }
        }
    }

    /// Links in a directory of which `known` was listed, if more can be found out about them.
    pub(crate) async fn links_in(&mut self, path: &VPath, known: &[Entry]) -> Result<Vec<Entry>, Trouble> {
        let what = format!("looking for links in {}", self.name(path));
        let Side::Remote(link) = self else { return Ok(Vec::new()) };
        let kind = path_kind(link.leg());
        link.perform(&what, kind, |session| {
            let (path, known) = (path.clone(), known.to_vec());
            Box::pin(async move { session.links_in(&path, &known).await })
        })
        .await
    }

    /// Makes a symbolic link; false if this side makes none.
    pub(crate) async fn make_link(&mut self, target: &Text, path: &VPath) -> Result<bool, Trouble> {
        let what = format!("making the link {}", self.name(path));
        match self {
            Side::Remote(link) => {
                link.perform(&what, TroubleKind::DestinationDenied, |session| {
                    let (target, path) = (target.clone(), path.clone());
                    Box::pin(async move { session.make_link(&target, &path).await })
                })
                .await
            }
            Side::Local(files) => {
                let target = target.clone();
                match files.run(path, &what, move |storage, path| storage.symlink(&target, path)).await {
                    Ok(()) => Ok(true),
                    Err((_, StoreError::Unsupported)) => Ok(false),
                    Err((trouble, _)) => Err(trouble),
                }
            }
        }
    }

    /// Makes one directory; fine if it is there.
    pub(crate) async fn make_directory(&mut self, path: &VPath) -> Result<(), Trouble> {
        let what = self.making(path);
        match self {
            Side::Remote(link) => {
                link.perform(&what, TroubleKind::DestinationDenied, |session| {
                    let path = path.clone();
                    Box::pin(async move { session.make_directory(&path).await })
                })
                .await
            }
            Side::Local(files) => {
                match files.run(path, &what, |storage, path| storage.make_directory(path)).await {
                    Ok(()) | Err((_, StoreError::Exists)) => Ok(()),
                    Err((trouble, _)) => Err(trouble),
                }
            }
        }
    }

    /// Makes directories in this order, without a wait for each where the server bears that. One result each.
    pub(crate) async fn make_directories(&mut self, paths: &[VPath]) -> Vec<Result<(), Trouble>> {
        let mut results = Vec::with_capacity(paths.len());
        if let Side::Remote(link) = self
            && paths.len() > 1
            && let Ok(queueing) = queueing::of(link).await
            && let Some(session) = link.open_session()
        {
            let made = session.make_directories(paths, queueing).await;
            let out_of_step = session.is_out_of_step();
            for made in made {
                let lost = matches!(made, Err(SessionError::Lost { .. } | SessionError::TimedOut { .. }));
                if lost {
                    // Those after it are made one by one, and so is this one.
                    if out_of_step && queueing > Queueing::None {
                        queueing::lower(link, queueing);
                    }
                    link.retire();
                    break;
                }
                results.push(made);
            }
        }
        let mut told: Vec<Result<(), Trouble>> = paths
            .iter()
            .zip(results)
            .map(|(path, made)| made.map_err(|error| self.no_directory(path, &error)))
            .collect();
        for path in &paths[told.len()..] {
            told.push(self.make_directory(path).await);
        }
        told
    }

    /// What an error about a directory begins with.
    fn making(&self, path: &VPath) -> String {
        format!("making the directory {}", self.name(path))
    }

    /// Why a directory was not made.
    fn no_directory(&self, path: &VPath, error: &SessionError) -> Trouble {
        let what = self.making(path);
        trouble::of_session(error, &what, TroubleKind::DestinationDenied)
    }

    /// Deletes a file.
    pub(crate) async fn delete(&mut self, path: &VPath) -> Result<(), Trouble> {
        let what = format!("deleting {}", self.name(path));
        match self {
            Side::Remote(link) => {
                let mut asked = 0_u32;
                let deleted = link.perform(&what, TroubleKind::DestinationDenied, |session| {
                    asked += 1;
                    let path = path.clone();
                    Box::pin(async move { session.delete(&path).await })
                });
                match deleted.await {
                    // It went the first time, and the reply was lost with the session.
                    Err(refused)
                        if asked > 1
                            && refused.class == Some(Refusal::Path)
                            && matches!(self.stat(path).await, Ok(None)) =>
                    {
                        Ok(())
                    }
                    deleted => deleted,
                }
            }
            Side::Local(files) => files.plain(path, &what, |storage, path| storage.delete(path)).await,
        }
    }

    /// Removes an empty directory.
    pub(crate) async fn remove_directory(&mut self, path: &VPath) -> Result<(), Trouble> {
        let what = format!("removing the directory {}", self.name(path));
        match self {
            Side::Remote(link) => {
                link.perform(&what, TroubleKind::DestinationDenied, |session| {
                    let path = path.clone();
                    Box::pin(async move { session.remove_directory(&path).await })
                })
                .await
            }
            Side::Local(files) => {
                files.plain(path, &what, |storage, path| storage.remove_directory(path)).await
            }
        }
    }

    /// Renames. Never repeated by itself: whether a lost RNTO was done is for the caller to find out.
    pub(crate) async fn rename(&mut self, from: &VPath, to: &VPath) -> Result<(), RenameError> {
        let what = format!("renaming {} to {}", self.name(from), to);
        match self {
            Side::Remote(link) => {
                let unclear =
                    |trouble| RenameError { trouble, at_once: false, definite: false, proven: false };
                let session = link.session().await.map_err(unclear)?;
                session.rename(from, to).await.map_err(|error| RenameError {
                    at_once: matches!(&error, SessionError::Refused { command, .. } if command.starts_with("RNFR")),
                    definite: matches!(&error, SessionError::Refused { reply, .. } if reply.code.number() >= 500),
                    ..unclear(trouble::of_session(&error, &what, TroubleKind::DestinationDenied))
                })
            }
            Side::Local(files) => {
                let to = to.clone();
                files
                    .plain(from, &what, move |storage, from| storage.rename(from, &to))
                    .await
                    .map_err(|trouble| RenameError { trouble, at_once: false, definite: true, proven: false })
            }
        }
    }

    /// True if it has turned out that times are told by listings only.
    pub(crate) fn lists_times_only(&mut self) -> bool {
        match self {
            Side::Remote(link) => link.open_session().is_some_and(|session| session.lists_times_only()),
            Side::Local(_) => false,
        }
    }

    /// Sets the modification time; false if the server knows no way. An error if it does, and refuses this file.
    pub(crate) async fn set_time(&mut self, path: &VPath, time: FtpTime) -> Result<bool, Trouble> {
        let what = format!("setting the time of {}", self.name(path));
        match self {
            Side::Remote(link) => {
                link.perform(&what, TroubleKind::DestinationDenied, |session| {
                    let path = path.clone();
                    Box::pin(async move { session.set_time(&path, time).await })
                })
                .await
            }
            Side::Local(files) => {
                match files.run(path, &what, move |storage, path| storage.set_time(path, time)).await {
                    Ok(()) => Ok(true),
                    Err((_, StoreError::Unsupported)) => Ok(false),
                    Err((trouble, _)) => Err(trouble),
                }
            }
        }
    }

    /// The digests that this side computes, best first.
    pub(crate) fn digests(&mut self) -> Vec<DigestKind> {
        match self {
            Side::Remote(link) => link.open_session().map(|session| session.digests()).unwrap_or_default(),
            Side::Local(_) => digest::KINDS.to_vec(),
        }
    }

    /// A digest in lower-case hex, of the whole file or of its first `length` bytes.
    pub(crate) async fn digest(
        &mut self,
        kind: DigestKind,
        path: &VPath,
        length: Option<u64>,
    ) -> Result<String, Trouble> {
        let what = format!("computing the digest of {}", self.name(path));
        match self {
            Side::Remote(link) => {
                let path_kind = path_kind(link.leg());
                link.perform(&what, path_kind, |session| {
                    let path = path.clone();
                    Box::pin(async move { session.digest(kind, &path, length).await })
                })
                .await
            }
            Side::Local(files) => {
                files
                    .plain(path, &what, move |storage, path| digest::of_file(storage, path, kind, length))
                    .await
            }
        }
    }

    /// Says goodbye.
    pub(crate) async fn close(&mut self) {
        if let Side::Remote(link) = self {
            link.close().await;
        }
    }
}

impl LocalFiles {
    /// Runs a blocking operation on a thread that may block.
    async fn run<T: Send + 'static>(
        &self,
        path: &VPath,
        what: &str,
        operation: impl FnOnce(&dyn Storage, &VPath) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, (Trouble, StoreError)> {
        let (storage, owned, leg) = (self.storage.clone(), path.clone(), self.leg);
        let done = tokio::task::spawn_blocking(move || operation(&*storage, &owned))
            .await
            .expect("a storage does not panic");
        done.map_err(|error| (trouble::of_store(&error, what, path_kind(leg_word(leg))), error))
    }

    async fn plain<T: Send + 'static>(
        &self,
        path: &VPath,
        what: &str,
        operation: impl FnOnce(&dyn Storage, &VPath) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Trouble> {
        self.run(path, what, operation).await.map_err(|(trouble, _)| trouble)
    }
}

/// The local files of a context that has some; `site::locate` refuses local paths in one that has none.
fn local_storage(context: &Context) -> Arc<dyn Storage> {
    context.local.clone().expect("a local location comes from a context with local files")
}

/// What a refusal that is about the path means on this leg.
fn path_kind(leg: &str) -> TroubleKind {
    if leg == "destination" { TroubleKind::DestinationDenied } else { TroubleKind::SourceNotFound }
}

/// The word for a leg in events and transcripts.
pub(crate) fn leg_word(leg: Leg) -> &'static str {
    match leg {
        Leg::Source => "source",
        Leg::Destination => "destination",
    }
}
