//! `fxpd`'s library inside this process, on a runtime of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use fxp_net::meter::Meter;
use fxp_server::accounts::FileAccounts;
use fxp_server::config::Config;
use fxp_server::config::fxp::{Peer, Rule};
use fxp_server::config::network::{DataTlsReuse, Listen, PortRange, Tls};
use fxp_server::config::user::{Upload, User};
use fxp_server::server::Server;
use fxp_store::Secret;
use fxp_store::storage::Storage;
use fxp_store_disk::{Disk, Options};
use tokio::runtime::Runtime;

use super::{PASSWORD, Place, USER};
use crate::port;

/// A server in this process; it ends with its runtime.
pub(super) struct Embedded {
    meter: Meter,
    implicit: Option<SocketAddr>,
    runtime: Option<Runtime>,
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.end();
    }
}

impl Embedded {
    pub(super) fn end(&mut self) {
        // Not waiting for transfers that a test left hanging.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    pub(super) fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Where TLS begins with the first byte, if there is TLS.
    pub(super) fn implicit(&self) -> Option<SocketAddr> {
        self.implicit
    }
}

pub(super) fn start(place: &Place<'_>) -> Result<Embedded> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let inside = runtime.enter();
    let config = config(place)?;
    let implicit =
        config.listen.iter().find(|listener| listener.is_implicit()).map(|listener| listener.address);
    let accounts = FileAccounts::new(&config, |home, upload| {
        let upload = match upload {
            Upload::Inplace => fxp_store_disk::Upload::InPlace,
            Upload::Atomic => fxp_store_disk::Upload::Atomic,
        };
        let disk =
            Disk::open(home, Options { upload, ..Options::default() }).map_err(std::io::Error::other)?;
        Ok(Arc::new(disk) as Arc<dyn Storage>)
    });
    let server = Server::bind(config, Arc::new(accounts)).context("fxpd")?;
    let meter = server.meter();
    runtime.spawn(server.run());
    drop(inside);
    Ok(Embedded { meter, implicit, runtime: Some(runtime) })
}

fn config(place: &Place<'_>) -> Result<Config> {
    let mut config = Config {
        listen: vec![Listen::explicit(place.address)],
        passive_ports: PortRange::new(place.passive.0, place.passive.1).context("a range of ports")?,
        ..Config::default()
    };
    if place.setup.tls {
        let pem = |path| std::fs::read_to_string(path);
        config.tls = Some(Tls::offered(pem(&place.identity.certificate)?, pem(&place.identity.key)?));
        let ip = place.address.ip();
        config.listen.push(Listen::implicit(SocketAddr::new(ip, port::free(ip)?)));
    }
    if place.setup.demand_reuse {
        config.data_tls_reuse = DataTlsReuse::Require;
    }
    config.users.push(User::throwaway(USER, &Secret::new(PASSWORD), place.root));
    if place.setup.fxp {
        let loopback: Peer = "127.0.0.0/8".parse::<ipnet::IpNet>()?.into();
        config.fxp.rules.push(Rule::allow(loopback));
    }
    Ok(config)
}
