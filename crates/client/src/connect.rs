//! From an address to a session that is logged in.

use std::time::Duration;

use fxp_net::meter::Meter;
use fxp_net::tls::{ClientTls, trust::Trust};
use fxp_proto::client::request::LoginTls;
use fxp_proto::grammar::params::Protection;
use fxp_proto::grammar::reply::Reply;
use fxp_proto::wire::{secret::Secret, text::Text};

use crate::session::Session;
use crate::transcript::Recorder;

/// A server and how to get in.
#[derive(Clone)]
pub struct Target {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS on the control connection.
    pub tls: LoginTls,
    /// PROT for data connections once TLS is up.
    pub protection: Protection,
    /// Whom to trust.
    pub trust: Trust,
    /// User name.
    pub user: Text,
    /// Password.
    pub password: Secret,
}

/// What all sessions of a process share.
#[derive(Clone)]
pub struct Environment {
    /// TLS.
    pub tls: ClientTls,
    /// Counts payload bytes through this process.
    pub meter: Meter,
    /// Ceiling for connecting, and for each reply.
    pub timeout: Duration,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name does not resolve, nobody answers.
    #[error("cannot connect to {host} port {port}: {error}")]
    Network {
        /// Host.
        host: String,
        /// Port.
        port: u16,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
    /// TLS was required and is not offered, or failed, or the certificate is not trusted.
    #[error("TLS with {host}: {error}")]
    Tls {
        /// Host.
        host: String,
        /// What went wrong.
        #[source]
        error: fxp_net::tls::HandshakeError,
    },
    /// The server refused a step of the login.
    #[error("{host} refused {command}: {}", reply.text())]
    Refused {
        /// Host.
        host: String,
        /// The command, secrets masked.
        command: String,
        /// The server's words.
        reply: Reply,
    },
    /// The server offers no TLS although it is required.
    #[error("{host} offers no TLS ({words})")]
    NoTls {
        /// Host.
        host: String,
        /// The server's words.
        words: String,
    },
    /// The connection ended, or a reply never came.
    #[error("{host} {what} during login")]
    Gone {
        /// Host.
        host: String,
        /// `closed the connection` or `did not answer`.
        what: &'static str,
    },
}

/// Connects and logs in.
///
/// # Errors
///
/// See [`ConnectError`].
pub async fn connect(
    _target: &Target,
    _environment: &Environment,
    _recorder: Option<Recorder>,
) -> Result<Session, ConnectError> {
    todo!("client")
}
