//! A look at a server: what its login tells, and what is remembered of it. Nothing is tried out.

use fxp_proto::client::request::LoggedIn;
use fxp_proto::grammar::addr::Family;

use crate::book::Known;
use crate::context::Context;
use crate::digest;
use crate::place::open;
use crate::pool::{Link, product, verified_word};
use crate::product::{Lever, Product};
use crate::report::{Trouble, TroubleKind};
use crate::site::{Location, Site, locate};
use crate::url::Address;

/// What a look at a server told.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    /// `host:port`, the key of [`crate::book::KnownBook`].
    pub server: String,
    /// The address that was reached.
    pub address: String,
    /// The greeting, printable, one item per line.
    pub banner: Vec<String>,
    /// SYST.
    pub system: Option<String>,
    /// The product, where banner, SYST or FEAT reveal it.
    pub product: Option<&'static str>,
    /// `IPv4` or `IPv6`: the family of its data connections.
    pub family: &'static str,
    /// FEAT, one item per line.
    pub features: Vec<String>,
    /// The directory the session starts in.
    pub home: String,
    /// `TLS 1.3` and the like; `None` in clear.
    pub tls: Option<String>,
    /// The cipher suite.
    pub cipher: Option<String>,
    /// How the certificate was verified: `roots`, `pinned`; `None` if it was not.
    pub verified: Option<&'static str>,
    /// The certificate's fingerprint.
    pub fingerprint: Option<String>,
    /// The digests it computes, best first.
    pub digests: Vec<&'static str>,
    /// What the server can do in an FXP, in sentences.
    pub fxp: Vec<String>,
    /// What was learned about it earlier.
    pub known: Known,
}

/// Connects, logs in and tells what was found.
///
/// # Errors
///
/// No session.
pub async fn test(address: &Address, context: &Context) -> Result<ServerFacts, Trouble> {
    let (mut side, _) = open(address, context).await?;
    let Some(link) = side.link() else {
        return Err(Trouble::new(TroubleKind::Usage, format!("{address} is no server")));
    };
    let told = look(link).await;
    side.close().await;
    told
}

/// What the session of `link` tells. Asks the server nothing beyond the login.
pub(crate) async fn look(link: &mut Link) -> Result<ServerFacts, Trouble> {
    let data_address = link.server.site.data_address;
    let session = link.session().await?;
    let facts = session.facts().clone();
    let tls = session.tls().cloned();
    let peer = session.peer_addr();
    let digests: Vec<&'static str> = session.digests().into_iter().map(digest::name).collect();
    let product = product(session);
    // Only now, since a new greeting makes forgotten what was learned under the old one.
    let (known, key) = (link.known(), link.server.key());
    let fxp = abilities(&facts, product, &digests, &known);
    Ok(ServerFacts {
        server: key,
        address: peer.to_string(),
        family: match Family::of(data_address.unwrap_or(peer.ip()).to_canonical()) {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        },
        banner: facts.banner.lines.iter().map(ToString::to_string).collect(),
        system: facts.system.as_ref().map(ToString::to_string),
        product: product.map(|product| product.name),
        features: facts.features.lines().iter().map(ToString::to_string).collect(),
        home: facts.home.to_string(),
        tls: tls.as_ref().map(|tls| tls.version.to_owned()),
        cipher: tls.as_ref().map(|tls| tls.cipher.clone()),
        verified: tls.as_ref().and_then(|tls| tls.verified).map(verified_word),
        fingerprint: tls.as_ref().and_then(|tls| tls.peer).map(|fingerprint| fingerprint.to_string()),
        digests,
        fxp,
        known,
    })
}

/// A server, and what is remembered of it.
#[derive(Clone, Debug)]
pub struct Memory {
    /// The site's name and entry, if it stands in the book of sites.
    pub site: Option<(String, Site)>,
    /// `host:port`, the key of [`crate::book::KnownBook`].
    pub server: String,
    /// What was learned about it.
    pub known: Known,
}

/// What is remembered of the server at `address`; nothing is asked of the server itself.
///
/// # Errors
///
/// No such site, or no server.
pub fn remembered(address: &Address, context: &Context) -> Result<Memory, Trouble> {
    let Location::Remote { server, .. } = locate(address, context)? else {
        return Err(Trouble::new(TroubleKind::Usage, format!("{address} is no server")));
    };
    let key = server.key();
    let known = context.known.lock().expect("no holder of the lock panics").of(&key);
    let site = server.is_site.then(|| (server.label.clone(), server.site.clone()));
    Ok(Memory { site, server: key, known })
}

/// What a server can do in an FXP, as far as it says so.
fn abilities(facts: &LoggedIn, product: Option<&Product>, digests: &[&str], known: &Known) -> Vec<String> {
    let has = |name| facts.features.has(name);
    let mut sentences = vec![roles(facts)];
    if has("PRET") && !product.is_some_and(|product| product.idle_pret) {
        sentences.push("it wants to know the file before it listens (PRET)".into());
    }
    sentences.push(match (has("CEPR"), has("EPSV") && has("EPRT")) {
        (true, _) => "it takes part over IPv4 and IPv6, and tells its IPv6 address (CEPR)".into(),
        (false, true) => "it takes part over IPv4 and IPv6 (EPSV, EPRT)".into(),
        (false, false) => "it names no commands for IPv6 (EPSV, EPRT)".into(),
    });
    sentences.push(match facts.features.rest_stream() {
        true => "it continues broken-off copies (REST)".into(),
        false => "it does not say that it can continue broken-off copies (REST)".into(),
    });
    sentences.push(match (has("MFMT"), facts.features.mdtm_sets()) {
        (true, _) => "it lets the times of files be set (MFMT)".into(),
        (false, true) => "it lets the times of files be set (MDTM)".into(),
        (false, false) => "it names no command that sets the times of files".into(),
    });
    sentences.push(match has("MLST") || has("MLSD") {
        true => "its listings are made for programs (MLSD)".into(),
        false => "its listings are made for people (LIST), so times may be rough".into(),
    });
    sentences.push(match digests.is_empty() {
        true => "it computes no digests, so only sizes can be compared".into(),
        false => format!("it computes {}", digests.join(", ")),
    });
    if !known.renames && !known.no_rename {
        sentences.push("whether it renames is found out by the first copy to it".into());
    }
    let settings = product.map(|product| [product.allow_active, product.allow_passive, product.lift_reuse]);
    let mut settings: Vec<&str> = settings.into_iter().flatten().filter_map(Lever::setting).collect();
    settings.dedup();
    if !settings.is_empty() {
        sentences.push(format!("if it refuses FXP, its operator allows it by: {}", settings.join("; ")));
    }
    sentences
}

/// Who may be TLS client.
fn roles(facts: &LoggedIn) -> String {
    let client: Vec<&str> = ["CPSV", "SSCN"].into_iter().filter(|name| facts.features.has(name)).collect();
    match (facts.secured, client.is_empty()) {
        (false, _) => "its control connection is in clear, so it can only take part in clear FXP".into(),
        (true, false) => format!("it can be TLS client ({}) and TLS server", client.join(", ")),
        (true, true) => {
            "it is always TLS server, so the other end of a protected FXP must be TLS client".into()
        }
    }
}
