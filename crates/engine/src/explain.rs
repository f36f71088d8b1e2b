//! Why a rung failed, in a sentence a person can act on: whose refusal, what that server is, in which
//! role, and the setting of that very product that would allow it. Pure: everything comes from the failure,
//! the rung and the two products. `docs/explanations.md` shows what comes of it.

mod remedy;
mod whole;

pub use remedy::{RELAY, remedy};
pub(crate) use remedy::{is_uniform, remedy_of_address, remedy_of_reuse};
pub use whole::{Pair, impossible, is_about_the_file, of_file, refused};
pub(crate) use whole::{broke_off, turned_away};

use fxp_proto::pair::exchange::{Failure, Refusal};
use fxp_proto::pair::leg::Leg;
use fxp_proto::pair::method::Method;

use crate::plan::ladder::{Peer, Rung};
use crate::product::Products;

/// The words of a refusal say that the data connection should have resumed a TLS session. ProFTPD says
/// only that the operation is not permitted, and as TLS server it says so for no other reason. FileZilla
/// Server wants to see its own client's ALPN too, which comes to the same.
pub fn demands_reuse(failure: &Failure, method: &Method, products: &Products) -> bool {
    let Some(reply) = &failure.reply else { return false };
    let server = method.tls.is_some_and(|part| part.client != failure.leg);
    let words: Vec<String> = reply.lines.iter().map(|line| line.to_string().to_lowercase()).collect();
    let says = |what: &str| words.iter().any(|line| line.contains(what));
    let is = |name: &str| products.of(failure.leg).is_some_and(|product| product.name == name);
    let in_its_words = (is("ProFTPD") && says("operation not permitted"))
        || (is("FileZilla Server") && says("alpn on data connection"));
    server && (says("reuse") || says("resum") || in_its_words)
}

/// One rung's failure in one sentence, with the server's words.
pub fn sentence(rung: &Rung, failure: &Failure, products: &Products) -> String {
    let Failure { leg, class, .. } = failure;
    let who = products.who(*leg);
    let role = role(*leg, &rung.method);
    let what = match class {
        Refusal::Policy => format!("{who} allows no other server's address where it {role}"),
        Refusal::TlsRole if demands_reuse(failure, &rung.method, products) => format!(
            "{who} demands that data connections resume its client's TLS session, which another server cannot"
        ),
        Refusal::TlsRole if rung.method.tls.is_none() => format!("{who} takes no data in clear"),
        Refusal::TlsRole => {
            format!("TLS between the servers failed at {who} ({})", tls_role(*leg, &rung.method))
        }
        Refusal::Proof => format!("{who} does not let itself be introduced to the other server"),
        Refusal::Connectivity if rung.peer != Peer::None && remedy::is_uniform(failure) => {
            format!("no data connection that was proven to be the other server's; {who} {role}")
        }
        Refusal::Connectivity => format!("no data connection between the servers; {who} {role}"),
        Refusal::Path => format!("{who} refused the file"),
        Refusal::Space => format!("{who} has no room"),
        Refusal::Login => format!("{who} lets nobody do this now"),
        Refusal::Transient => format!("{who} could not, this time"),
        Refusal::Unsupported => format!("{who} does not know {}", verb(failure)),
        Refusal::Address => format!("{who} announced a data address that must not be used"),
        Refusal::Lost => format!("the control connection of {who} was lost"),
        Refusal::TimedOut => format!("no answer of {who} in time"),
        Refusal::Aborted => "stopped".to_owned(),
        Refusal::Other => format!("{who} refused {}", verb(failure)),
    };
    match words(failure) {
        Some(words) => format!("{what}: {words}"),
        None => what,
    }
}

/// The server's own words, code first.
pub(crate) fn words(failure: &Failure) -> Option<String> {
    failure.reply.as_ref().map(|reply| format!("{} {}", reply.code, reply.words()))
}

fn is_tls_client(leg: Leg, method: &Method) -> bool {
    method.tls.is_some_and(|part| part.client == leg)
}

fn role(leg: Leg, method: &Method) -> &'static str {
    if method.passive == leg { "listens" } else { "connects" }
}

fn tls_role(leg: Leg, method: &Method) -> &'static str {
    match is_tls_client(leg, method) {
        true => "as TLS client",
        false => "as TLS server",
    }
}

fn verb(failure: &Failure) -> &'static str {
    failure.verb.map_or("the transfer", |verb| verb.name())
}
