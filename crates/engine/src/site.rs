//! A server we know: address, user, TLS, facts learned; and how an address finds its server.

use std::net::IpAddr;
use std::path::PathBuf;

use fxp_proto::path::VPath;
use serde::{Deserialize, Serialize};

use crate::book::KnownBook;
use crate::context::Context;
use crate::report::{Trouble, TroubleKind};
use crate::url::{Address, Scheme, Url, path_bytes};

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

/// A server with all that can be decided about it before connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// What a person calls it: the site's name, else the host.
    pub label: String,
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS on the control connection.
    pub tls: TlsMode,
    /// User; `None`: the person is asked, then `anonymous`.
    pub user: Option<Vec<u8>>,
    /// The rest of the site entry; of a URL, an empty one.
    pub site: Site,
    /// True if it stands in the site book.
    pub is_site: bool,
}

impl Server {
    /// `host:port`, the key of the book of what was learned.
    pub fn key(&self) -> String {
        KnownBook::key(&self.host, self.port)
    }

    /// A place on this server as a person may type it.
    pub fn name(&self, path: &VPath) -> String {
        match self.is_site {
            true => format!("{}:{path}", self.label),
            false => {
                let scheme = if self.tls == TlsMode::Implicit { "ftps" } else { "ftp" };
                let host =
                    if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
                let usual = if self.tls == TlsMode::Implicit { IMPLICIT_PORT } else { PORT };
                let port = if self.port == usual { String::new() } else { format!(":{}", self.port) };
                format!("{scheme}://{host}{port}{path}")
            }
        }
    }
}

/// Where an address leads.
#[derive(Clone, Debug)]
pub enum Location {
    /// A path on a server; relative ones are seen from the login directory or the site's root.
    Remote {
        /// The server.
        server: Box<Server>,
        /// The path as typed.
        path: Vec<u8>,
    },
    /// A file or directory on this machine, absolute.
    Local(VPath),
}

/// Finds the server, or the local path, of an address.
///
/// # Errors
///
/// A site that is not in the book; a local path in a program that has no local files.
pub fn locate(address: &Address, context: &Context) -> Result<Location, Trouble> {
    let usage = |what: String| Trouble::new(TroubleKind::Usage, what);
    match address {
        Address::Local(path) if context.local.is_some() => {
            let absolute =
                std::path::absolute(path).map_err(|error| usage(format!("{}: {error}", path.display())))?;
            let path = VPath::parse(&path_bytes(&absolute)).map_err(|error| usage(error.to_string()))?;
            Ok(Location::Local(path))
        }
        Address::Local(path) => Err(usage(format!(
            "{} is a path of this machine, which this program does not touch",
            path.display()
        ))),
        Address::Site { name, path } => {
            let book = context.sites.lock().expect("no holder of the lock panics");
            let Some(site) = book.sites.get(name) else {
                return Err(usage(format!("there is no site called {name}")).remedy(format!(
                    "fxp site add {name} HOST adds it, fxp site ls lists those that are known; \
                     a server without an entry is written ftp://{name}/path"
                )));
            };
            let server = Box::new(server_of_site(name, site, context.tls));
            Ok(Location::Remote { server, path: path.clone() })
        }
        Address::Url(url) => {
            let server = Box::new(server_of_url(url, context.tls));
            Ok(Location::Remote { server, path: url.path.clone() })
        }
    }
}

fn server_of_site(name: &str, site: &Site, flag: Option<TlsMode>) -> Server {
    let by_port = if site.port == Some(IMPLICIT_PORT) { TlsMode::Implicit } else { TlsMode::Try };
    let tls = overridden(site.tls.unwrap_or(by_port), flag);
    Server {
        label: name.to_owned(),
        host: site.host.clone(),
        port: site.port.unwrap_or(default_port(tls)),
        tls,
        user: site.user.clone().map(String::into_bytes),
        site: site.clone(),
        is_site: true,
    }
}

fn server_of_url(url: &Url, flag: Option<TlsMode>) -> Server {
    let by_scheme = match url.scheme {
        Scheme::Ftp => TlsMode::Try,
        Scheme::Ftpes => TlsMode::Require,
        Scheme::Ftps if url.port == Some(PORT) => TlsMode::Require,
        Scheme::Ftps => TlsMode::Implicit,
    };
    let tls = overridden(by_scheme, flag);
    Server {
        label: url.host.clone(),
        host: url.host.clone(),
        port: url.port.unwrap_or(default_port(tls)),
        tls,
        user: url.user.clone(),
        site: Site { host: url.host.clone(), ..Site::default() },
        is_site: false,
    }
}

/// `--tls` outranks site and scheme; but implicit TLS is how the port speaks, so only `off` changes that.
fn overridden(mode: TlsMode, flag: Option<TlsMode>) -> TlsMode {
    match (mode, flag) {
        (TlsMode::Implicit, Some(TlsMode::Try | TlsMode::Require)) | (_, None) => mode,
        (_, Some(flag)) => flag,
    }
}

fn default_port(tls: TlsMode) -> u16 {
    if tls == TlsMode::Implicit { IMPLICIT_PORT } else { PORT }
}

/// RFC 959.
const PORT: u16 = 21;

/// Implicit TLS, by convention.
const IMPLICIT_PORT: u16 = 990;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_port_site_and_flag_decide_about_tls_and_port() {
        use TlsMode::{Implicit, Off, Require, Try};
        let rows: &[(&str, Option<TlsMode>, (TlsMode, u16))] = &[
            ("ftp://h/", None, (Try, 21)),
            ("ftpes://h/", None, (Require, 21)),
            ("ftps://h/", None, (Implicit, 990)),
            ("ftps://h:21/", None, (Require, 21)),
            ("ftps://h:2121/", None, (Implicit, 2121)),
            ("ftp://h:990/", None, (Try, 990)),
            ("ftp://h/", Some(Off), (Off, 21)),
            ("ftp://h/", Some(Require), (Require, 21)),
            ("ftpes://h/", Some(Try), (Try, 21)),
            ("ftps://h/", Some(Require), (Implicit, 990)),
            ("ftps://h/", Some(Off), (Off, 21)),
            ("ftp://h/", Some(Implicit), (Implicit, 990)),
        ];
        for (typed, flag, expected) in rows {
            let Ok(Address::Url(url)) = typed.parse() else { panic!("{typed}") };
            let server = server_of_url(&url, *flag);
            assert_eq!((server.tls, server.port), *expected, "{typed} {flag:?}");
        }
        let site = |port, tls| Site { host: "h".into(), port, tls, ..Site::default() };
        let rows = [
            (site(None, None), None, (Try, 21)),
            (site(Some(990), None), None, (Implicit, 990)),
            (site(Some(990), Some(Require)), None, (Require, 990)),
            (site(None, Some(Implicit)), None, (Implicit, 990)),
            (site(None, Some(Off)), Some(Require), (Require, 21)),
        ];
        for (site, flag, expected) in rows {
            let server = server_of_site("s", &site, flag);
            assert_eq!((server.tls, server.port), expected, "{site:?} {flag:?}");
        }
    }

    #[test]
    fn places_are_named_by_their_site_or_by_a_url() {
        let path = VPath::parse(b"/a b/c").expect("a path");
        let rows = [
            ("ftp://me@Host:2121/x", "ftp://host:2121/a b/c"),
            ("ftp://h/x", "ftp://h/a b/c"),
            ("ftps://[2001:db8::1]/x", "ftps://[2001:db8::1]/a b/c"),
        ];
        for (typed, expected) in rows {
            let Ok(Address::Url(url)) = typed.parse() else { panic!("{typed}") };
            assert_eq!(server_of_url(&url, None).name(&path), expected);
        }
        let site = Site { host: "h".into(), ..Site::default() };
        assert_eq!(server_of_site("nas", &site, None).name(&path), "nas:/a b/c");
    }
}
