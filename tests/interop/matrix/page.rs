//! `docs/compatibility.md`: what was observed, for people. It holds nothing that changes from run to run.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use fxp_engine::product::{PRODUCTS, Product as Known};
use fxp_testkit::daemon::{self, Product};

use crate::cell::{Cell, ONLY, Outcome, Reason};
use crate::certificates::Shown;
use crate::servers::{KINDS, WORLDS, World};
use crate::table::Table;

/// Writes the page if everything was observed and nothing went wrong.
pub(crate) fn write(observed: &Table, shown: &[(Product, Shown)]) {
    if std::env::var_os(ONLY).is_some() || observed.has_wrong() {
        return;
    }
    let page = page(observed, shown);
    std::fs::write(file(), page).expect("docs/compatibility.md is written");
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md")
}

const INTRODUCTION: &str = "\
# Compatibility

What comes of `fxp cp` from each server to each other one. This page is written by the test suite \
(`cargo test -p fxp-tests --test matrix`) from what it observed: every server ran on a host of its own, a file of \
3 MiB went from each to each, in clear (`--tls off`) and inside TLS 1.3 (`--tls require`), over IPv4 and IPv6, and \
SHA-256 was compared on both disks. No byte of a direct copy passed through the client. Where a direct copy is \
refused or impossible, `fxp` says why and ends with exit code 8, and `--via relay` then succeeded for every pair.
";

const READING: &str = "\
Rows send, columns receive. A cell names the method, the passive end, and after a slash the end that plays TLS \
client: `cpsv dst/dst` means that the destination got `CPSV`, listens, and sends the ClientHello. `no` stands where \
a direct copy is refused or impossible; the numbers say what would have to be otherwise, and lead to the list below. \
*default* is a product as it comes: no foreign addresses (to `fxpd` none but those that prove who they are), and with TLS the demand for session reuse where that is the \
product's default (ProFTPD, vsftpd). What a protected copy is worth: `mutual` \
between two `fxpd`, which prove to each other that `fxp` introduced them; `confidential` from `fxpd` to another server, \
`authentic` the other way round, because `fxpd` has the other one prove that it is the server whose certificate `fxp` \
saw; `encrypted` between all others, where neither server checks who the other one is.
";

const CERTIFICATES: &str = "\
With a server that does not speak `PEER`, `fxpd` expects the certificate that this server shows on its control \
connection. As TLS client, which `fxp` prefers, `fxpd` sees it in every handshake. Where `fxpd` is TLS server it asks for \
it, and whoever shows none is refused (`--assurance encrypted` does without). Asked in this way over TLS 1.3:
";

const SHAKY: &str = "\
pyftpdlib resets a finished data connection now and then. `fxp` notices, takes the next method and says so; the \
method shown for it may then differ from one run to the next.

A source that plays TLS client under TLS 1.3 may lose the end of a file (ProFTPD does so in about half of all \
copies; `TLSProtocol TLSv1.2` there avoids it). `fxp` prefers the destination as TLS client and compares the sizes \
after every copy: the suite makes each such copy ten times, and a file that lost its end was never reported as done.
";

fn page(observed: &Table, shown: &[(Product, Shown)]) -> String {
    let mut text = format!("{INTRODUCTION}\n## The servers and what they need\n\n{}\n", settings());
    writeln!(text, "## Every server with every server\n\n{READING}").expect(FITS);
    let reasons: Vec<Reason> = observed.reasons().into_iter().collect();
    for world in WORLDS {
        writeln!(text, "### {}\n\n{}", world, grid(observed, world, &reasons)).expect(FITS);
    }
    writeln!(text, "### What would have to be otherwise\n").expect(FITS);
    for (number, reason) in reasons.iter().enumerate() {
        writeln!(text, "{}. {}", number + 1, sentence(reason)).expect(FITS);
    }
    writeln!(text, "\n## Certificates\n\n{CERTIFICATES}\n{}", certificates(shown)).expect(FITS);
    writeln!(text, "\n## What happens now and then\n\n{SHAKY}").expect(FITS);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn certificates(shown: &[(Product, Shown)]) -> String {
    let mut text = String::from("| server | as TLS client |\n|---|---|\n");
    for (product, shown) in shown {
        let words = match shown {
            Shown::NeverClient => "never is; `fxpd` is TLS client itself",
            Shown::Same => "shows the certificate of its control connection",
            Shown::Other => "shows none, or another one",
        };
        writeln!(text, "| {product} | {words} |").expect(FITS);
    }
    text
}

/// A table of products: version, and the settings that FXP needs of them.
fn settings() -> String {
    let mut text = String::from(
        "| server | version | to connect to other servers | to let them connect | inside TLS, too |\n|---|---|---|---|---|\n",
    );
    for product in Product::ALL {
        let known = known(product);
        let setting = |setting: Option<&str>| setting.unwrap_or("nothing").to_owned();
        let mut tls: Vec<&str> = known.lift_reuse.setting().into_iter().collect();
        tls.extend(known.trust_peer);
        if known.tls_server_only {
            tls.push("a partner that can be TLS client, since this one never is");
        }
        let tls = if tls.is_empty() { "nothing".to_owned() } else { tls.join("; ") };
        let (active, passive) =
            (setting(known.allow_active.setting()), setting(known.allow_passive.setting()));
        writeln!(text, "| {product} | {} | {active} | {passive} | {tls} |", version(product)).expect(FITS);
    }
    text
}

/// What `fxp` knows of the product, and says in its explanations.
pub(crate) fn known(product: Product) -> &'static Known {
    let plain = |name: &str| name.to_lowercase().replace('-', "");
    let known = PRODUCTS.iter().find(|known| plain(known.name) == product.name());
    known.expect("every product of the matrix is known to fxp")
}

/// Of Debian's packages the upstream version, from the name of the file that was unpacked.
fn version(product: Product) -> String {
    let package = match product {
        Product::Fxpd => return env!("CARGO_PKG_VERSION").to_owned(),
        Product::Pyftpdlib => {
            let output = Command::new(daemon::folder().join("python/bin/python"))
                .args(["-c", "import pyftpdlib; print(pyftpdlib.__ver__)"])
                .output()
                .expect("python runs");
            return String::from_utf8_lossy(&output.stdout).trim().to_owned();
        }
        Product::Proftpd => "proftpd-core_",
        Product::Vsftpd => "vsftpd_",
        Product::Pureftpd => "pure-ftpd_",
    };
    let folder = std::fs::read_dir(daemon::folder()).expect("the daemons' folder");
    let names = folder.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let version = names.filter_map(|name| Some(name.strip_prefix(package)?.split('_').next()?.to_owned()));
    version.max().map_or_else(|| "unknown".to_owned(), |version| version.replace("%3a", ":"))
}

fn grid(observed: &Table, world: World, reasons: &[Reason]) -> String {
    let mut text = String::from("| source \\ destination |");
    for destination in KINDS {
        write!(text, " {destination} |").expect(FITS);
    }
    writeln!(text, "\n|---{}", "|---".repeat(KINDS.len()) + "|").expect(FITS);
    for source in KINDS {
        write!(text, "| {source} |").expect(FITS);
        for destination in KINDS {
            let outcome = observed.get(&Cell { source, destination, world });
            write!(text, " {} |", outcome.map_or_else(String::new, |outcome| field(outcome, reasons)))
                .expect(FITS);
        }
        text.push('\n');
    }
    text
}

fn field(outcome: &Outcome, reasons: &[Reason]) -> String {
    match outcome {
        Outcome::Refused { reasons: own } => {
            let numbers: BTreeSet<usize> =
                own.iter().filter_map(|reason| reasons.iter().position(|other| other == reason)).collect();
            let numbers: Vec<String> = numbers.iter().map(|number| (number + 1).to_string()).collect();
            format!("no ({})", numbers.join(", "))
        }
        outcome => outcome.to_string(),
    }
}

fn sentence(reason: &Reason) -> String {
    match reason.leg.as_str() {
        "" => format!("One of the two servers {}.", reason.setting),
        leg => format!("At the {leg}: `{}`.", reason.setting),
    }
}

const FITS: &str = "a String takes everything";
