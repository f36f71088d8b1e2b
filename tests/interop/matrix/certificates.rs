//! Who shows a certificate when it is asked as TLS client: `fxpd` listens, is TLS server, and expects the certificate
//! that the other end showed on its control connection.

use std::time::Duration;

use fxp_testkit::daemon::Product;

use crate::grounds::{FILE, Grounds, Role};
use crate::page::known;
use crate::servers::Kind;

/// The longest that one copy may take.
const LIMIT: Duration = Duration::from_secs(40);
/// What `timeout` says of a command that it had to end.
const TIMED_OUT: i32 = 124;

/// What a product does where it is TLS client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// It never is.
    NeverClient,
    /// It shows the certificate of its control connection.
    Same,
    /// It shows another one, or none; or there is no telling.
    Other,
}

/// Asks all of them. The destination is TLS client, since a source that is one may lose the end of the file.
pub(crate) fn run(grounds: &Grounds) -> Vec<(Product, Shown)> {
    let others = Product::ALL.into_iter().filter(|product| *product != Product::Fxpd);
    others.map(|product| (product, ask(grounds, product))).collect()
}

fn ask(grounds: &Grounds, product: Product) -> Shown {
    if known(product).tls_server_only {
        return Shown::NeverClient;
    }
    let kind = |product| Kind { product, fxp: true };
    let source = grounds.server(kind(Product::Fxpd), Role::Source, false);
    let destination = grounds.server(kind(product), Role::Destination, false);
    let name = format!("certificate-of-{product}");
    let flags = ["--json", "cp", "--tls", "require", "--passive", "source", "--tls-client", "destination"];
    let places = [source.url(FILE), destination.url(&name)];
    let arguments: Vec<&str> = flags.into_iter().chain(places.iter().map(String::as_str)).collect();
    let ran = grounds.fxp(&arguments, LIMIT);
    assert_ne!(ran.code, TIMED_OUT, "{product}: {}{}", ran.stdout, ran.stderr);
    let done = ran.events().into_iter().find(|event| event["event"] == "done");
    eprintln!("{product} as TLS client: exit code {}, {done:?}", ran.code);
    match done {
        // Had it shown nothing, fxpd would have sent nothing.
        Some(done) if done["assurance"] == "confidential" && done["tls_client"] == "destination" => {
            Shown::Same
        }
        Some(done) => panic!("{product}: {done}"),
        None => Shown::Other,
    }
}
