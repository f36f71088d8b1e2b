//! Addresses, ports and TLS in the configuration.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// One address for control connections: `"0.0.0.0:21"`, or `{ address = "0.0.0.0:990", tls = "implicit" }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// When TLS begins.
    pub tls: ListenTls,
}

/// When TLS begins on a listener.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ListenTls {
    /// At AUTH TLS (RFC 4217).
    #[default]
    Explicit,
    /// At once, as on port 990.
    Implicit,
}

impl Listen {
    /// TLS begins at AUTH TLS.
    pub fn explicit(address: SocketAddr) -> Self {
        Listen { address, tls: ListenTls::Explicit }
    }

    /// TLS begins at once.
    pub fn implicit(address: SocketAddr) -> Self {
        Listen { address, tls: ListenTls::Implicit }
    }

    /// True if TLS begins at once.
    pub fn is_implicit(self) -> bool {
        self.tls == ListenTls::Implicit
    }

    /// Port 21 of all IPv4 and all IPv6 addresses.
    pub(super) fn everywhere() -> Vec<Self> {
        [IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::UNSPECIFIED)]
            .map(|ip| Listen::explicit(SocketAddr::new(ip, 21)))
            .to_vec()
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            address: SocketAddr,
            #[serde(default)]
            tls: ListenTls,
        }
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Listen;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address with a port, or { address = \"...\", tls = \"implicit\" }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Listen, E> {
                let address = text.parse().map_err(|_| {
                    E::custom(format!("\"{text}\" is not an address with a port, as 0.0.0.0:21"))
                })?;
                Ok(Listen::explicit(address))
            }

            fn visit_map<M: de::MapAccess<'de>>(self, map: M) -> Result<Listen, M::Error> {
                let table = Table::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Listen { address: table.address, tls: table.tls })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A range of ports, `"50000-50999"` or `"50000"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortRange(RangeInclusive<u16>);

impl PortRange {
    /// The upper half: for tests and demos, where no firewall wants to know them. No service lives there
    /// that other servers would take them for.
    pub const ANY: PortRange = PortRange(32768..=65535);

    /// `first` to `last`, both included; `None` if there is none, or if 0 is among them.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first > 0 && first <= last).then_some(PortRange(first..=last))
    }

    /// The ports.
    pub fn ports(&self) -> RangeInclusive<u16> {
        self.0.clone()
    }

    /// How many.
    #[allow(clippy::len_without_is_empty, reason = "a range always holds a port")]
    pub fn len(&self) -> usize {
        usize::from(self.0.end() - self.0.start()) + 1
    }

    /// True if `port` is one of them.
    pub fn contains(&self, port: u16) -> bool {
        self.0.contains(&port)
    }
}

impl Default for PortRange {
    /// The range that IANA leaves to everybody.
    fn default() -> Self {
        PortRange(49152..=65535)
    }
}

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.trim().parse(), last.trim().parse()) {
            (Ok(first), Ok(last)) => PortRange::new(first, last),
            _ => None,
        }
        .ok_or_else(|| format!("\"{text}\" is not a range of ports, as 50000-50999"))
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What PASV announces in place of the control connection's own address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassiveAddress {
    /// This address.
    Literal(IpAddr),
    /// The address of this interface, written `%eth0`, asked for at each PASV.
    Interface(String),
    /// What this name stands for, asked for at most once a minute.
    Name(String),
}

impl<'de> Deserialize<'de> for PassiveAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match (text.parse(), text.strip_prefix('%')) {
            (Ok(ip), _) => Ok(PassiveAddress::Literal(ip)),
            (Err(_), Some(interface)) if !interface.is_empty() => {
                Ok(PassiveAddress::Interface(interface.to_owned()))
            }
            (Err(_), None) if is_host_name(&text) => Ok(PassiveAddress::Name(text)),
            _ => Err(de::Error::custom(format!("\"{text}\" is no address, no %interface and no host name"))),
        }
    }
}

/// True for what may stand in a DNS question: letters, digits, hyphens, dots, at most 253 bytes.
pub(super) fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    text.len() <= 253
        && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
        // Digits and dots alone are a mistyped address.
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Certificate, key, and what they are needed for.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate chain, the server's own certificate first.
    pub certificate: Pem,
    /// Its private key.
    pub key: Pem,
    /// Must AUTH TLS come before USER?
    #[serde(default)]
    pub control: TlsNeed,
    /// Must data connections be protected?
    #[serde(default)]
    pub data: TlsNeed,
}

impl Tls {
    /// TLS is there for those who want it. Both arguments are PEM text.
    pub fn offered(certificate: impl Into<String>, key: impl Into<String>) -> Self {
        Tls {
            certificate: Pem::Text(certificate.into()),
            key: Pem::Text(key.into()),
            control: TlsNeed::Offered,
            data: TlsNeed::Offered,
        }
    }
}

/// PEM: a path, or the text itself.
#[derive(Clone, PartialEq, Eq)]
pub enum Pem {
    /// A file.
    Path(PathBuf),
    /// The text.
    Text(String),
}

impl Pem {
    /// The text.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read(&self) -> std::io::Result<Vec<u8>> {
        match self {
            Pem::Path(path) => std::fs::read(path),
            Pem::Text(text) => Ok(text.clone().into_bytes()),
        }
    }
}

impl fmt::Debug for Pem {
    /// Never the text: it may be a private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pem::Path(path) => path.fmt(f),
            Pem::Text(_) => f.write_str("(PEM text)"),
        }
    }
}

impl<'de> Deserialize<'de> for Pem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_text = text.trim_start().starts_with("-----BEGIN");
        Ok(if is_text { Pem::Text(text) } else { Pem::Path(text.into()) })
    }
}

/// Is TLS a must?
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum TlsNeed {
    /// For those who want it.
    #[default]
    Offered,
    /// For all.
    Required,
}

/// Must data connections resume the control connection's TLS session?
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum DataTlsReuse {
    /// A data connection with the control peer that does not resume is turned away, and the transfer gets
    /// `522` if no other comes in time: resuming proves that the one who connected is the one who
    /// logged in. Foreign peers cannot resume and are not asked to.
    Require,
    /// It may, and need not.
    #[default]
    Off,
}
