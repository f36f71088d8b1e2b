//! The users of the configuration.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use fxp_store::account::{Account, Accounts, LoginError, Rights};
use fxp_store::storage::Storage;
use fxp_store::{Secret, Text, VPath};

use crate::config::Config;
use crate::config::network::TlsNeed;
use crate::config::password::{Cost, Password};
use crate::config::user::{Anonymous, Upload, User};

/// The users of a [`Config`], each with a storage that a factory makes of the home directory.
///
/// Homes are opened at login, so that one missing directory does not keep the others out.
pub struct FileAccounts {
    users: BTreeMap<Vec<u8>, User>,
    anonymous: Option<Anonymous>,
    /// Unknown users are checked against this, so that they take as long as known ones.
    decoy: Password,
    open: Box<OpenHome>,
}

/// Makes a storage of a home directory.
type OpenHome = dyn Fn(&Path, Upload) -> io::Result<Arc<dyn Storage>> + Send + Sync;

impl FileAccounts {
    /// The users of `config`; `open` makes a storage of a home directory.
    pub fn new(
        config: &Config,
        open: impl Fn(&Path, Upload) -> io::Result<Arc<dyn Storage>> + Send + Sync + 'static,
    ) -> Self {
        let decoy = match config.users.first() {
            Some(user) => user.password.decoy(),
            None => Password::hash(&Secret::default(), Cost::Light).decoy(),
        };
        FileAccounts {
            users: config.users.iter().map(|user| (user.name.clone().into_bytes(), user.clone())).collect(),
            anonymous: config.anonymous.clone(),
            decoy,
            open: Box::new(open),
        }
    }

    fn guest(&self, anonymous: &Anonymous) -> Result<Account, LoginError> {
        self.account(Text::from("anonymous"), true, &anonymous.home, anonymous.upload, anonymous.rights)
    }

    fn account(
        &self,
        name: Text,
        anonymous: bool,
        home: &Path,
        upload: Upload,
        rights: Rights,
    ) -> Result<Account, LoginError> {
        let storage = (self.open)(home, upload)
            .map_err(|error| LoginError::Broken(format!("home {}: {error}", home.display())))?;
        Ok(Account { name, anonymous, storage, rights, home: VPath::root() })
    }
}

impl Accounts for FileAccounts {
    fn login(
        &self,
        name: &Text,
        password: &Secret,
        peer: IpAddr,
        secured: bool,
    ) -> Result<Account, LoginError> {
        let user = self.users.get(name.as_bytes());
        if let (None, true, Some(anonymous)) = (user, is_guest(name), &self.anonymous) {
            return self.guest(anonymous);
        }
        let fits = user.map_or(&self.decoy, |user| &user.password).verify(password);
        let Some(user) = user.filter(|_| fits) else {
            return Err(LoginError::Wrong);
        };
        if user.tls == TlsNeed::Required && !secured {
            return Err(LoginError::NotAllowed("this user logs in over TLS only".to_owned()));
        }
        if !user.from.is_empty() && !user.from.iter().any(|net| net.contains(&peer.to_canonical())) {
            return Err(LoginError::NotAllowed("not from this address".to_owned()));
        }
        self.account(name.clone(), false, &user.home, user.upload, user.rights)
    }
}

/// The two names that guests have used since RFC 1635.
fn is_guest(name: &Text) -> bool {
    [b"anonymous".as_slice(), b"ftp"].iter().any(|guest| name.as_bytes().eq_ignore_ascii_case(guest))
}
