//! The users of the configuration.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
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
    /// Unknown users are checked against one of these, so that they take as long as known ones: one for
    /// each user, with the parameters of that user's hash.
    decoys: Vec<Password>,
    /// Chooses the decoy of a name: always the same one, and nobody outside can tell which.
    names: RandomState,
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
        FileAccounts {
            users: config.users.iter().map(|user| (user.name.clone().into_bytes(), user.clone())).collect(),
            anonymous: config.anonymous.clone(),
            decoys: decoys(&config.users),
            names: RandomState::new(),
            open: Box::new(open),
        }
    }

    /// What the password of a user is compared with whom nobody knows.
    fn decoy(&self, name: &Text) -> &Password {
        let number = self.names.hash_one(name.as_bytes()) % self.decoys.len() as u64;
        &self.decoys[usize::try_from(number).expect("less than the number of decoys")]
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
        let fits = user.map_or_else(|| self.decoy(name), |user| &user.password).verify(password);
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

/// One for each user, so that of many unknown names as many take long as of many known ones; those that
/// cost the same are made once. One at least.
fn decoys(users: &[User]) -> Vec<Password> {
    let mut made: Vec<(String, Password)> = Vec::new();
    let mut decoys = Vec::with_capacity(users.len().max(1));
    for user in users {
        let parameters = user.password.parameters();
        let decoy = match made.iter().find(|(known, _)| *known == parameters) {
            Some((_, decoy)) => decoy.clone(),
            None => {
                let decoy = user.password.decoy();
                made.push((parameters, decoy.clone()));
                decoy
            }
        };
        decoys.push(decoy);
    }
    if decoys.is_empty() {
        decoys.push(Password::hash(&Secret::default(), Cost::Light).decoy());
    }
    decoys
}

/// The two names that guests have used since RFC 1635.
pub(crate) fn is_guest(name: &Text) -> bool {
    [b"anonymous".as_slice(), b"ftp"].iter().any(|guest| name.as_bytes().eq_ignore_ascii_case(guest))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use fxp_store::memory::Memory;

    use super::*;
    use crate::config::password::WORK;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn user(name: &str, change: impl FnOnce(&mut User)) -> User {
        let mut user = User::throwaway(name, &Secret::new("right"), "/");
        change(&mut user);
        user
    }

    fn accounts(users: Vec<User>) -> FileAccounts {
        let config = Config { users, ..Config::default() };
        FileAccounts::new(&config, |_, _| Ok(Arc::new(Memory::new())))
    }

    /// What a refused login costs: argon2's memory times passes.
    #[track_caller]
    fn cost(accounts: &FileAccounts, name: &'static str, password: &'static str) -> u64 {
        let before = WORK.get();
        let login = accounts.login(&Text::from(name), &Secret::new(password), PEER, false);
        assert!(login.is_err(), "{name} is in");
        WORK.get() - before
    }

    #[test]
    fn every_refusal_costs_one_check() {
        let accounts = accounts(vec![
            user("alice", |_| {}),
            user("secure", |user| user.tls = TlsNeed::Required),
            user("home", |user| user.from = vec!["10.0.0.0/8".parse().unwrap()]),
        ]);
        let wrong = cost(&accounts, "alice", "wrong");
        assert_eq!(wrong, 64);
        for (name, password) in [
            ("nobody", "wrong"),
            ("", ""),
            ("secure", "wrong"),
            ("secure", "right"),
            ("home", "wrong"),
            ("home", "right"),
            // There are no guests.
            ("anonymous", "me@example.org"),
            ("ftp", ""),
        ] {
            assert_eq!(cost(&accounts, name, password), wrong, "{name}, {password}");
        }
    }

    #[test]
    fn where_nobody_is_known_everybody_costs_a_check() {
        assert_eq!(cost(&accounts(Vec::new()), "nobody", "x"), 64);
    }

    /// Of users whose hashes cost differently, none is told apart from a name that nobody has.
    #[test]
    fn unknown_names_cost_what_known_ones_cost() {
        let dear =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$pmIQLBSrsPMUt7bWWo2bzNa2XVpHgrREykPGblr0XUk";
        let accounts = accounts(vec![
            user("light", |_| {}),
            user("dear", |user| user.password = dear.parse().unwrap()),
            user("dear too", |user| user.password = dear.parse().unwrap()),
        ]);
        assert_eq!((cost(&accounts, "light", "x"), cost(&accounts, "dear", "x")), (64, 512));
        let (mut light, mut other) = (0, 0);
        for number in 0..300 {
            let name = Text::lossy(format!("nobody{number}"));
            let check = || {
                let before = WORK.get();
                assert!(accounts.login(&name, &Secret::new("x"), PEER, false).is_err());
                WORK.get() - before
            };
            let cost = check();
            match cost {
                64 => light += 1,
                512 => other += 1,
                _ => panic!("{name} costs {cost}"),
            }
            assert_eq!(check(), cost, "a name keeps its cost");
        }
        // One in three is expected to be light; fair dice miss these bounds, six standard deviations away, never.
        assert!((50..=150).contains(&light) && light + other == 300, "{light} of 300");
    }
}
