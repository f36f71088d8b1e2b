//! `fxp trust`: the certificates that are accepted although no root vouches for them.

use fxp_client::trust::Fingerprint;
use fxp_engine::book::KnownBook;

use crate::args::{self, TrustCommand};
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::Item;

/// The port of FTP with explicit TLS.
const PORT: u16 = 21;

pub(super) fn run(args: &args::Trust, desk: &Desk) -> Outcome<Exit> {
    match &args.command {
        TrustCommand::Ls => list(desk),
        TrustCommand::Add { server, fingerprint } => add(server, fingerprint, desk),
        TrustCommand::Rm { server, fingerprint } => remove(server, fingerprint.as_deref(), desk),
    }
}

fn list(desk: &Desk) -> Outcome<Exit> {
    let book = desk.known()?;
    let mut any = false;
    for (server, known) in &book.servers {
        for fingerprint in &known.trusted {
            any = true;
            let compared = !known.uncompared.contains(fingerprint);
            if desk.voice.item(Item::Trusted { server, fingerprint, compared }).is_err() {
                return Ok(Exit::Done);
            }
        }
    }
    if !any {
        desk.voice
            .remark("No fingerprints; certificates are accepted if this machine's roots vouch for them.");
    }
    Ok(Exit::Done)
}

fn add(server: &str, fingerprint: &str, desk: &Desk) -> Outcome<Exit> {
    let server = key(server)?;
    let fingerprint = parse_fingerprint(fingerprint)?;
    let mut book = desk.known()?;
    book.servers.entry(server.clone()).or_default().vouch_for(fingerprint);
    save(&book)?;
    desk.voice.confirmation(&format!("{server} is trusted if it shows that certificate."));
    Ok(Exit::Done)
}

fn remove(server: &str, fingerprint: Option<&str>, desk: &Desk) -> Outcome<Exit> {
    let server = key(server)?;
    let fingerprint = fingerprint.map(parse_fingerprint).transpose()?;
    let mut book = desk.known()?;
    let known = book.servers.get_mut(&server);
    if !known.is_some_and(|known| known.distrust(fingerprint.as_deref())) {
        return Err(Failure::new(
            Exit::SourceNotFound,
            format!("no such certificate of {server} was trusted"),
        )
        .hint("`fxp trust ls` shows them all"));
    }
    save(&book)?;
    desk.voice.confirmation(&format!("{server} is no longer trusted for that certificate."));
    Ok(Exit::Done)
}

/// `host:port` as the book writes it.
fn key(server: &str) -> Outcome<String> {
    let bad = || {
        Failure::usage(format!("{server:?} is no server"))
            .hint("write HOST or HOST:PORT, with an IPv6 address in brackets: [2001:db8::1]:21")
    };
    let (host, port) = split(server).ok_or_else(bad)?;
    if host.is_empty() || host.contains(['/', '@', ' ']) {
        return Err(bad());
    }
    Ok(KnownBook::key(host, port))
}

fn split(server: &str) -> Option<(&str, u16)> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|&port| port != 0);
    if let Some(rest) = server.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(digits) => Some((host, port(digits)?)),
            None => rest.is_empty().then_some((host, PORT)),
        };
    }
    match server.split_once(':') {
        // More than one colon: an IPv6 address without brackets, and so without a port.
        Some((_, rest)) if rest.contains(':') => {
            server.parse::<std::net::Ipv6Addr>().is_ok().then_some((server, PORT))
        }
        Some((host, digits)) => Some((host, port(digits)?)),
        None => Some((server, PORT)),
    }
}

fn parse_fingerprint(typed: &str) -> Outcome<String> {
    match typed.parse::<Fingerprint>() {
        Ok(fingerprint) => Ok(fingerprint.to_string()),
        Err(error) => Err(Failure::usage(format!("{typed:?} is no fingerprint"))
            .because(&error)
            .hint("`fxp site test` and every trust error print a server's fingerprint")),
    }
}

/// Writes the book of what is known, or says that it cannot be written.
pub(super) fn save(book: &KnownBook) -> Outcome {
    book.save().map_err(|error| {
        Failure::new(Exit::DestinationDenied, format!("cannot write {}", book.path.display())).because(&error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_as_people_type_them() {
        let rows = [
            ("ftp.example.org", Some(("ftp.example.org", 21))),
            ("ftp.example.org:2121", Some(("ftp.example.org", 2121))),
            ("192.0.2.1:990", Some(("192.0.2.1", 990))),
            ("[2001:db8::1]:990", Some(("2001:db8::1", 990))),
            ("[2001:db8::1]", Some(("2001:db8::1", 21))),
            ("2001:db8::1", Some(("2001:db8::1", 21))),
            ("host:", None),
            ("host:0", None),
            ("host:65536", None),
            ("[2001:db8::1", None),
            ("[2001:db8::1]x", None),
            ("a:b:c", None),
        ];
        for (typed, expected) in rows {
            assert_eq!(split(typed), expected, "{typed}");
        }
        for typed in ["", "ftp://host", "me@host", "[]:21"] {
            assert!(key(typed).is_err(), "{typed}");
        }
    }
}
