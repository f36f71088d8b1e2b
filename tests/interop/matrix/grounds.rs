//! What all cells share: hosts, servers that run from the first cell to the last, and a client's host.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::PASSWORD;
use fxp_testkit::data;
use fxp_testkit::demand::Missing;
use tempfile::TempDir;

use crate::fxp::{Fxp, Ran, program};
use crate::network::{Host, Network};
use crate::servers::{KINDS, Kind, Server};

/// The file that every cell copies: more than the socket buffers hold, and not a whole number of blocks.
const SIZE: u64 = 3 * 1024 * 1024 + 4321;
/// Its name at every source.
pub(crate) const FILE: &str = "file";

/// Which of the two servers of a kind: so that a kind can meet itself, one is always source, one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Source,
    Destination,
}

/// Hosts, servers, client.
pub(crate) struct Grounds {
    servers: BTreeMap<(Kind, Role, bool), Server>,
    /// SHA-256 of the file.
    pub(crate) digest: String,
    /// The books that each run of `fxp` begins with: certificates are trusted, nothing was learned.
    known: String,
    client: Host,
    // Last, so that it goes last.
    _network: Network,
}

impl Grounds {
    /// Starts everything.
    ///
    /// # Errors
    ///
    /// What is missing here.
    pub(crate) fn new() -> Result<Grounds, Missing> {
        for kind in KINDS {
            kind.product.available()?;
        }
        let hosts = u16::try_from(1 + 2 * KINDS.len()).expect("few");
        let network = Network::new(hosts)?;
        let authority = Authority::new().expect("an authority");
        let mut servers = BTreeMap::new();
        let mut number = 1;
        for kind in KINDS {
            for role in [Role::Source, Role::Destination] {
                let host = network.host(number);
                number += 1;
                for v6 in [false, true] {
                    let server = Server::start(kind, &host, v6, &authority);
                    let server = server.unwrap_or_else(|error| panic!("{kind} {role:?}: {error:#}"));
                    servers.insert((kind, role, v6), server);
                }
            }
        }
        let mut digest = String::new();
        for ((_, role, _), server) in &servers {
            if *role == Role::Source {
                data::write(&server.root.join(FILE), SIZE, 1).expect("a file");
                server.adopt_files().expect("its owner");
                if digest.is_empty() {
                    digest = data::sha256(&server.root.join(FILE)).expect("a digest");
                }
            }
        }
        let known = trusting(servers.values());
        let client = network.host(0);
        Ok(Grounds { servers, digest, known, client, _network: network })
    }

    /// The server of a kind in a role.
    pub(crate) fn server(&self, kind: Kind, role: Role, v6: bool) -> &Server {
        &self.servers[&(kind, role, v6)]
    }

    /// Runs `fxp` on the client's host with fresh books, at most `limit`; then its exit code is 124.
    pub(crate) fn fxp(&self, arguments: &[&str], limit: Duration) -> Ran {
        let home = TempDir::with_prefix("fxp-matrix-client-").expect("a folder");
        let known: PathBuf = home.path().join("known.toml");
        std::fs::write(&known, &self.known).expect("books");
        Command::new("ip")
            .args(["netns", "exec", &self.client.namespace, "timeout", "--kill-after=2"])
            .arg(format!("{:.1}", limit.as_secs_f64().max(0.1)))
            .arg(program("fxp"))
            .args(arguments)
            .env("HOME", home.path())
            .env("FXP_SITES", home.path().join("sites.toml"))
            .env("FXP_KNOWN", known)
            .env("FXP_PASSWORD", PASSWORD)
            .stdin(Stdio::null())
            .output()
            .expect("fxp runs")
            .into()
    }
}

/// Books that trust the certificates of `servers`.
fn trusting<'a>(servers: impl Iterator<Item = &'a Server>) -> String {
    let fxp = Fxp::new(&[]);
    for server in servers {
        fxp.trust(&server.address.to_string(), &server.fingerprint);
    }
    fxp.known()
}
