//! `fxpd explain`: which rule decides a data connection, by the server's own function and without a server.

use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, anyhow};
use fxp_proto::grammar::params::Protection;
use fxp_server::config::Config;
use fxp_server::config::fxp::{Peer, Proof};
use fxp_server::config::network::TlsNeed;
use fxp_server::explain::{Case, Explainer};
use fxp_server::policy::{Intent, Way};
use fxp_store::VPath;

use self::answer::{Answer, Report};
use crate::args::{Course, Explain};
use crate::exit::{Failure, Result};
use crate::settings;

mod answer;

/// Judges, prints to stdout, and fails if anything is denied.
pub(crate) fn run(path: &Path, what: &Explain) -> Result<()> {
    let config = settings::load(path)?;
    let protection = protection(&config, what).map_err(Failure::Unusable)?;
    let path = path_of(&what.path).map_err(Failure::Unusable)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot begin")
        .map_err(Failure::Failed)?;
    let report = runtime.block_on(judge(config, what, &path, protection)).map_err(Failure::Unusable);
    // A name server that does not answer holds a thread for longer than we wait.
    runtime.shutdown_background();
    let report = report?;
    match what.json {
        true => println!("{}", report.json()),
        false => print!("{report}"),
    }
    if report.allowed { Ok(()) } else { Err(Failure::Denied) }
}

async fn judge(
    config: Config,
    what: &Explain,
    path: &VPath,
    protection: Protection,
) -> anyhow::Result<Report> {
    let refused_in_clear = protection == Protection::Clear
        && config.tls.as_ref().is_some_and(|tls| tls.data == TlsNeed::Required);
    let explainer = Explainer::new(config.clone());
    let (mut answers, mut unresolved) = (Vec::new(), Vec::new());
    for peer in addresses(&explainer, &what.peer).await? {
        for way in ways(what) {
            let intent = match what.direction {
                Course::In => Intent::In(path),
                Course::Out => Intent::Out(path),
            };
            let (user, client) = (what.user.as_str(), what.client);
            let case = Case { user, client, peer, way, intent, protection, proof: what.proof.into() };
            let explanation = explainer.explain(&case).await?;
            answers.push(match refused_in_clear {
                true => Answer::refused_in_clear(&case),
                false => Answer::of(&case, &explanation, &config.fxp.rules),
            });
            unresolved = explanation.unresolved;
        }
    }
    Ok(Report::new(what, path, protection, unresolved, answers))
}

/// What was asked for, else both.
fn ways(what: &Explain) -> Vec<Way> {
    match (what.active, what.passive) {
        (Some(port), _) => vec![Way::Active(port)],
        (None, true) => vec![Way::Passive],
        (None, false) => vec![Way::Active(SOME_PORT), Way::Passive],
    }
}

async fn addresses(explainer: &Explainer, peer: &str) -> anyhow::Result<Vec<IpAddr>> {
    if let Ok(ip) = peer.parse() {
        return Ok(vec![ip]);
    }
    let Ok(Peer::Name(name)) = peer.parse() else {
        return Err(anyhow!("--peer {peer} is no address and no host name"));
    };
    let mut addresses = explainer.addresses(&name).await;
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() { Err(anyhow!("nobody knows the address of {name}")) } else { Ok(addresses) }
}

fn path_of(path: &str) -> anyhow::Result<VPath> {
    if !path.starts_with('/') {
        return Err(anyhow!("--path {path} does not begin with /, where the user's files do"));
    }
    VPath::parse(path.as_bytes()).with_context(|| format!("--path {path}"))
}

/// Inside TLS where the configuration has any, unless it is said otherwise.
fn protection(config: &Config, what: &Explain) -> anyhow::Result<Protection> {
    let protection = match what.protection {
        Some(protection) => protection.into(),
        None if config.tls.is_some() => Protection::Private,
        None => Protection::Clear,
    };
    let proof = Proof::from(what.proof);
    match protection {
        Protection::Private if config.tls.is_none() => {
            Err(anyhow!("the configuration has no [tls], so no data connection is private"))
        }
        Protection::Clear if proof != Proof::None => Err(anyhow!("nothing is proven in clear")),
        protection => Ok(protection),
    }
}

/// What a server would draw for a passive connection: no other service is known to have it.
const SOME_PORT: u16 = 50000;
