//! Who may log in, and what they may do.

use std::net::IpAddr;
use std::sync::Arc;

use crate::guarded::Guarded;
use crate::storage::Storage;
use crate::{Secret, Text, VPath};

/// What an account may do in its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Read files.
    pub read: bool,
    /// See listings.
    pub list: bool,
    /// Store new files, append, make directories.
    pub write: bool,
    /// Replace or rename what exists.
    pub overwrite: bool,
    /// Delete files and directories.
    pub delete: bool,
    /// Change times and modes, make links.
    pub change: bool,
}

impl Rights {
    /// Everything.
    pub const FULL: Rights =
        Rights { read: true, list: true, write: true, overwrite: true, delete: true, change: true };
    /// Read and list.
    pub const READ_ONLY: Rights =
        Rights { read: true, list: true, write: false, overwrite: false, delete: false, change: false };
}

/// A user who has logged in.
#[derive(Clone)]
pub struct Account {
    /// The user's name; `anonymous` for guests.
    pub name: Text,
    /// A guest, who gave no password that proves anything.
    pub anonymous: bool,
    /// The files, without regard to rights: callers that act for the user go through
    /// [`Account::files`].
    pub storage: Arc<dyn Storage>,
    /// What may be done with them.
    pub rights: Rights,
    /// Where sessions start.
    pub home: VPath,
}

impl Account {
    /// The files as this account may use them.
    pub fn files(&self) -> Arc<dyn Storage> {
        Arc::new(Guarded::new(self.storage.clone(), self.rights))
    }
}

/// Why a login failed. All of them look the same to the client, except the last two.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No such user, or the wrong password.
    #[error("wrong user or password")]
    Wrong,
    /// The account may not come from this address, or not without TLS.
    #[error("login not allowed: {0}")]
    NotAllowed(String),
    /// The user has too many sessions.
    #[error("too many sessions")]
    TooMany,
    /// The home directory is missing, and the like.
    #[error("account unusable: {0}")]
    Broken(String),
}

/// Where accounts come from. Blocks (argon2), and takes as long for unknown users as for known ones.
pub trait Accounts: Send + Sync {
    /// Checks a login.
    ///
    /// # Errors
    ///
    /// See [`LoginError`].
    fn login(
        &self,
        user: &Text,
        password: &Secret,
        peer: IpAddr,
        secured: bool,
    ) -> Result<Account, LoginError>;
}
