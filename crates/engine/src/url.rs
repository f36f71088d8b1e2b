//! What a person types: `site:path`, `ftp://`, `ftpes://`, `ftps://`, local paths.

use std::path::PathBuf;

/// A place as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `name:path`; a path without a leading slash is relative to the login directory.
    Site {
        /// The site's name.
        name: String,
        /// The path as typed (bytes after percent-decoding are not applied: sites take paths literally).
        path: Vec<u8>,
    },
    /// A URL.
    Url(Url),
    /// A local path.
    Local(PathBuf),
}

/// `ftp://`, `ftpes://`, `ftps://`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// What TLS the scheme asks for.
    pub scheme: Scheme,
    /// User, percent-decoded.
    pub user: Option<Vec<u8>>,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port, if given.
    pub port: Option<u16>,
    /// Path, percent-decoded; `/x` in `ftp://h/x` is relative to the login directory, `ftp://h/%2Fx` absolute (RFC 1738).
    pub path: Vec<u8>,
}

/// The scheme of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// TLS when offered; its absence is an error once it was seen.
    Ftp,
    /// Explicit TLS required.
    Ftpes,
    /// Implicit TLS; explicit when the port is 21.
    Ftps,
}

/// Why it is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// A scheme that fxp does not speak.
    #[error("fxp speaks ftp://, ftpes:// and ftps://, not {0}://")]
    Scheme(String),
    /// Host missing, bad port, bad percent escape, CR/LF/NUL.
    #[error("{0}")]
    Bad(String),
    /// A password in the URL: it would stand in the process list and in shell histories.
    #[error(
        "a password does not belong in an address; use ~/.netrc, $FXP_PASSWORD, --password-command, or wait to be asked"
    )]
    Password,
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(_typed: &str) -> Result<Self, Self::Err> {
        todo!("engine")
    }
}
