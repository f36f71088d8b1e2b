//! What a person types: `site:path`, `ftp://`, `ftpes://`, `ftps://`, local paths.
//!
//! The rule that tells them apart: `scheme://` is a URL; a colon before the first slash makes it
//! `site:path`; everything else is local. A local path with a colon is therefore written `./a:b`.
//! Paths stay bytes, because FTP names are bytes, and are printed so that they can be typed again.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

/// A place as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `name:path`; a path without a leading slash is relative to the login directory.
    Site {
        /// The site's name.
        name: String,
        /// The path as typed: nothing is decoded, sites take paths literally.
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

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        Address::parse(typed.as_bytes())
    }
}

impl Address {
    /// Reads what was typed; an argument of the command line need not be UTF-8.
    ///
    /// # Errors
    ///
    /// See [`AddressError`]. No message repeats a password.
    pub fn parse(typed: &[u8]) -> Result<Self, AddressError> {
        if typed.is_empty() {
            return Err(bad("an empty address"));
        }
        if let Some((scheme, rest)) = split_scheme(typed) {
            return Url::parse(scheme, rest).map(Address::Url);
        }
        let first_component = typed.split(|&byte| byte == b'/').next().unwrap_or_default();
        match first_component.iter().position(|&byte| byte == b':') {
            None => Ok(Address::Local(local_path(typed))),
            Some(colon) => site(&typed[..colon], &typed[colon + 1..]),
        }
    }

    /// The path as bytes, as typed or decoded.
    pub fn path(&self) -> Vec<u8> {
        match self {
            Address::Site { path, .. } => path.clone(),
            Address::Url(url) => url.path.clone(),
            Address::Local(path) => path_bytes(path),
        }
    }

    /// True if the path is empty or ends with a slash, `.` or `..`: the contents are meant rather than
    /// the directory itself (rsync's rule).
    pub fn means_contents(&self) -> bool {
        let path = self.path();
        matches!(path.rsplit(|&byte| byte == b'/').next(), None | Some(b"" | b"." | b".."))
    }
}

impl fmt::Display for Address {
    /// As it can be typed again (bytes that are not UTF-8 are shown as `\\xNN` outside URLs). There is no
    /// secret in an address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Site { name, path } => write!(f, "{name}:{}", printable(path)),
            Address::Url(url) => url.fmt(f),
            Address::Local(path) => {
                let bytes = path_bytes(path);
                let first = bytes.split(|&byte| byte == b'/').next().unwrap_or_default();
                f.write_str(if first.contains(&b':') { "./" } else { "" })?;
                f.write_str(&printable(&bytes))
            }
        }
    }
}

impl Scheme {
    /// As it is written before `://`.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Ftp => "ftp",
            Scheme::Ftpes => "ftpes",
            Scheme::Ftps => "ftps",
        }
    }
}

impl Url {
    /// Reads what follows `scheme://`.
    fn parse(scheme: &[u8], rest: &[u8]) -> Result<Self, AddressError> {
        let scheme = match scheme.to_ascii_lowercase().as_slice() {
            b"ftp" => Scheme::Ftp,
            b"ftpes" => Scheme::Ftpes,
            b"ftps" => Scheme::Ftps,
            other => return Err(AddressError::Scheme(printable(other))),
        };
        let slash = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        let (user, host_and_port) = split_user(authority)?;
        let (host, port) = host_and_port_of(host_and_port)?;
        let path = without_type(path.strip_prefix(b"/").unwrap_or_default())?;
        Ok(Url { scheme, user, host, port, path: clean(decode(path)?)? })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.name())?;
        if let Some(user) = &self.user {
            write!(f, "{}@", percent_encode(user, USER))?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host.replace('%', "%25"))?,
            false => f.write_str(&self.host)?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        match self.path.strip_prefix(b"/") {
            Some(absolute) => write!(f, "/%2F{}", percent_encode(absolute, PATH)),
            None => write!(f, "/{}", percent_encode(&self.path, PATH)),
        }
    }
}

/// What must be escaped in a path: what would end it, what is not printable, and the escape itself.
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'%').add(b'#').add(b'?').add(b';').add(b'"').add(b'<').add(b'>');

/// What must be escaped in a user name.
const USER: &AsciiSet = &PATH.add(b'@').add(b':').add(b'/').add(b'[').add(b']');

/// `scheme` and what follows `://`, if it looks like a URL.
fn split_scheme(typed: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = typed.windows(3).position(|window| window == b"://")?;
    let scheme = &typed[..at];
    let well_formed = scheme.first()?.is_ascii_alphabetic()
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    well_formed.then_some((scheme, &typed[at + 3..]))
}

/// `name:path`.
fn site(name: &[u8], path: &[u8]) -> Result<Address, AddressError> {
    let well_formed = !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    if !well_formed {
        return Err(AddressError::Bad(format!(
            "{} is no site name (letters, digits, _ . -); a local path with a colon is written ./{0}:..., \
             a server that is not in the site book ftp://user@host/path",
            printable(name)
        )));
    }
    let name = String::from_utf8_lossy(name).into_owned();
    Ok(Address::Site { name, path: clean(path.to_vec())? })
}

/// The user, decoded, and what follows `@`. The last `@` counts, so that an unescaped one in a user
/// name does not turn half of the name into a host.
fn split_user(authority: &[u8]) -> Result<(Option<Vec<u8>>, &[u8]), AddressError> {
    let Some(at) = authority.iter().rposition(|&byte| byte == b'@') else {
        return Ok((None, authority));
    };
    let (user, host) = (&authority[..at], &authority[at + 1..]);
    if user.contains(&b':') {
        return Err(AddressError::Password);
    }
    if user.is_empty() {
        return Err(bad("the user before @ is empty"));
    }
    Ok((Some(clean(decode(user)?)?), host))
}

/// `host`, `host:port`, `[ipv6]`, `[ipv6]:port`.
fn host_and_port_of(text: &[u8]) -> Result<(String, Option<u16>), AddressError> {
    let text = std::str::from_utf8(text).map_err(|_| bad("the host is not UTF-8"))?;
    let (host, port) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']').ok_or_else(|| bad("the bracket [ is not closed"))?;
            (ipv6(host)?, rest)
        }
        None => {
            let colon = text.find(':').unwrap_or(text.len());
            (host_name(&text[..colon])?, &text[colon..])
        }
    };
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok((host, None)),
        Some("") => Ok((host, None)),
        Some(digits) => match digits.parse::<u16>() {
            Ok(port) if port != 0 => Ok((host, Some(port))),
            _ if digits.contains(':') => {
                Err(bad("an IPv6 address is written in brackets: ftp://[2001:db8::1]/"))
            }
            _ => Err(AddressError::Bad(format!("{} is no port (1 to 65535)", printable(digits.as_bytes())))),
        },
        None => Err(AddressError::Bad(format!("{} after the host", printable(port.as_bytes())))),
    }
}

/// An IPv6 address without brackets, perhaps with a zone (RFC 6874 writes its `%` as `%25`).
fn ipv6(text: &str) -> Result<String, AddressError> {
    let text = text.replace("%25", "%");
    let address = text.split('%').next().unwrap_or_default();
    match address.parse::<std::net::Ipv6Addr>() {
        Ok(_) => Ok(text),
        Err(_) => Err(AddressError::Bad(format!("[{}] is no IPv6 address", printable(text.as_bytes())))),
    }
}

/// A host name or IPv4 address, in lower case.
fn host_name(text: &str) -> Result<String, AddressError> {
    if text.is_empty() {
        return Err(bad("the host is missing"));
    }
    let fits = |character: char| character.is_alphanumeric() || matches!(character, '-' | '.' | '_');
    if !text.chars().all(fits) {
        return Err(AddressError::Bad(format!("{} is no host name", printable(text.as_bytes()))));
    }
    Ok(text.to_lowercase())
}

/// RFC 1738's `;type=`: `i` is what fxp does anyway, nothing else is meant here.
fn without_type(path: &[u8]) -> Result<&[u8], AddressError> {
    let Some(at) = path.windows(6).rposition(|window| window.eq_ignore_ascii_case(b";type=")) else {
        return Ok(path);
    };
    match &path[at + 6..] {
        b"i" | b"I" => Ok(&path[..at]),
        _ => Err(bad("of ;type= only ;type=i is known: fxp copies bytes as they are")),
    }
}

/// Percent-decoding that refuses what is no escape, instead of guessing.
fn decode(text: &[u8]) -> Result<Vec<u8>, AddressError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            decoded.push(byte);
            rest = after;
            continue;
        }
        let escape = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let value = escape
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(value.ok_or_else(|| bad("a % that is no escape; a literal % is written %25 in a URL"))?);
        rest = &after[2..];
    }
    Ok(decoded)
}

/// Refuses the three bytes that no FTP control line can carry.
fn clean(bytes: Vec<u8>) -> Result<Vec<u8>, AddressError> {
    match fxp_proto::wire::text::Text::new(bytes.as_slice()) {
        Ok(_) => Ok(bytes),
        Err(forbidden) => Err(AddressError::Bad(forbidden.to_string())),
    }
}

fn bad(what: &str) -> AddressError {
    AddressError::Bad(what.to_owned())
}

/// What a terminal may safely show; what is UTF-8 without control characters stays as it is.
pub(crate) fn printable(bytes: &[u8]) -> String {
    fxp_proto::wire::text::Text::lossy(bytes).to_string()
}

#[cfg(unix)]
fn local_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn local_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(unix)]
pub(crate) fn path_bytes(path: &std::path::Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().to_vec()
}

#[cfg(not(unix))]
pub(crate) fn path_bytes(path: &std::path::Path) -> Vec<u8> {
    path.to_string_lossy().into_owned().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_understood_and_printed_so_that_it_can_be_typed_again() {
        // typed, understood, printed
        let rows: &[(&str, &str, &str)] = &[
            ("alpha:/pub/x", "site alpha /pub/x", "alpha:/pub/x"),
            ("alpha:", "site alpha ", "alpha:"),
            ("alpha:a b%20:c", "site alpha a b%20:c", "alpha:a b%20:c"),
            ("C:x", "site C x", "C:x"),
            ("nas-1.lan_x:y", "site nas-1.lan_x y", "nas-1.lan_x:y"),
            ("file.txt", "local file.txt", "file.txt"),
            ("./a:b", "local ./a:b", "./a:b"),
            ("/a:b", "local /a:b", "/a:b"),
            ("dir/a:b", "local dir/a:b", "dir/a:b"),
            ("ftp://h", "ftp - h - ''", "ftp://h/"),
            ("ftp://h/", "ftp - h - ''", "ftp://h/"),
            ("FTP://Host.Example:2121/a/b", "ftp - host.example 2121 'a/b'", "ftp://host.example:2121/a/b"),
            ("ftp://h/%2Fetc/x", "ftp - h - '/etc/x'", "ftp://h/%2Fetc/x"),
            ("ftp://h//etc/x", "ftp - h - '/etc/x'", "ftp://h/%2Fetc/x"),
            ("ftp://h/a%20b%25?#c", "ftp - h - 'a b%?#c'", "ftp://h/a%20b%25%3F%23c"),
            ("ftp://h/x;type=i", "ftp - h - 'x'", "ftp://h/x"),
            ("ftp://me@h/x", "ftp me h - 'x'", "ftp://me@h/x"),
            ("ftp://me%40corp@h/x", "ftp me@corp h - 'x'", "ftp://me%40corp@h/x"),
            ("ftp://me@corp@h/x", "ftp me@corp h - 'x'", "ftp://me%40corp@h/x"),
            ("ftpes://[2001:DB8::1]:21/x", "ftpes - 2001:DB8::1 21 'x'", "ftpes://[2001:DB8::1]:21/x"),
            ("ftps://[fe80::1%25eth0]/x", "ftps - fe80::1%eth0 - 'x'", "ftps://[fe80::1%25eth0]/x"),
            ("ftp://h:/x", "ftp - h - 'x'", "ftp://h/x"),
        ];
        for (typed, understood, printed) in rows {
            let address: Address = typed.parse().unwrap_or_else(|error| panic!("{typed}: {error}"));
            assert_eq!(describe(&address), *understood, "{typed}");
            assert_eq!(address.to_string(), *printed, "{typed}");
            assert_eq!(
                address.to_string().parse::<Address>().as_ref(),
                Ok(&address),
                "{typed} printed and read"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        let rows: &[(&str, &str)] = &[
            ("", "empty"),
            ("sftp://h/x", "ftps://, not sftp://"),
            ("https://h/x", "not https://"),
            ("file:///x", "not file://"),
            ("me@host:/x", "ftp://user@host/path"),
            (":/x", "no site name"),
            ("a b:x", "./a b:"),
            ("ftp:///x", "host is missing"),
            ("ftp://@h/x", "empty"),
            ("ftp://h:0/", "port"),
            ("ftp://h:65536/", "port"),
            ("ftp://h:21x/", "port"),
            ("ftp://2001:db8::1/", "brackets"),
            ("ftp://[::1/", "not closed"),
            ("ftp://[h]/", "no IPv6"),
            ("ftp://[::1]x/", "after the host"),
            ("ftp://h h/", "no host name"),
            ("ftp://h/%2", "no escape"),
            ("ftp://h/%zz", "no escape"),
            ("ftp://h/%+1", "no escape"),
            ("ftp://h/a%0d%0aDELE x", "0x0d"),
            ("ftp://h/a%00", "0x00"),
            ("ftp://u%0a@h/", "0x0a"),
            ("alpha:a\nb", "0x0a"),
            ("ftp://h/x;type=a", "type=i"),
        ];
        for (typed, expected) in rows {
            let error = typed.parse::<Address>().expect_err(typed).to_string();
            assert!(error.contains(expected), "{typed}: {error}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_repeated() {
        for typed in ["ftp://me:hunter2@h/x", "ftp://me:@h/x", "ftps://me:hunter2@h:990/"] {
            let error = typed.parse::<Address>().expect_err(typed);
            assert_eq!(error, AddressError::Password);
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_survive() {
        let Ok(Address::Site { path, .. }) = Address::parse(b"alpha:caf\xe9") else { panic!("a site") };
        assert_eq!(path, b"caf\xe9");
        let Ok(Address::Url(url)) = Address::parse(b"ftp://h/caf%E9") else { panic!("a URL") };
        assert_eq!(url.path, b"caf\xe9");
        assert_eq!(url.to_string(), "ftp://h/caf%E9");
    }

    #[test]
    fn a_trailing_slash_means_the_contents() {
        let rows =
            [("a:d", false), ("a:d/", true), ("a:", true), ("a:/", true), ("a:d/.", true), ("a:..", true)];
        for (typed, expected) in rows {
            assert_eq!(typed.parse::<Address>().expect(typed).means_contents(), expected, "{typed}");
        }
    }

    fn describe(address: &Address) -> String {
        match address {
            Address::Site { name, path } => format!("site {name} {}", printable(path)),
            Address::Local(path) => format!("local {}", path.display()),
            Address::Url(url) => format!(
                "{} {} {} {} '{}'",
                url.scheme.name(),
                url.user.as_deref().map_or("-".into(), printable),
                url.host,
                url.port.map_or("-".into(), |port| port.to_string()),
                printable(&url.path)
            ),
        }
    }
}
