//! Real servers: started on an address of their own, with a folder of their own, ended when dropped.

mod fxpd;
mod process;
mod proftpd;
mod pureftpd;
mod pyftpdlib;
mod vsftpd;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use fxp_server::config::password::{Cost, Password};
use fxp_store::Secret;
use tempfile::TempDir;

use crate::certificate::{Authority, IdentityFiles};
use crate::demand::Missing;
use crate::port;

/// The user that every daemon knows.
pub const USER: &str = "mover";
/// Its password.
pub const PASSWORD: &str = "secret-of-mover";

/// The hash of a password for `fxpd`'s configuration, cheap to check: tests log in often.
pub fn hash_of(password: &str) -> String {
    Password::hash(&Secret::new(password), Cost::Light).as_phc().to_owned()
}

/// A server product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Product {
    /// Ours, inside this process.
    Fxpd,
    /// ProFTPD with mod_tls.
    Proftpd,
    /// vsftpd.
    Vsftpd,
    /// Pure-FTPD.
    Pureftpd,
    /// pyftpdlib.
    Pyftpdlib,
}

impl Product {
    /// All of them.
    pub const ALL: [Product; 5] =
        [Product::Fxpd, Product::Proftpd, Product::Vsftpd, Product::Pureftpd, Product::Pyftpdlib];
    /// All but ours.
    pub const FOREIGN: [Product; 4] =
        [Product::Proftpd, Product::Vsftpd, Product::Pureftpd, Product::Pyftpdlib];

    /// Its name, as in the tables of the documentation.
    pub fn name(self) -> &'static str {
        match self {
            Product::Fxpd => "fxpd",
            Product::Proftpd => "proftpd",
            Product::Vsftpd => "vsftpd",
            Product::Pureftpd => "pureftpd",
            Product::Pyftpdlib => "pyftpdlib",
        }
    }

    /// Whether it can be started here.
    ///
    /// # Errors
    ///
    /// What is missing, and what installs it.
    pub fn available(self) -> Result<(), Missing> {
        let program = match self {
            Product::Fxpd => return Ok(()),
            Product::Proftpd => "usr/sbin/proftpd",
            Product::Vsftpd => "usr/sbin/vsftpd",
            Product::Pureftpd => "usr/sbin/pure-ftpd",
            Product::Pyftpdlib => "python/bin/python",
        };
        crate::demand::root()?;
        let pam = Path::new("/etc/pam.d").join(vsftpd::PAM_SERVICE);
        let missing = [Some(folder().join(program)), (self == Product::Vsftpd).then_some(pam)]
            .into_iter()
            .flatten()
            .find(|file| !file.exists());
        match missing {
            None => Ok(()),
            Some(file) => {
                let file = file.display();
                Err(Missing(format!("{self} needs {file}; `tools/daemons/install` puts it there")))
            }
        }
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where `tools/daemons/install` put the daemons: `$FXP_DAEMONS`, else `target/daemons`.
pub fn folder() -> PathBuf {
    match std::env::var_os("FXP_DAEMONS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/daemons"),
    }
}

/// How a daemon is set up.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// TLS is on offer (explicit, `AUTH TLS`).
    pub tls: bool,
    /// Foreign addresses are allowed on data connections, in both roles; false is the product's default.
    pub fxp: bool,
    /// Data connections must resume the control connection's TLS session, where the product can demand it.
    pub demand_reuse: bool,
}

impl Setup {
    /// In clear, FXP allowed.
    pub const PLAIN: Setup = Setup { tls: false, fxp: true, demand_reuse: false };
    /// TLS on offer, FXP allowed, no demand for session reuse.
    pub const TLS: Setup = Setup { tls: true, fxp: true, demand_reuse: false };
}

/// A running daemon.
pub struct Daemon {
    /// What it is.
    pub product: Product,
    /// Where it listens.
    pub address: SocketAddr,
    /// What its user sees as `/`.
    pub root: PathBuf,
    /// The first and the last of its passive ports.
    pub passive: (u16, u16),
    /// SHA-256 of its certificate, as `fxp trust add` takes it.
    pub fingerprint: String,
    running: Running,
    folder: TempDir,
}

#[allow(dead_code, reason = "held so that it ends when the daemon is dropped")]
enum Running {
    Process(process::Process),
    Embedded(fxpd::Embedded),
}

/// What a product's starter is given.
struct Place<'a> {
    address: SocketAddr,
    passive: (u16, u16),
    folder: &'a Path,
    root: &'a Path,
    identity: IdentityFiles,
    setup: Setup,
    /// More settings in the product's own language, see [`Daemon::start_with`].
    more: &'a [&'a str],
    /// The network namespace it runs in; `None`: this one.
    namespace: Option<&'a str>,
}

/// What few daemons are given.
#[derive(Clone, Copy, Default)]
struct Extra<'a> {
    more: &'a [&'a str],
    namespace: Option<&'a str>,
}

impl Daemon {
    /// Starts `product` on a loopback address of its own, with an empty root, and waits until it answers.
    /// The root lies in `target` unless `base` says otherwise (a benchmark wants tmpfs).
    ///
    /// # Errors
    ///
    /// If it does not start; the error carries its log.
    pub fn start(
        product: Product,
        setup: Setup,
        authority: &Authority,
        base: Option<&Path>,
    ) -> Result<Daemon> {
        Daemon::start_at(product, setup, authority, base, port::loopback())
    }

    /// As [`Daemon::start`], on a given address.
    ///
    /// # Errors
    ///
    /// As [`Daemon::start`].
    pub fn start_at(
        product: Product,
        setup: Setup,
        authority: &Authority,
        base: Option<&Path>,
        ip: IpAddr,
    ) -> Result<Daemon> {
        let address = SocketAddr::new(ip, port::free(ip)?);
        Daemon::begin(product, setup, authority, base, address, Extra::default())
    }

    /// As [`Daemon::start`], on a given address and port.
    ///
    /// # Errors
    ///
    /// As [`Daemon::start`].
    pub fn start_on(
        product: Product,
        setup: Setup,
        authority: &Authority,
        address: SocketAddr,
    ) -> Result<Daemon> {
        Daemon::begin(product, setup, authority, None, address, Extra::default())
    }

    /// As [`Daemon::start`], with more settings: lines of the configuration of ProFTPD and vsftpd, arguments
    /// of Pure-FTPD, statements of Python for pyftpdlib (which know `handler`, `authorizer` and `server`).
    ///
    /// # Errors
    ///
    /// As [`Daemon::start`]; and for the embedded server, which takes none.
    pub fn start_with(
        product: Product,
        setup: Setup,
        authority: &Authority,
        more: &[&str],
    ) -> Result<Daemon> {
        ensure!(product != Product::Fxpd || more.is_empty(), "fxpd is configured by its own program");
        let ip = port::loopback();
        let address = SocketAddr::new(ip, port::free(ip)?);
        Daemon::begin(product, setup, authority, None, address, Extra { more, namespace: None })
    }

    /// As [`Daemon::start`], at an address of a network namespace of its own (`ip netns`).
    ///
    /// # Errors
    ///
    /// As [`Daemon::start`]; and for the embedded server, which lives in this process.
    pub fn start_in(
        namespace: &str,
        address: SocketAddr,
        product: Product,
        setup: Setup,
        authority: &Authority,
    ) -> Result<Daemon> {
        Daemon::start_in_with(namespace, address, product, setup, authority, &[])
    }

    /// As [`Daemon::start_in`], with more settings as in [`Daemon::start_with`].
    ///
    /// # Errors
    ///
    /// As [`Daemon::start_in`].
    pub fn start_in_with(
        namespace: &str,
        address: SocketAddr,
        product: Product,
        setup: Setup,
        authority: &Authority,
        more: &[&str],
    ) -> Result<Daemon> {
        ensure!(product != Product::Fxpd, "the embedded server cannot live in another namespace");
        let extra = Extra { namespace: Some(namespace), more };
        Daemon::begin(product, setup, authority, None, address, extra)
    }

    fn begin(
        product: Product,
        setup: Setup,
        authority: &Authority,
        base: Option<&Path>,
        address: SocketAddr,
        extra: Extra<'_>,
    ) -> Result<Daemon> {
        let folder = match base {
            Some(base) => TempDir::with_prefix_in("fxp-daemon-", base)?,
            None => TempDir::with_prefix("fxp-daemon-")?,
        };
        let root = folder.path().join("root");
        std::fs::create_dir(&root)?;
        for path in [folder.path(), &root] {
            // The daemons run as other users and must be able to come here.
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        }
        let identity = authority.identity(address.ip())?;
        let fingerprint = identity.fingerprint();
        let identity = authority.write(&identity, folder.path())?;
        let passive = port::passive_range(200);
        let place = Place {
            address,
            passive,
            folder: folder.path(),
            root: &root,
            identity,
            setup,
            more: extra.more,
            namespace: extra.namespace,
        };
        let running = match product {
            Product::Fxpd => Running::Embedded(fxpd::start(&place)?),
            Product::Proftpd => Running::Process(proftpd::start(&place)?),
            Product::Vsftpd => Running::Process(vsftpd::start(&place)?),
            Product::Pureftpd => Running::Process(pureftpd::start(&place)?),
            Product::Pyftpdlib => Running::Process(pyftpdlib::start(&place)?),
        };
        Ok(Daemon { product, address, root, passive, fingerprint, running, folder })
    }

    /// Makes files that the test put into the root belong to the daemon's user.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn adopt_files(&self) -> Result<()> {
        match self.product {
            // These two run as whoever started them.
            Product::Fxpd | Product::Pyftpdlib => Ok(()),
            Product::Vsftpd => process::adopt(&self.root, process::DAEMON),
            Product::Proftpd | Product::Pureftpd => process::adopt(&self.root, process::NOBODY),
        }
    }

    /// Ends it and its sessions in the middle of whatever they do, as a loss of power would.
    pub fn kill(&mut self) {
        match &mut self.running {
            Running::Process(process) => process.kill(),
            Running::Embedded(server) => server.end(),
        }
    }

    /// Starts it again after [`Daemon::kill`], with the settings and the files it had.
    ///
    /// # Errors
    ///
    /// As [`Daemon::start`]; and for the embedded server, which ends with its runtime.
    pub fn start_again(&mut self) -> Result<()> {
        match &mut self.running {
            Running::Process(process) => process.start_again(self.folder.path(), self.address),
            Running::Embedded(_) => bail!("the embedded server is not started again"),
        }
    }

    /// Its log, for the message of a failing test.
    pub fn log(&self) -> String {
        process::logs(self.folder.path())
    }

    /// `ftp://user@address/path` for fxp.
    pub fn url(&self, path: &str) -> String {
        format!("ftp://{USER}@{}/{path}", self.address)
    }

    /// `ftp://user:password@address/path` for lftp.
    pub fn lftp_url(&self, path: &str) -> String {
        format!("ftp://{USER}:{PASSWORD}@{}/{path}", self.address)
    }

    /// The process that leads the daemon's sessions; the embedded server has none of its own.
    pub fn process_id(&self) -> Option<u32> {
        match &self.running {
            Running::Embedded(_) => None,
            Running::Process(process) => Some(process.id()),
        }
    }

    /// Where the embedded server speaks TLS from the first byte on, if it has TLS; foreign daemons are
    /// started without such a port.
    pub fn implicit(&self) -> Option<SocketAddr> {
        match &self.running {
            Running::Embedded(server) => server.implicit(),
            Running::Process(_) => None,
        }
    }

    /// The authority that signed its certificate, as a PEM file.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// The embedded server's payload meter; foreign daemons have none.
    pub fn meter(&self) -> Option<fxp_net::meter::Meter> {
        match &self.running {
            Running::Embedded(server) => Some(server.meter()),
            Running::Process(_) => None,
        }
    }
}
