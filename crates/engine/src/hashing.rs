//! Digests of files, computed where the files are; several at once, told in the order of the files.

use std::collections::VecDeque;
use std::sync::Arc;

use fxp_proto::grammar::params::DigestKind;
use fxp_proto::listing::entry::Kind;
use fxp_proto::path::VPath;
use tokio::sync::mpsc::channel;
use tokio::task::JoinHandle;

use crate::context::Context;
use crate::digest;
use crate::place::open;
use crate::plan::explore::Explorer;
use crate::plan::filter::Filter;
use crate::plan::survey::is_about_this;
use crate::report::{Skipped, Trouble, TroubleKind};
use crate::roaming::{Roamed, Roamer};
use crate::run::Stop;
use crate::url::Address;

/// What is to be digested.
#[derive(Clone, Debug)]
pub struct HashRequest {
    /// A file, or with `recursive` a directory.
    pub place: Address,
    /// Directories are meant with all that is in them.
    pub recursive: bool,
    /// Which digest; the best that the server computes if `None`.
    pub algorithm: Option<DigestKind>,
    /// Which files of a directory.
    pub filter: Arc<Filter>,
    /// How often something is asked again that had no answer for a reason that may pass.
    pub retries: u32,
}

/// What came of one file.
#[derive(Clone, Debug)]
pub enum Hashed {
    /// The server was asked about it.
    File {
        /// Printable, absolute on its server.
        path: VPath,
        /// Such as `SHA-256`.
        algorithm: &'static str,
        /// The digest in lower-case hex, or why there is none.
        digest: Result<String, Trouble>,
    },
    /// It has no name by which the server could be asked.
    LeftOut(Skipped),
}

/// Has the server compute digests, and tells them until `tell` says that nobody listens any more.
///
/// # Errors
///
/// No session, nothing there, a directory without `recursive`, a server that does not compute this digest.
pub async fn hash(
    request: &HashRequest,
    context: &Context,
    stop: Stop,
    mut tell: impl FnMut(Hashed) -> bool,
) -> Result<(), Trouble> {
    let (mut side, path) = open(&request.place, context).await?;
    let name = side.name(&path);
    side.connect().await?;
    let kind = choose(request.algorithm, &side.digests(), &name)?;
    let Some(entry) = side.stat(&path).await? else {
        return Err(Trouble::new(TroubleKind::SourceNotFound, format!("{name} does not exist")));
    };
    if entry.kind == Kind::Directory && !request.recursive {
        return Err(Trouble::new(TroubleKind::Usage, format!("{name} is a directory"))
            .remedy("-r means directories with all that is in them"));
    }
    let explorer = Explorer::new(side, MAX_SESSIONS, request.retries);
    let (sender, found) = channel(WAITING);
    let filter = request.filter.clone();
    let roamer = Roamer::new(explorer.clone(), filter, stop, sender);
    let walk = roamer.run(path, entry);
    let listen = async {
        // Dropped when nobody listens any more, so that the walk ends.
        let mut rows = found;
        let mut asked: VecDeque<Question> = VecDeque::new();
        while let Some(found) = rows.recv().await {
            match found {
                Roamed::Entry { path, entry, .. } if entry.kind != Kind::Directory => {
                    if let Kind::Symlink(_) | Kind::Other = entry.kind
                        && request.recursive
                    {
                        continue;
                    }
                    asked.push_back(ask(&explorer, kind, path));
                }
                Roamed::Failed(trouble) => asked.push_back(Question::Failed(trouble)),
                Roamed::LeftOut(left_out) => asked.push_back(Question::None(left_out)),
                Roamed::Entry { .. } | Roamed::Left { .. } => {}
            }
            if asked.len() >= AT_ONCE && !answer(&mut asked, kind, &mut tell).await? {
                return Ok(());
            }
        }
        while !asked.is_empty() {
            if !answer(&mut asked, kind, &mut tell).await? {
                break;
            }
        }
        Ok(())
    };
    let (walked, told) = tokio::join!(walk, listen);
    explorer.close().await;
    told.and(walked)
}

/// A file that the server was asked about, or could not be; or a directory that could not be listed.
enum Question {
    Asked(VPath, JoinHandle<Result<String, Trouble>>),
    None(Skipped),
    Failed(Box<Trouble>),
}

fn ask(explorer: &Arc<Explorer>, kind: DigestKind, path: VPath) -> Question {
    let (explorer, asked) = (explorer.clone(), path.clone());
    Question::Asked(path, tokio::spawn(async move { explorer.digest(kind, &asked).await }))
}

/// Tells the answer to the oldest question.
async fn answer(
    asked: &mut VecDeque<Question>,
    kind: DigestKind,
    tell: &mut impl FnMut(Hashed) -> bool,
) -> Result<bool, Trouble> {
    let algorithm = digest::name(kind);
    match asked.pop_front() {
        Some(Question::Asked(path, answer)) => {
            match answer.await.expect("a question neither panics nor is it aborted") {
                Err(trouble) if !is_about_this(&trouble) => Err(trouble),
                digest => Ok(tell(Hashed::File { path, algorithm, digest })),
            }
        }
        Some(Question::Failed(trouble)) => {
            Ok(tell(Hashed::File { path: VPath::root(), algorithm, digest: Err(*trouble) }))
        }
        Some(Question::None(left_out)) => Ok(tell(Hashed::LeftOut(left_out))),
        None => Ok(true),
    }
}

fn choose(wanted: Option<DigestKind>, offered: &[DigestKind], name: &str) -> Result<DigestKind, Trouble> {
    let best =
        digest::KINDS.iter().copied().find(|kind| wanted.unwrap_or(*kind) == *kind && offered.contains(kind));
    best.ok_or_else(|| {
        let what = match (wanted, offered) {
            (Some(kind), []) => {
                format!("the server of {name} computes no digests, so no {} either", digest::name(kind))
            }
            (Some(kind), _) => {
                let names: Vec<&str> = offered.iter().copied().map(digest::name).collect();
                format!(
                    "the server of {name} does not compute {}, but {}",
                    digest::name(kind),
                    names.join(", ")
                )
            }
            (None, _) => format!("the server of {name} computes no digests"),
        };
        Trouble::new(TroubleKind::Other, what).remedy(
            "`fxp cat PLACE | sha256sum` computes one here, for which the whole file has to come here",
        )
    })
}

/// Sessions with the server at most: it computes as many digests at once.
const MAX_SESSIONS: usize = 3;

/// Files that were asked about and not yet told.
const AT_ONCE: usize = 8;

/// What was found and not yet asked about.
const WAITING: usize = 64;
