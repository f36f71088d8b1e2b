//! Servers for the program to talk to, in this process, each on an address of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fxp_server::accounts::FileAccounts;
use fxp_server::config::Config;
use fxp_server::config::fxp::{Action, Peer, Rule};
use fxp_server::config::user::User;
use fxp_server::server::Handle;
use fxp_store::account::Rights;
use fxp_store::storage::Storage;
use fxp_store_disk::{Disk, Options};

use crate::Machine;

/// The user on every server, and a password that must never be seen.
pub(crate) const USER: &str = "ann";
pub(crate) const PASSWORD: &str = "open sesame";

/// A running server; it ends with the value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// `SHA-256=...`, if it has a certificate.
    pub(crate) fingerprint: Option<String>,
    files: tempfile::TempDir,
    handle: Handle,
    _runtime: tokio::runtime::Runtime,
}

/// How a server differs from the usual one.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) tls: bool,
    /// A rule that lets the other servers in; without it, one that turns even those away that prove who they are.
    pub(crate) fxp: bool,
    pub(crate) rights: Rights,
}

impl Kind {
    pub(crate) const PLAIN: Kind = Kind { tls: false, fxp: true, rights: Rights::FULL };
    pub(crate) const TLS: Kind = Kind { tls: true, ..Kind::PLAIN };
}

impl Server {
    /// `last` is the last number of its address, 127.0.0.`last`.
    pub(crate) fn start(last: u8, kind: Kind) -> Self {
        Server::start_with(SocketAddr::from(([127, 0, 0, last], 0)), kind, |_| {})
    }

    /// At a given address, with changes to its configuration.
    pub(crate) fn start_with(address: SocketAddr, kind: Kind, change: impl FnOnce(&mut Config)) -> Self {
        Server::start_on(address, kind, change, |home| {
            let disk = Disk::open(home, Options::default()).map_err(std::io::Error::other)?;
            Ok(Arc::new(disk))
        })
    }

    /// With files of another kind.
    pub(crate) fn with_storage(last: u8, kind: Kind, storage: Arc<dyn Storage>) -> Self {
        let address = SocketAddr::from(([127, 0, 0, last], 0));
        Server::start_on(address, kind, |_| {}, move |_| Ok(storage.clone()))
    }

    fn start_on(
        address: SocketAddr,
        kind: Kind,
        change: impl FnOnce(&mut Config),
        storage: impl Fn(&Path) -> std::io::Result<Arc<dyn Storage>> + Send + Sync + 'static,
    ) -> Self {
        let files = tempfile::tempdir().expect("a temporary directory");
        let mut user = User::throwaway(USER, &fxp_store::Secret::new(PASSWORD), files.path());
        user.rights = kind.rights;
        let mut config = Config::on(address).with_user(user);
        let rule = Rule::allow("127.0.0.0/8".parse::<Peer>().expect("a prefix"));
        config = config.with_rule(match kind.fxp {
            true => rule,
            // All but the client.
            false => Rule { action: Action::Deny, peer: Vec::new(), ..rule },
        });
        let mut fingerprint = None;
        if kind.tls {
            let identity =
                rcgen::generate_simple_self_signed(vec![address.ip().to_string()]).expect("a certificate");
            let digest = <sha2::Sha256 as sha2::Digest>::digest(identity.cert.der());
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            fingerprint = Some(format!("SHA-256={hex}"));
            config = config.with_certificate(identity.cert.pem(), identity.signing_key.serialize_pem());
        }
        change(&mut config);
        let accounts = FileAccounts::new(&config, move |home: &Path, _| storage(home));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let entered = runtime.enter();
        let server = fxp_server::server::Server::bind(config, Arc::new(accounts)).expect("the server binds");
        drop(entered);
        let address = server.addresses()[0];
        let handle = server.handle();
        runtime.spawn(server.run());
        Server { address, fingerprint, files, handle, _runtime: runtime }
    }

    /// `ftp://ann@127.0.0.2:4711/path`
    pub(crate) fn url(&self, path: &str) -> String {
        format!("ftp://{USER}@{}/{path}", self.address)
    }

    /// The file itself.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.files.path().join(path)
    }

    /// Puts a file there, with its directories.
    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let file = self.file(path);
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("directories can be made");
        std::fs::write(file, bytes).expect("the file can be written");
    }

    /// What is in the file; None if it is not there.
    pub(crate) fn get(&self, path: &str) -> Option<Vec<u8>> {
        std::fs::read(self.file(path)).ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

impl Machine {
    /// A machine whose netrc knows the password everywhere, and whose book trusts these servers.
    pub(crate) fn that_knows(servers: &[&Server]) -> Machine {
        let machine = Machine::new();
        machine.write_netrc(PASSWORD);
        for server in servers {
            if let Some(fingerprint) = &server.fingerprint {
                let ran = machine.run(&["trust", "add", &server.address.to_string(), fingerprint]);
                assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            }
        }
        machine
    }

    pub(crate) fn write_netrc(&self, password: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.home().join(".netrc");
        std::fs::write(&path, format!("default login {USER} password \"{password}\"\n"))
            .and_then(|()| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)))
            .expect("the netrc can be written");
    }
}
