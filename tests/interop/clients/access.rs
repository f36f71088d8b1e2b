//! The ways in which a client reaches `fxpd`: without and with TLS, passive and active, IPv4 and IPv6.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, PASSWORD, Product, Setup, USER};
use fxp_testkit::port;
use serde_json::{Value, json};

/// One way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    pub(super) tls: Tls,
    pub(super) mode: Mode,
    pub(super) family: Family,
}

/// How TLS begins, and the only version that the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    None,
    Explicit(Version),
    Implicit(Version),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V12,
    V13,
}

impl Version {
    /// As in `TLS 1.2`.
    pub(super) fn number(self) -> &'static str {
        match self {
            Version::V12 => "1.2",
            Version::V13 => "1.3",
        }
    }
}

/// Who listens for data connections: passive is the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Passive,
    Active,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// Every value of every column with every value of every other one at least once.
pub(super) const ACCESSES: &[Access] = &[
    Access { tls: Tls::None, mode: Mode::Passive, family: Family::V4 },
    Access { tls: Tls::None, mode: Mode::Active, family: Family::V6 },
    Access { tls: Tls::Explicit(Version::V12), mode: Mode::Passive, family: Family::V6 },
    Access { tls: Tls::Explicit(Version::V12), mode: Mode::Active, family: Family::V4 },
    Access { tls: Tls::Explicit(Version::V13), mode: Mode::Passive, family: Family::V4 },
    Access { tls: Tls::Explicit(Version::V13), mode: Mode::Active, family: Family::V6 },
    Access { tls: Tls::Implicit(Version::V12), mode: Mode::Active, family: Family::V6 },
    Access { tls: Tls::Implicit(Version::V13), mode: Mode::Passive, family: Family::V4 },
    Access { tls: Tls::Implicit(Version::V12), mode: Mode::Passive, family: Family::V6 },
    Access { tls: Tls::Implicit(Version::V13), mode: Mode::Active, family: Family::V4 },
];

/// A server, and how it is reached.
pub(super) struct Reached {
    pub(super) access: Access,
    pub(super) daemon: Daemon,
}

impl Access {
    /// A server that is reached like that. Clients are at home at 127.0.0.1 or ::1; FXP is not allowed.
    pub(super) fn start(self) -> Reached {
        let setup = Setup { tls: self.tls != Tls::None, fxp: false, demand_reuse: false };
        let authority = Authority::new().expect("an authority");
        let ip = match self.family {
            Family::V4 => port::loopback(),
            Family::V6 => IpAddr::from(Ipv6Addr::LOCALHOST),
        };
        let daemon = Daemon::start_at(Product::Fxpd, setup, &authority, None, ip).expect("fxpd starts");
        Reached { access: self, daemon }
    }
}

impl Reached {
    /// Where the client connects to.
    pub(super) fn address(&self) -> SocketAddr {
        match self.access.tls {
            Tls::Implicit(_) => self.daemon.implicit().expect("a port for implicit TLS"),
            Tls::None | Tls::Explicit(_) => self.daemon.address,
        }
    }

    /// The version of TLS, where there is one.
    pub(super) fn version(&self) -> Option<Version> {
        match self.access.tls {
            Tls::None => None,
            Tls::Explicit(version) | Tls::Implicit(version) => Some(version),
        }
    }

    /// The certificate that the client trusts.
    pub(super) fn authority(&self) -> PathBuf {
        self.daemon.authority()
    }

    /// All of it for a script.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "host": self.address().ip().to_string(),
            "port": self.address().port(),
            "user": USER,
            "password": PASSWORD,
            "tls": match self.access.tls {
                Tls::None => "none",
                Tls::Explicit(_) => "explicit",
                Tls::Implicit(_) => "implicit",
            },
            "version": self.version().map(Version::number),
            "active": self.access.mode == Mode::Active,
            "authority": self.authority(),
        })
    }
}
