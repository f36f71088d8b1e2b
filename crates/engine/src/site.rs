//! A server we know: address, user, TLS, facts learned.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One `[site.NAME]` of the configuration file. Never holds a password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Name or address.
    pub host: String,
    /// Port; 21, or 990 for implicit TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// User; `anonymous` if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `off`, `try`, `require`, `implicit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsMode>,
    /// A command that prints the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_command: Option<String>,
    /// Where relative paths begin, instead of the login directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// The address for data connections, instead of the one the server announces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_address: Option<IpAddr>,
    /// `false`: this server cannot be the passive end (NAT); `true`: it always is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passive: Option<bool>,
    /// A file with the certificate to trust, in place of a remembered fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
}

/// TLS on the control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Never; a password leaves in clear.
    Off,
    /// When the server offers it.
    Try,
    /// Explicit TLS or nothing.
    Require,
    /// From the first byte.
    Implicit,
}
