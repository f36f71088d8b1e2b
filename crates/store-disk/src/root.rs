//! The wall: every path becomes a descriptor by one `openat2` call from the root's own descriptor.
//!
//! `RESOLVE_IN_ROOT` makes the kernel treat that descriptor as `/` for this one call: `..` stops there,
//! an absolute link starts there, and a rename under way cannot smuggle the walk out, because the kernel
//! checks each step and gives up (`EAGAIN`) when it cannot be sure. `RESOLVE_BENEATH` would confine as
//! well, but refuse every absolute link; with `IN_ROOT` a link means to the user what the same path means
//! when typed. `RESOLVE_NO_MAGICLINKS` refuses the links of `/proc`, should somebody mount it beneath a
//! root. There is no fallback: on a kernel without `openat2` (before 5.6) the root does not open at all.
//!
//! What is done to a name itself (delete, rename, make) is done by an `*at` call on the descriptor of the
//! directory that holds it, with a name that is one component and is not followed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use fxp_store::storage::{Result, StoreError};
use fxp_store::{Text, VPath};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use crate::failure;

/// How often a walk that met a rename is tried again. One try lasts microseconds; whoever renames
/// without pause so as to starve others makes them fail with [`StoreError::Busy`], not wait.
const MAX_RACES: usize = 64;

/// Why a root cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// It is not there, is no directory, or may not be entered.
    #[error("cannot use {path} as the root of an account")]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// No confinement without `openat2`.
    #[error("this kernel, or a filter in front of it, has no openat2 (Linux 5.6 or newer needed)")]
    NoConfinement {
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
}

/// A directory that nothing leads out of.
pub(crate) struct Root(OwnedFd);

impl Root {
    /// Opens the directory; the operator's own links on the way to it are followed.
    pub(crate) fn open(path: &Path) -> std::result::Result<Self, RootError> {
        Root::confined(openat(CWD, path, DIRECTORY, Mode::empty()), path)
    }

    /// Opens a directory beneath `outer`, where others may put links: none is followed from there on, or
    /// whoever replaces a part of the way by a link would choose what the root is (CVE-2017-7418).
    pub(crate) fn open_beneath(outer: &Path, path: &Path) -> std::result::Result<Self, RootError> {
        let unusable = |cause: std::io::Error| RootError::Unusable { path: path.to_owned(), cause };
        let way = path.strip_prefix(outer).map_err(|error| unusable(std::io::Error::other(error)))?;
        let start = openat(CWD, outer, DIRECTORY, Mode::empty()).map_err(|errno| unusable(errno.into()))?;
        Root::confined(openat2(&start, way, DIRECTORY, Mode::empty(), STRAIGHT), path)
    }

    fn confined(opened: rustix::io::Result<OwnedFd>, path: &Path) -> std::result::Result<Self, RootError> {
        let descriptor =
            opened.map_err(|errno| RootError::Unusable { path: path.to_owned(), cause: errno.into() })?;
        match openat2(&descriptor, ".", DIRECTORY, Mode::empty(), CONFINED) {
            Ok(_) => Ok(Root(descriptor)),
            // Old container run-times answer unknown calls with EPERM.
            Err(cause @ (Errno::NOSYS | Errno::PERM)) => {
                Err(RootError::NoConfinement { cause: cause.into() })
            }
            Err(cause) => Err(RootError::Unusable { path: path.to_owned(), cause: cause.into() }),
        }
    }

    /// Opens what `path` leads to, links followed.
    pub(crate) fn resolve(&self, path: &VPath, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        let relative = relative(path);
        for _ in 0..MAX_RACES {
            match openat2(&self.0, relative.as_slice(), flags | OFlags::CLOEXEC, mode, CONFINED) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                answer => return answer.map_err(failure::of_name),
            }
        }
        Err(StoreError::Busy)
    }

    /// The directory that holds the name `path`, and that name. The root has no name.
    pub(crate) fn parent<'a>(&self, path: &'a VPath) -> Result<Place<'a>> {
        let name = path.name().ok_or(StoreError::Denied)?;
        let directory = self.resolve(&path.parent(), DIRECTORY, Mode::empty())?;
        Ok(Place { directory, name })
    }
}

/// A name in an open directory; the name itself is never followed.
pub(crate) struct Place<'a> {
    pub(crate) directory: OwnedFd,
    pub(crate) name: &'a Text,
}

impl Place<'_> {
    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    pub(crate) fn name(&self) -> &[u8] {
        self.name.as_bytes()
    }
}

fn relative(path: &VPath) -> Vec<u8> {
    if path.is_root() {
        return b".".to_vec();
    }
    let names: Vec<&[u8]> = path.components().iter().map(Text::as_bytes).collect();
    names.join(&b'/')
}

/// A directory as a place to start from, not to read.
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The way to a root that lies beneath somebody else's.
const STRAIGHT: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS);

const CONFINED: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);
