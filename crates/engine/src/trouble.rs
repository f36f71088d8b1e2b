//! From the errors of the floors below to a [`Trouble`]: what was tried, whose words, what to do.

mod login;

use fxp_client::connect::ConnectError;
use fxp_client::data::{DataError, RelayError};
use fxp_client::session::SessionError;
use fxp_client::tls::{HandshakeError, Outdated};
use fxp_proto::grammar::reply::Reply;
use fxp_proto::grammar::verb::Verb;
use fxp_proto::pair::exchange::{Refusal, Step};
use fxp_proto::pair::refusal::classify;
use fxp_proto::path::VPath;
use fxp_store::storage::StoreError;

use crate::report::{Trouble, TroubleKind};
use crate::site::{Server, TlsMode};

/// No session with `server`, with which `open` others are open.
pub(crate) fn of_connect(error: &ConnectError, server: &Server, open: usize) -> Trouble {
    let trouble = |kind, class| Trouble::new(kind, error.to_string()).class(class);
    match error {
        ConnectError::Network { .. } => trouble(TroubleKind::Network, Refusal::Connectivity).remedy(format!(
            "check that {} is reachable on port {} from here, and that its FTP server runs",
            server.host, server.port
        )),
        ConnectError::Gone { .. } => {
            let trouble = trouble(TroubleKind::Network, Refusal::Lost);
            match server.tls {
                TlsMode::Implicit => trouble.remedy(
                    "the port may speak explicit TLS (ftpes://, or tls = \"require\" in the site entry) instead",
                ),
                _ if server.port == 990 => {
                    trouble.remedy("port 990 usually speaks implicit TLS: ftps://, or tls = \"implicit\"")
                }
                _ => trouble,
            }
        }
        ConnectError::NoTls { .. } => trouble(TroubleKind::Tls, Refusal::TlsRole)
            .remedy("--tls off would go on in clear, password and data alike"),
        ConnectError::Tls { error: HandshakeError::Untrusted(certificate), .. } => {
            let trouble = trouble(TroubleKind::Tls, Refusal::TlsRole);
            let command = format!("fxp trust add {} {}", server.key(), certificate.fingerprint);
            match certificate.changed {
                true => trouble.remedy(format!(
                    "the certificate is not the one that was trusted before: ask the server's operator whether it \
                     was replaced; if so: fxp trust rm {}; {command}",
                    server.key()
                )),
                false => trouble.remedy(format!(
                    "compare the fingerprint with what the server's operator tells you; if it is right: {command}"
                )),
            }
        }
        ConnectError::Tls { error: HandshakeError::Outdated(outdated), .. } => {
            trouble(TroubleKind::Tls, Refusal::TlsRole).remedy(of_outdated(*outdated))
        }
        ConnectError::Tls { error: HandshakeError::Network(_) | HandshakeError::TimedOut, .. } => {
            trouble(TroubleKind::Network, Refusal::Lost)
        }
        ConnectError::Tls { .. } => trouble(TroubleKind::Tls, Refusal::TlsRole),
        ConnectError::Refused { reply, command, host } => {
            login::refused(host, command, reply, server.tls, open)
        }
    }
}

/// A session's operation went wrong. `what` says what was tried, `path_kind` what a refusal that is
/// about the path means here.
pub(crate) fn of_session(error: &SessionError, what: &str, path_kind: TroubleKind) -> Trouble {
    match error {
        SessionError::Refused { command, reply } => {
            let class = class_of(command, reply);
            Trouble::new(kind_of(class, path_kind), what).words(reply).class(class)
        }
        SessionError::Nonsense { reply, .. } => {
            Trouble::new(TroubleKind::Other, format!("{what}: {error}")).words(reply).class(Refusal::Other)
        }
        SessionError::Lost { .. } => network(format!("{what}: {error}"), Refusal::Lost),
        SessionError::TimedOut { .. } => network(format!("{what}: {error}"), Refusal::TimedOut),
        SessionError::Data { error, .. } => of_data(error, what),
        SessionError::Tls { error, .. } => of_data_tls(error, what),
        SessionError::Unprotected { .. } => {
            Trouble::new(TroubleKind::Tls, format!("{what}: {error}, and --secure require forbids that"))
                .class(Refusal::TlsRole)
                .remedy("--secure prefer protects what can be protected")
        }
    }
}

/// TLS of a data connection of ours went wrong.
fn of_data_tls(error: &HandshakeError, what: &str) -> Trouble {
    let what = format!("{what}: TLS of the data connection: {error}");
    match error {
        HandshakeError::Network(_) | HandshakeError::TimedOut => network(what, Refusal::Connectivity),
        HandshakeError::Outdated(outdated) => {
            Trouble::new(TroubleKind::Tls, what).class(Refusal::TlsRole).remedy(of_outdated(*outdated))
        }
        HandshakeError::Untrusted(_)
        | HandshakeError::NotResumed
        | HandshakeError::Unproven(_)
        | HandshakeError::Unexpected(_)
        | HandshakeError::Protocol(_) => Trouble::new(TroubleKind::Tls, what).class(Refusal::TlsRole),
    }
}

/// What the operator of a server with old TLS has to change.
fn of_outdated(outdated: Outdated) -> &'static str {
    match outdated {
        Outdated::Version => NEWER_VERSION,
        Outdated::RsaKey(_) | Outdated::KeyKind(_) => NEWER_KEY,
        Outdated::NothingInCommon => NEWER_SUITES,
    }
}

const NEWER_VERSION: &str = "let the server speak TLS 1.2 or 1.3 (ProFTPD: TLSProtocol TLSv1.2 TLSv1.3; vsftpd from 3.0.4 on: \
     ssl_tlsv1_2=YES; DrFTPD: a newer Java; glFTPd, Pure-FTPd and others: a newer OpenSSL)";

const NEWER_KEY: &str = "give the server a new certificate with an RSA key of 2048 bits or more, or an ECDSA key, signed with SHA-256 \
     (for example: openssl req -x509 -newkey rsa:3072 -sha256 -nodes -days 825 -keyout key.pem -out certificate.pem)";

const NEWER_SUITES: &str = "let the server offer ECDHE with AES-GCM or ChaCha20 (ProFTPD: TLSCipherSuite HIGH; vsftpd: \
     ssl_ciphers=HIGH; Pure-FTPd: -J HIGH), and give it a certificate with an RSA key of 2048 bits or more, or an ECDSA key, \
     signed with SHA-256";

/// A data connection of ours broke.
pub(crate) fn of_data(error: &DataError, what: &str) -> Trouble {
    let what = format!("{what}: {error}");
    match error {
        DataError::Network(_) | DataError::Truncated => network(what, Refusal::Connectivity),
        DataError::Cancelled => Trouble::new(TroubleKind::Interrupted, what).class(Refusal::Aborted),
        DataError::Storage(cause) => match cause.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Trouble::new(TroubleKind::DestinationDenied, what).class(Refusal::Space)
            }
            // A listing beyond its ceiling, a file beyond the file system's.
            std::io::ErrorKind::FileTooLarge => Trouble::new(TroubleKind::Limit, what).class(Refusal::Other),
            _ => Trouble::new(TroubleKind::Other, what).class(Refusal::Other),
        },
    }
}

/// A relay broke.
pub(crate) fn of_relay(error: &RelayError, what: &str) -> Trouble {
    match error {
        RelayError::Source(error) => of_data(error, &format!("{what}, reading from the source")),
        RelayError::Destination(error) => of_data(error, &format!("{what}, writing to the destination")),
    }
}

/// A local operation went wrong.
pub(crate) fn of_store(error: &StoreError, what: &str, path_kind: TroubleKind) -> Trouble {
    let class = match error {
        StoreError::NoSpace | StoreError::Quota => Refusal::Space,
        StoreError::Unsupported => Refusal::Unsupported,
        StoreError::Io(_) => Refusal::Other,
        _ => Refusal::Path,
    };
    Trouble::new(kind_of(class, path_kind), format!("{what}: {error}")).class(class)
}

/// What a class means for the exit code, where a refusal about the path means `path_kind`.
pub(crate) fn kind_of(class: Refusal, path_kind: TroubleKind) -> TroubleKind {
    match class {
        Refusal::Path => path_kind,
        Refusal::Space => TroubleKind::DestinationDenied,
        Refusal::Login => TroubleKind::Login,
        Refusal::TlsRole => TroubleKind::Tls,
        Refusal::Connectivity | Refusal::Transient | Refusal::Lost | Refusal::TimedOut => {
            TroubleKind::Network
        }
        Refusal::Aborted => TroubleKind::Interrupted,
        Refusal::Policy | Refusal::Proof | Refusal::Unsupported | Refusal::Address | Refusal::Other => {
            TroubleKind::Other
        }
    }
}

/// The class of a refusal of anything but an exchange's commands. Where no data connection is at stake,
/// the words about foreign addresses and the like mean nothing, so most of it is in the code.
fn class_of(command: &str, reply: &Reply) -> Refusal {
    let (verb, path) = command.split_once(' ').unwrap_or((command, ""));
    let path = VPath::parse(path.as_bytes()).ok();
    let stores = Verb::parse(verb.as_bytes()).filter(|verb| matches!(verb, Verb::Stor | Verb::Appe));
    match (reply.code.number(), classify(Step::Transfer, stores, path.as_ref(), reply)) {
        // A listing that ends well by its code, and says that the directory could not be opened.
        (200..=299, _) => Refusal::Path,
        (550 | 551 | 553, class) if class != Refusal::Space => Refusal::Path,
        // 450 is "busy" for files, but some servers say it of a missing one.
        (_, Refusal::Policy | Refusal::Other) if reply.code.is_transient() => Refusal::Transient,
        (_, class) => class,
    }
}

fn network(what: String, class: Refusal) -> Trouble {
    Trouble::new(TroubleKind::Network, what).class(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_not_judged_by_the_name_of_the_file() {
        let rows = [
            ("RETR /quota/x", 550, "/quota/x: no such file", Refusal::Path),
            ("STOR /x", 550, "over quota", Refusal::Space),
            ("STOR /x", 451, "Failure writing to local file.", Refusal::Space),
            ("STOR /x", 426, "None; transfer aborted.", Refusal::Space),
            ("RETR /x", 426, "None; transfer aborted.", Refusal::Transient),
            ("RETR /x", 426, "Failure writing network stream.", Refusal::Transient),
            ("SIZE /ssl/x", 450, "/ssl/x: busy", Refusal::Transient),
            ("STOR /max payne.iso", 450, "max payne.iso is busy", Refusal::Transient),
            ("STOR /x", 450, "too many transfers", Refusal::Login),
            ("LIST", 226, "Transfer done (but failed to open directory).", Refusal::Path),
        ];
        for (command, code, words, expected) in rows {
            assert_eq!(class_of(command, &Reply::new(code, words)), expected, "{command}: {code} {words}");
        }
    }
}
