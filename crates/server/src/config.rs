//! What can be configured: read from TOML, or built in code (demos, tests, programs that embed a server).
//!
//! ```
//! let config = fxp_server::config::Config::parse(r#"
//!     listen = ["0.0.0.0:21", "[::]:21", { address = "0.0.0.0:990", tls = "implicit" }]
//!     passive_ports = "50000-50999"
//!     passive_address = "ftp.example.org"      # or a literal address, or an interface: "%eth0"
//!     banner = "Welcome"
//!     hosts = ["ftp.example.org"]              # names that HOST accepts; left out: any
//!     data_tls_reuse = "off"                   # "require": data connections resume the control session
//!
//!     [tls]
//!     certificate = "/etc/fxpd/fullchain.pem"  # a path, or PEM text
//!     key = "/etc/fxpd/key.pem"
//!     control = "required"                     # or "offered"
//!     data = "required"                        # "offered": PROT C is allowed
//!
//!     [[user]]
//!     name = "alice"
//!     password = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$pmIQLBSrsPMUt7bWWo2bzNa2XVpHgrREykPGblr0XUk"
//!     home = "/srv/ftp/alice"                  # she sees it as /
//!     rights = "full"                          # "read_only", "list", or a list of single rights
//!     upload = "inplace"                       # "atomic": a file appears when it is complete
//!     from = ["10.0.0.0/8"]                    # left out: from anywhere
//!     tls = "required"                         # no login in clear, even where TLS is only offered
//!     may_fxp = true                           # false: no foreign peers, whatever the rules say
//!
//!     [[fxp.rule]]                             # the first rule that matches decides
//!     action = "allow"
//!     who = ["alice"]                          # left out: every user (never anonymous ones)
//!     direction = "in"                         # in, out, any
//!     path = "/incoming"                       # this and everything beneath it
//!     peer = ["192.0.2.0/24", "ftp.example.net"]
//!     ports = "1024-65535"                     # active side: which ports; left out: the safe ones
//!     proof = "none"
//!     tls = "required"
//!     log = true                               # a line for each data connection that it decides
//!
//!     [anonymous]                              # left out: no anonymous users
//!     home = "/srv/ftp/pub"
//!
//!     [limits]
//!     sessions = 1000
//!     sessions_per_address = 50
//!
//!     [run_as]
//!     user = "ftp"
//!
//!     [log]
//!     format = "json"
//!     level = "info"
//! "#)?;
//! assert_eq!(config.listen.len(), 3);
//! # Ok::<(), fxp_server::config::ConfigError>(())
//! ```

pub mod fxp;
mod limits;
pub mod network;
pub mod password;
pub mod user;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use self::fxp::Fxp;
pub use self::limits::Limits;
use self::network::{DataTlsReuse, Listen, PassiveAddress, PortRange, Tls, TlsNeed};
use self::user::{Anonymous, User};
use crate::never;

/// Everything about a server. `Default` is what an empty file means: port 21 on all addresses, no TLS,
/// no users.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where control connections are accepted.
    pub listen: Vec<Listen>,
    /// Certificate, key, and what they are needed for.
    pub tls: Option<Tls>,
    /// The ports of passive data connections.
    pub passive_ports: PortRange,
    /// The address that PASV announces, where it is not the control connection's own (NAT, clouds).
    pub passive_address: Option<PassiveAddress>,
    /// Clients come through something that hides their addresses (a proxy, address translation): none of them
    /// counts as near.
    pub behind_proxy: bool,
    /// Must the data connections of a two-party transfer resume the control connection's TLS session?
    pub data_tls_reuse: DataTlsReuse,
    /// Accept CPSV while PROT is C, as careless servers do.
    pub cpsv_in_clear: bool,
    /// Put PRET into FEAT. It is always understood; announcing it makes some clients spend a round trip.
    pub advertise_pret: bool,
    /// Text of the greeting.
    pub banner: String,
    /// Names that HOST accepts; empty accepts every name.
    pub hosts: Vec<String>,
    /// Who may log in.
    #[serde(rename = "user")]
    pub users: Vec<User>,
    /// Guests; `None` is none.
    pub anonymous: Option<Anonymous>,
    /// Transfers with other servers.
    pub fxp: Fxp,
    /// Ceilings.
    pub limits: Limits,
    /// Who the process becomes once it has bound its ports; for the program to act upon.
    pub run_as: Option<RunAs>,
    /// How the program logs.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: Listen::everywhere(),
            tls: None,
            passive_ports: PortRange::default(),
            passive_address: None,
            behind_proxy: false,
            data_tls_reuse: DataTlsReuse::default(),
            cpsv_in_clear: false,
            advertise_pret: false,
            banner: "fxpd ready".to_owned(),
            hosts: Vec::new(),
            users: Vec::new(),
            anonymous: None,
            fxp: Fxp::default(),
            limits: Limits::default(),
            run_as: None,
            log: Log::default(),
        }
    }
}

/// Whom the process becomes.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct RunAs {
    /// User name.
    pub user: String,
    /// Group name; left out: the user's own.
    pub group: Option<String>,
}

/// How the program logs.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// A level (`info`) or a filter (`fxp_server=debug,info`).
    pub level: String,
    /// A file to append to; left out: stderr.
    pub file: Option<PathBuf>,
}

impl Default for Log {
    fn default() -> Self {
        Log { format: LogFormat::Human, level: "info".to_owned(), file: None }
    }
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, an unknown key, a bad value.
    #[error("line {line}, column {column}: {problem}")]
    Toml {
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
        /// What is wrong. Never the line itself: it may hold a password.
        problem: String,
    },
    /// Each value is fine, together they are not.
    #[error("{key}: {problem}")]
    Invalid {
        /// Where, as `user[1].name`.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

impl Config {
    /// Reads TOML and checks it.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Config = toml::from_str(text).map_err(|error| not_toml(text, &error))?;
        config.check()?;
        Ok(config)
    }

    /// A configuration built in code: one listener with explicit TLS on `address` (port 0 is fine), any
    /// free passive port, nobody can log in yet.
    pub fn on(address: impl Into<SocketAddr>) -> Self {
        Config {
            listen: vec![Listen::explicit(address.into())],
            passive_ports: PortRange::ANY,
            ..Config::default()
        }
    }

    /// Adds a certificate and its key, both PEM text; TLS is offered, not required.
    #[must_use]
    pub fn with_certificate(mut self, certificate: impl Into<String>, key: impl Into<String>) -> Self {
        self.tls = Some(Tls::offered(certificate, key));
        self
    }

    /// Adds a user.
    #[must_use]
    pub fn with_user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// Adds an FXP rule behind those that are there.
    #[must_use]
    pub fn with_rule(mut self, rule: fxp::Rule) -> Self {
        self.fxp.rules.push(rule);
        self
    }

    /// Checks what no single value can show.
    ///
    /// # Errors
    ///
    /// The first contradiction.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.listen.is_empty() {
            return Err(invalid("listen", "no address to listen on"));
        }
        if let Some(at) = self.listen.iter().position(|listen| listen.is_implicit() && self.tls.is_none()) {
            return Err(invalid(format!("listen[{at}].tls"), "implicit TLS needs [tls]"));
        }
        if self.data_tls_reuse == DataTlsReuse::Require && self.tls.is_none() {
            return Err(invalid("data_tls_reuse", "\"require\" needs [tls]"));
        }
        self.check_users()?;
        self.fxp.check(&self.users)
    }

    fn check_users(&self) -> Result<(), ConfigError> {
        let mut names = BTreeSet::new();
        for (at, user) in self.users.iter().enumerate() {
            if !names.insert(&user.name) {
                return Err(invalid(format!("user[{at}].name"), format!("{} is there twice", user.name)));
            }
            if user.tls == TlsNeed::Required && self.tls.is_none() {
                return Err(invalid(format!("user[{at}].tls"), "\"required\" needs [tls]"));
            }
        }
        Ok(())
    }

    /// What works but is probably not meant: one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        match &self.tls {
            None => warnings.push("no [tls]: passwords and files travel in clear".to_owned()),
            Some(tls) if tls.control == TlsNeed::Offered => {
                warnings.push("tls.control = \"offered\": clients may log in in clear".to_owned());
            }
            Some(_) => {}
        }
        if self.users.is_empty() && self.anonymous.is_none() {
            warnings.push("no [[user]] and no [anonymous]: nobody can log in".to_owned());
        }
        if self.passive_ports.len() < 16 {
            warnings.push(format!(
                "passive_ports has {} ports: that many transfers at a time, and easy to guess",
                self.passive_ports.len()
            ));
        }
        if let Some(port) = self.passive_ports.ports().find(|port| never::is_unsafe_port(*port)) {
            warnings.push(format!(
                "passive_ports includes {port}, where other servers expect another service and will not connect"
            ));
        }
        warnings.extend(self.users.iter().filter_map(user::User::warning));
        warnings.extend(self.limits.warnings());
        warnings.extend(self.fxp.warnings());
        warnings
    }
}

/// The library's own text would quote the line.
fn not_toml(text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start);
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    ConfigError::Toml {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        problem: error.message().trim_end().replace('\n', ", "),
    }
}

fn invalid(key: impl Into<String>, problem: impl Into<String>) -> ConfigError {
    ConfigError::Invalid { key: key.into(), problem: problem.into() }
}
