//! What would make a failed rung work: the setting of that product, or what to ask its operator.

use fxp_proto::grammar::reply::Reply;
use fxp_proto::pair::exchange::{Failure, Refusal, Step};
use fxp_proto::pair::leg::Leg;
use fxp_proto::pair::method::Method;

use super::{demands_reuse, is_tls_client};
use crate::plan::ladder::{Peer, Rung};
use crate::product::{Lever, Product, Products};

/// What would make a failed rung work.
pub fn remedy(rung: &Rung, failure: &Failure, products: &Products) -> Option<String> {
    let (leg, method) = (failure.leg, &rung.method);
    let at_data = matches!(failure.step, Step::Transfer | Step::Cleanup);
    match failure.class {
        Refusal::Proof => Some(format!(
            "{}, or allow proven ones there (fxp.allowances), if this user may exchange files with other servers at all",
            remedy_of_address(leg, method.passive == leg, products)
        )),
        Refusal::Connectivity if at_data && rung.peer != Peer::None && is_uniform(failure) => {
            Some(of_proof(rung, failure, products))
        }
        Refusal::Policy => Some(of_policy(leg, method, failure, products)),
        Refusal::TlsRole if demands_reuse(failure, method, products) => Some(remedy_of_reuse(leg, products)),
        Refusal::TlsRole if method.tls.is_none() => {
            Some(format!("{} takes protected data only: leave out --secure off", products.who(leg)))
        }
        // The server that speaks PEER broke off the handshake, and the other one tells of it in its own words.
        Refusal::TlsRole | Refusal::Lost if at_data && rung.peer == Peer::Expect(leg.other()) => {
            let setting =
                of_tls(method, products).map(|setting| format!("{setting}; or ")).unwrap_or_default();
            Some(setting + &of_certificate(leg, products))
        }
        Refusal::TlsRole => of_tls(method, products).or_else(|| Some(COMMON_TLS.to_owned())),
        Refusal::Lost if is_tls_client(leg, method) => of_tls(method, products),
        Refusal::Connectivity | Refusal::TimedOut | Refusal::Lost
            if at_data && products.of(method.passive).is_some_and(|product| product.silent) =>
        {
            let ask = ask_the_operator(leg, failure, products, CAUSES_OF_NONE);
            Some(format!(
                "{} turns other servers away without a word: {}; or {}{}",
                products.who(method.passive),
                remedy_of_address(method.passive, true, products),
                of_road(method.passive, products),
                ask.map(|ask| format!("; {ask}")).unwrap_or_default()
            ))
        }
        Refusal::Connectivity if at_data && id(failure).is_some() => Some(format!(
            "{}; or {}",
            ask_the_operator(leg, failure, products, CAUSES_OF_NONE).unwrap_or_default(),
            of_road(method.passive, products)
        )),
        Refusal::Connectivity | Refusal::TimedOut if at_data => Some(of_road(method.passive, products)),
        Refusal::Connectivity => Some(of_road(method.passive, products)),
        Refusal::Address => Some(format!(
            "let {} announce its public address{}, or set data_address in its site entry",
            products.who(leg),
            by_announcing(products.of(leg)),
        )),
        Refusal::Space if leg == Leg::Source => Some(format!(
            "{} lets its users take no more than they give: upload to it first, or have the limit lifted there",
            products.who(leg)
        )),
        Refusal::Space if says_space(failure) => {
            Some(format!("make room at {}, or have the quota raised there", products.who(leg)))
        }
        Refusal::Space => Some(format!(
            "make room at {}, which most often is what is missing where it says so; if there is some, its disk or its log \
             tells why it could not write",
            products.who(leg)
        )),
        Refusal::Path if leg == Leg::Source => {
            Some(format!("check the name, and that this user may read it at {}", products.who(leg)))
        }
        Refusal::Path => Some(format!(
            "check that the directory is there, and that this user may write in it at {}",
            products.who(leg)
        )),
        Refusal::Login => {
            Some(format!("wait, or let this user open more sessions and transfers at {}", products.who(leg)))
        }
        _ => None,
    }
}

/// True if neither server says more than that no data connection was proven, under a key: there is one thing to
/// say about all such failures, not one for each.
pub(super) fn is_unproven(rung: &Rung, failure: &Failure) -> bool {
    let at_data = matches!(failure.step, Step::Transfer | Step::Cleanup);
    at_data && rung.peer == Peer::Key && failure.class == Refusal::Connectivity && is_uniform(failure)
}

/// What to do about all failures under a key that look alike.
pub(super) fn of_unproven(failures: &[&(Rung, Failure)], products: &Products) -> Option<String> {
    let ids = |leg: Leg| -> Vec<String> {
        let of = |failure: &Failure| {
            let reply = if failure.leg == leg { &failure.reply } else { &failure.other };
            reply.as_ref().and_then(id_in)
        };
        failures.iter().filter_map(|(_, failure)| of(failure)).collect()
    };
    let logs: Vec<String> = Leg::BOTH
        .into_iter()
        .map(|leg| (products.who(leg), ids(leg)))
        .filter(|(_, ids)| !ids.is_empty())
        .map(|(who, ids)| {
            format!("that of {who} under {} {}", if ids.len() == 1 { "id" } else { "ids" }, ids.join(", "))
        })
        .collect();
    let mut roads: Vec<String> =
        failures.iter().map(|(rung, _)| of_road(rung.method.passive, products)).collect();
    roads.dedup();
    (!logs.is_empty()).then(|| {
        format!(
            "servers that were introduced say the same whatever the reason is ({CAUSES_UNPROVEN}): their operators \
             find it in their logs, {}; or {}",
            logs.join(" and "),
            roads.join("; or ")
        )
    })
}

/// No data connection that was proven to be the other server's. Who speaks PEER tells nobody more than that.
fn of_proof(rung: &Rung, failure: &Failure, products: &Products) -> String {
    let (leg, passive) = (failure.leg, rung.method.passive);
    let mut text = ask_the_operator(leg, failure, products, CAUSES_UNPROVEN).unwrap_or_default();
    if let Some(id) = failure.other.as_ref().and_then(id_in) {
        text += &format!("; that of {} under id {id}", products.who(leg.other()));
    }
    if rung.peer == Peer::Expect(leg) {
        text += &format!("; {}", of_certificate(leg.other(), products));
    }
    format!("{text}; or {}", of_road(passive, products))
}

/// The certificate that was expected of `leg` was not the one that came.
fn of_certificate(leg: Leg, products: &Products) -> String {
    format!(
        "{} accepts only the certificate that {} shows on its control connection: if that one shows another on data \
         connections, or none where it is TLS client, --assurance encrypted does without; if it does not, somebody is in \
         between",
        products.who(leg.other()),
        products.who(leg)
    )
}

/// What lifts the demand that data connections resume the control connection's session.
pub(crate) fn remedy_of_reuse(leg: Leg, products: &Products) -> String {
    let who = products.who(leg);
    match products.of(leg).map(|product| product.lift_reuse) {
        Some(Lever::Setting(setting)) => format!("at {who}: {setting}"),
        Some(Lever::Never) => format!(
            "{who} always demands that its own client's TLS session is resumed; no setting lifts that, so protected FXP \
             with it is impossible"
        ),
        Some(Lever::Unknown) | None => {
            format!(
                "at {who}: lift the demand that data connections resume the control connection's TLS session"
            )
        }
    }
}

/// The other server's address is not allowed at `leg`, where it listens or connects.
pub(crate) fn remedy_of_address(leg: Leg, listens: bool, products: &Products) -> String {
    let who = products.who(leg);
    let product = products.of(leg);
    let lever = product.map(|product| if listens { product.allow_passive } else { product.allow_active });
    match lever {
        Some(Lever::Setting(setting)) => format!("at {who}: {setting}"),
        Some(Lever::Never) => {
            let (here, there) = if listens { ("listens", "connects") } else { ("connects", "listens") };
            format!(
                "where {who} {here} it takes only its own client's address, and no setting changes that; where it {there} \
                 it may do"
            )
        }
        Some(Lever::Unknown) | None if listens => {
            format!("at {who}: allow data connections from other hosts than the client's (often called FXP)")
        }
        Some(Lever::Unknown) | None => {
            format!("at {who}: allow PORT and EPRT with other addresses than the client's (often called FXP)")
        }
    }
}

/// A refusal of the other server's address at `leg`, with whom to ask where the server says nothing.
fn of_policy(leg: Leg, method: &Method, failure: &Failure, products: &Products) -> String {
    let setting = remedy_of_address(leg, method.passive == leg, products);
    let causes = if failure.step == Step::Connect { CAUSES_AT_ADDRESS } else { CAUSES_AT_TRANSFER };
    match (failure.leg == leg).then(|| ask_the_operator(leg, failure, products, causes)).flatten() {
        Some(ask) => format!("{setting}; {ask}"),
        None => setting,
    }
}

/// A server that tells strangers nothing: what it may mean, and what its operator can look up.
fn ask_the_operator(leg: Leg, failure: &Failure, products: &Products, causes: &str) -> Option<String> {
    let id = id(failure)?;
    Some(format!(
        "{} says the same whatever the reason is ({causes}): its operator finds the reason in its log under id {id}",
        products.who(leg)
    ))
}

/// True where room is what the server speaks of, and not only what it is most often about.
fn says_space(failure: &Failure) -> bool {
    failure.reply.as_ref().is_some_and(|reply| {
        let words = reply.words().to_ascii_lowercase();
        matches!(reply.code.number(), 452 | 552)
            || ["space", "quota", "full"].iter().any(|word| words.contains(word))
    })
}

/// True for what a server that speaks PEER says whatever went wrong towards the other one.
pub(crate) fn is_uniform(failure: &Failure) -> bool {
    id(failure).is_some()
}

/// The id in a reply of fxpd: `... (id 5ec88f20)`.
fn id(failure: &Failure) -> Option<String> {
    failure.reply.as_ref().and_then(id_in)
}

fn id_in(reply: &Reply) -> Option<String> {
    let text = reply.text().to_string();
    let (_, rest) = text.rsplit_once("(id ")?;
    let id = rest.strip_suffix(')')?;
    let is_id = (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_id.then(|| id.to_owned())
}

/// A handshake between the servers failed, for another reason than session reuse. The end that rejected the
/// certificate is often silent and the other one reports, so the TLS client's setting is named in any case.
fn of_tls(method: &Method, products: &Products) -> Option<String> {
    let client = method.tls?.client;
    let setting = products.of(client)?.trust_peer?;
    Some(format!("at {}: {setting}", products.who(client)))
}

/// The passive end is not reached.
fn of_road(passive: Leg, products: &Products) -> String {
    format!(
        "let {} be reached from the other server: its passive ports in the firewall, its public address{}, or \
         data_address in the site entry",
        products.who(passive),
        by_announcing(products.of(passive))
    )
}

fn by_announcing(product: Option<&Product>) -> String {
    match product.and_then(|product| product.announce) {
        Some(settings) => format!(" ({settings})"),
        None => String::new(),
    }
}

/// The way that is left when there is no other.
pub const RELAY: &str = "--via relay sends the bytes through this machine";

const COMMON_TLS: &str = "let both servers have a version of TLS in common, and none of them demand a certificate of the \
                          other that it cannot verify";

const CAUSES_AT_ADDRESS: &str = "no rule names that address or its port, a rule denies it, the user may not use FXP, or the \
                                 other server is in a narrower network than this machine";

const CAUSES_AT_TRANSFER: &str =
    "the rules allow this peer, but not this user, path or direction, or not without TLS";

const CAUSES_UNPROVEN: &str = "nobody came, whoever came could not prove to be the other server, TLS with it failed, or no \
                               rule allows it";

const CAUSES_OF_NONE: &str =
    "nobody came, somebody came whom no rule allows, or TLS with the other server failed";

/// Longer than any id of fxpd, in bytes.
const MAX_ID: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Assurance;
    use fxp_proto::client::request::Passive;
    use fxp_proto::grammar::feat::Features;
    use fxp_proto::pair::method::{RoleVerb, TlsPart};

    /// Greeting of the source, which refuses; its TCP role, its TLS role, step, class, words; in the remedy.
    type Row =
        (&'static str, &'static str, &'static str, Step, Refusal, &'static str, &'static [&'static str]);

    #[test]
    fn the_remedy_fits_the_role_and_the_product() {
        let rows: &[Row] = &[
            (
                "ProFTPD",
                "active",
                "client",
                Step::Transfer,
                Refusal::Lost,
                "",
                &["(ProFTPD)", "TLSCACertificateFile"],
            ),
            (
                "FileZilla Server",
                "passive",
                "server",
                Step::Transfer,
                Refusal::Policy,
                "425 no",
                &["no setting"],
            ),
            (
                "Unheard",
                "active",
                "server",
                Step::Connect,
                Refusal::Policy,
                "500 no",
                &["often called FXP", "the source:"],
            ),
            (
                "Unheard",
                "passive",
                "server",
                Step::Transfer,
                Refusal::Connectivity,
                "425 no",
                &["firewall", "data_address"],
            ),
            (
                "Unheard",
                "passive",
                "server",
                Step::Listen,
                Refusal::Address,
                "227 (127,0,0,1,4,1)",
                &["data_address"],
            ),
            (
                "fxpd",
                "active",
                "server",
                Step::Connect,
                Refusal::Policy,
                "500 no (id 5ec88f20)",
                &["id 5ec88f20", "[[fxp.rule]]"],
            ),
            (
                "fxpd",
                "passive",
                "server",
                Step::Transfer,
                Refusal::Connectivity,
                "425 no (id ab)",
                &["under id ab"],
            ),
            (
                "Pure-FTPd",
                "passive",
                "server",
                Step::Transfer,
                Refusal::TimedOut,
                "",
                &["without a word", "-w"],
            ),
        ];
        for (banner, tcp, tls, step, class, words, expected) in rows {
            let leg = Leg::Source;
            let method = Method {
                passive: if *tcp == "passive" { leg } else { leg.other() },
                verb: Passive::Pasv,
                tls: Some(TlsPart {
                    client: if *tls == "client" { leg } else { leg.other() },
                    by: RoleVerb::Sscn,
                }),
            };
            let failure = failure(leg, *step, *class, words);
            let peer = Peer::None;
            let (source, destination) = (String::new(), String::new());
            let rung = Rung { method, peer, assurance: Assurance::Encrypted, source, destination };
            let products =
                Products { source: Product::recognise(banner, "", &Features::default()), destination: None };
            let remedy = remedy(&rung, &failure, &products).unwrap_or_default();
            for part in *expected {
                assert!(remedy.contains(part), "{banner} {words}: no {part:?} in: {remedy}");
            }
        }
    }

    #[test]
    fn what_a_server_says_is_an_id_only_if_it_looks_like_one() {
        let rows = [
            ("550 not here (id 5ec88f20)", Some("5ec88f20")),
            ("550 not here (id )", None),
            ("550 not here (id a b)", None),
            ("550 (id 0123456789012345678901234567890123456789)", None),
            ("550 not here", None),
        ];
        for (words, expected) in rows {
            let failure = failure(Leg::Source, Step::Transfer, Refusal::Policy, words);
            assert_eq!(id(&failure).as_deref(), expected, "{words}");
        }
    }

    fn failure(leg: Leg, step: Step, class: Refusal, words: &'static str) -> Failure {
        let reply = words.split_once(' ').map(|(code, text)| Reply::new(code.parse().expect("a code"), text));
        Failure { leg, step, verb: None, reply, other: None, class }
    }
}
