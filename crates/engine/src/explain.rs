//! Why a rung failed, in a sentence a person can act on: whose refusal, in which role, and the setting
//! of that very product that would allow it.

use fxp_proto::pair::exchange::{Failure, Refusal, Step};
use fxp_proto::pair::leg::Leg;
use fxp_proto::pair::method::Method;

use crate::plan::ladder::Rung;
use crate::product::Product;

/// What the two servers are, where they reveal it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Products {
    pub(crate) source: Option<&'static Product>,
    pub(crate) destination: Option<&'static Product>,
}

impl Products {
    pub(crate) fn of(&self, leg: Leg) -> Option<&'static Product> {
        match leg {
            Leg::Source => self.source,
            Leg::Destination => self.destination,
        }
    }
}

/// The words of a refusal say that the data connection should have resumed a TLS session. ProFTPD says
/// only that the operation is not permitted, and as TLS server it says so for no other reason.
pub(crate) fn demands_reuse(failure: &Failure, method: &Method, products: &Products) -> bool {
    let Some(reply) = &failure.reply else { return false };
    let server = method.tls.is_some_and(|part| part.client != failure.leg);
    let words: Vec<String> = reply.lines.iter().map(|line| line.to_string().to_lowercase()).collect();
    let says = |what: &str| words.iter().any(|line| line.contains(what));
    let proftpd = products.of(failure.leg).is_some_and(|product| product.name == "ProFTPD");
    server && (says("reuse") || says("resum") || (proftpd && says("operation not permitted")))
}

/// One rung's failure in one sentence, with the server's words.
pub(crate) fn sentence(rung: &Rung, failure: &Failure, products: &Products) -> String {
    let Failure { leg, class, .. } = failure;
    let role = role(*leg, &rung.method);
    let what = match class {
        Refusal::Policy => format!("the {leg} allows no other server's address where it {role}"),
        Refusal::TlsRole if demands_reuse(failure, &rung.method, products) => format!(
            "the {leg} demands that data connections resume its client's TLS session, which another server cannot"
        ),
        Refusal::TlsRole => {
            format!("TLS between the servers failed at the {leg} ({})", tls_role(*leg, &rung.method))
        }
        Refusal::Connectivity => format!("no data connection between the servers; the {leg} {role}"),
        Refusal::Path => format!("the {leg} refused the file"),
        Refusal::Space => format!("the {leg} has no room"),
        Refusal::Login => format!("the {leg} lets nobody do this now"),
        Refusal::Transient => format!("the {leg} could not, this time"),
        Refusal::Unsupported => format!("the {leg} does not know {}", verb(failure)),
        Refusal::Address => format!("the {leg} announced a data address that must not be used"),
        Refusal::Lost => format!("the control connection of the {leg} was lost"),
        Refusal::TimedOut => format!("no answer of the {leg} in time"),
        Refusal::Aborted => "stopped".to_owned(),
        Refusal::Other => format!("the {leg} refused {}", verb(failure)),
    };
    match &failure.reply {
        Some(reply) => format!("{what}: {} {}", reply.code, reply.text()),
        None => what,
    }
}

/// What would make a failed rung work.
pub(crate) fn remedy(method: &Method, failure: &Failure, products: &Products) -> Option<String> {
    let leg = failure.leg;
    let product = products.of(leg);
    let at = |setting: &str| Some(format!("at the {leg}: {setting}"));
    match failure.class {
        Refusal::Policy if method.passive == leg => match product.and_then(|product| product.allow_passive) {
            Some(setting) => at(setting),
            None => at("allow data connections from other hosts than the client's (often called FXP)"),
        },
        Refusal::Policy => match product.and_then(|product| product.allow_active) {
            Some(setting) => at(setting),
            None => at("allow PORT and EPRT with other addresses than the client's (often called FXP)"),
        },
        Refusal::TlsRole if demands_reuse(failure, method, products) => Some(remedy_of_reuse(leg, product)),
        Refusal::TlsRole if method.tls.is_none() => {
            Some(format!("the {leg} takes protected data only: leave out --secure off"))
        }
        Refusal::TlsRole | Refusal::Lost if is_tls_client(leg, method) => {
            product.and_then(|product| product.trust_peer).and_then(at)
        }
        // The end that rejected the certificate is often silent; the other one reports.
        Refusal::TlsRole if is_tls_client(leg.other(), method) => {
            let other = leg.other();
            let setting = products.of(other).and_then(|product| product.trust_peer)?;
            Some(format!("at the {other}: {setting}"))
        }
        Refusal::Connectivity | Refusal::TimedOut
            if matches!(failure.step, Step::Transfer | Step::Cleanup) =>
        {
            Some(format!(
                "let the {} be reached from the other server: its passive ports in the firewall, its public address \
             (MasqueradeAddress, pasv_address, -P, passive_address), or data_address in the site entry",
                method.passive
            ))
        }
        Refusal::Address => Some(format!(
            "let the {leg} announce its public address (MasqueradeAddress, pasv_address, -P, passive_address), or set \
             data_address in its site entry",
        )),
        _ => None,
    }
}

/// What lifts the demand that data connections resume the control connection's session.
pub(crate) fn remedy_of_reuse(leg: Leg, product: Option<&Product>) -> String {
    match product {
        Some(Product { lift_reuse: Some(setting), .. }) => format!("at the {leg}: {setting}"),
        Some(Product { name: "FileZilla Server", .. }) => format!(
            "FileZilla Server (the {leg}) always demands that its own client's TLS session is resumed; no setting \
             lifts that, so protected FXP with it is impossible"
        ),
        _ => format!(
            "at the {leg}: lift the demand that data connections resume the control connection's TLS session"
        ),
    }
}

fn is_tls_client(leg: Leg, method: &Method) -> bool {
    method.tls.is_some_and(|part| part.client == leg)
}

fn role(leg: Leg, method: &Method) -> &'static str {
    if method.passive == leg { "listens" } else { "connects" }
}

fn tls_role(leg: Leg, method: &Method) -> &'static str {
    match method.tls {
        Some(part) if part.client == leg => "as TLS client",
        Some(_) => "as TLS server",
        None => "in clear",
    }
}

fn verb(failure: &Failure) -> &'static str {
    failure.verb.map_or("the transfer", |verb| verb.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fxp_proto::client::request::Passive;
    use fxp_proto::grammar::feat::Features;
    use fxp_proto::grammar::reply::Reply;
    use fxp_proto::pair::method::{RoleVerb, TlsPart};

    #[test]
    fn each_product_is_told_the_setting_it_knows() {
        // banner of the leg that refuses, its TCP role, its TLS role, class, words, expected in the remedy
        let rows: &[(&str, &str, &str, Refusal, &'static str, &str)] = &[
            (
                "ProFTPD",
                "active",
                "server",
                Refusal::Policy,
                "500 Illegal PORT command",
                "AllowForeignAddress",
            ),
            (
                "ProFTPD",
                "passive",
                "server",
                Refusal::Policy,
                "425 Unable to build data connection: Permission denied",
                "AllowForeignAddress",
            ),
            (
                "ProFTPD",
                "passive",
                "server",
                Refusal::TlsRole,
                "425 Unable to build data connection: Operation not permitted",
                "NoSessionReuseRequired",
            ),
            (
                "ProFTPD",
                "passive",
                "client",
                Refusal::TlsRole,
                "425 Unable to build data connection: Operation not permitted",
                "TLSCACertificateFile",
            ),
            ("ProFTPD", "active", "client", Refusal::Lost, "", "TLSCACertificateFile"),
            (
                "(vsFTPd 3.0.3)",
                "active",
                "server",
                Refusal::Policy,
                "500 Illegal PORT command.",
                "port_promiscuous",
            ),
            (
                "(vsFTPd 3.0.3)",
                "passive",
                "server",
                Refusal::Policy,
                "425 Security: Bad IP connecting.",
                "pasv_promiscuous",
            ),
            (
                "(vsFTPd 3.0.3)",
                "active",
                "server",
                Refusal::TlsRole,
                "522 SSL connection failed; session reuse required",
                "require_ssl_reuse=NO",
            ),
            ("Pure-FTPd", "active", "server", Refusal::Policy, "500 I won't open a connection", "-w"),
            ("pyftpdlib", "active", "server", Refusal::Policy, "501 Rejected", "permit_foreign_addresses"),
            ("fxpd", "active", "server", Refusal::Policy, "501 no", "[[fxp.rule]]"),
            (
                "FileZilla Server",
                "passive",
                "server",
                Refusal::TlsRole,
                "425 TLS session of data connection not resumed.",
                "no setting",
            ),
            ("Unheard", "active", "server", Refusal::Policy, "500 no", "often called FXP"),
            (
                "Unheard",
                "passive",
                "server",
                Refusal::Connectivity,
                "425 Can't open data connection",
                "firewall",
            ),
            ("Unheard", "passive", "server", Refusal::Address, "227 (127,0,0,1,4,1)", "data_address"),
        ];
        for (banner, tcp, tls, class, words, expected) in rows {
            let leg = Leg::Source;
            let method = Method {
                passive: if *tcp == "passive" { leg } else { leg.other() },
                verb: Passive::Pasv,
                tls: Some(TlsPart {
                    client: if *tls == "client" { leg } else { leg.other() },
                    by: RoleVerb::Sscn,
                }),
            };
            let reply =
                words.split_once(' ').map(|(code, text)| Reply::new(code.parse().expect("a code"), text));
            let failure =
                Failure { leg, step: Step::Transfer, verb: None, reply, other: None, class: *class };
            let products =
                Products { source: Product::recognise(banner, "", &Features::default()), destination: None };
            let remedy = remedy(&method, &failure, &products).unwrap_or_default();
            assert!(remedy.contains(expected), "{banner} {words}: {remedy}");
        }
    }
}
