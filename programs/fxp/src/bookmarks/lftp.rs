//! lftp's bookmarks: a name, white space, a URL in each line, user and password inside the URL.
//!
//! In its URLs the path is relative to the login directory unless it begins with a second slash or `%2F`,
//! or with `~`, which is the login directory.

use fxp_engine::site::{Site, TlsMode};
use fxp_engine::url::{Address, AddressError, Scheme, Url};
use fxp_proto::wire::secret::Secret;
use percent_encoding::percent_decode_str;

use super::{Bookmark, Login, user_of};

/// True if some line is a name and a URL.
pub(super) fn is_one(text: &str) -> bool {
    lines(text).any(|(_, url)| url.contains("://"))
}

pub(super) fn read(text: &str) -> Vec<Bookmark> {
    lines(text)
        .map(|(name, url)| Bookmark { folders: Vec::new(), name: name.to_owned(), content: login(url) })
        .collect()
}

fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.trim().split_once(char::is_whitespace))
        .map(|(name, url)| (name, url.trim()))
}

fn login(url: &str) -> Result<Login, String> {
    if url.is_empty() || url == "\"\"" {
        return Err("it names no server".into());
    }
    // A bare host is what lftp's default protocol is for.
    let url = if url.contains("://") { url.to_owned() } else { format!("ftp://{url}") };
    let (bare, password) = without_password(&url)?;
    let parsed = match bare.parse() {
        Ok(Address::Url(url)) => url,
        Ok(_) => return Err("it is no URL".into()),
        Err(AddressError::Scheme(scheme)) => return Err(format!("{scheme}:// is not FTP")),
        Err(error) => return Err(error.to_string()),
    };
    let utf8 = |bytes: Vec<u8>, what: &str| {
        String::from_utf8(bytes).map_err(|_| format!("its {what} is not UTF-8, and our book is a text"))
    };
    let user = parsed.user.clone().map(|user| utf8(user, "user")).transpose()?;
    let site = Site {
        tls: tls_of(&parsed),
        port: parsed.port,
        user: user.as_deref().map(user_of).transpose()?,
        root: root_of(&utf8(parsed.path, "path")?),
        host: parsed.host,
        ..Site::default()
    };
    Ok(Login { site, password, notes: Vec::new() })
}

/// The URL without its password, and the password, decoded.
fn without_password(url: &str) -> Result<(String, Option<Secret>), String> {
    let (scheme, rest) = url.split_once("://").ok_or("it is no URL")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Some((login, host)) = authority.rsplit_once('@') else { return Ok((url.to_owned(), None)) };
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (user, Some(percent_decode_str(password).collect::<Vec<u8>>())),
        None => (login, None),
    };
    let user = if user.is_empty() { String::new() } else { format!("{user}@") };
    let password = password.filter(|password| !password.is_empty()).map(Secret::new);
    Ok((format!("{scheme}://{user}{host}{path}"), password))
}

fn tls_of(url: &Url) -> Option<TlsMode> {
    match url.scheme {
        Scheme::Ftp => None,
        Scheme::Ftpes => Some(TlsMode::Require),
        // lftp speaks it so on every port.
        Scheme::Ftps => Some(TlsMode::Implicit),
    }
}

/// Where relative paths begin.
fn root_of(path: &str) -> Option<String> {
    let path = match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest.trim_start_matches('/'),
        _ => path,
    };
    match path.trim_end_matches('/') {
        "" if path.starts_with('/') => Some("/".into()),
        "" => None,
        path => Some(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As lftp 4.9.2 writes it.
    const SAMPLE: &str = "abs\tftp://bob:se%2Fs@h//abs/dir\n\
        home\tftp://ann%40corp:p%3Aa%20%25@ftp.example.org:2121/~/pub/\n\
        rel\tftps://bob@h/rel/\n\
        six\tftp://[2001:db8::1]/%2Fetc\n\
        bare\tftp.example.org\n\
        tilde\tftp://h/~bob\n\
        top\tftp://h//\n\
        ssh\tsftp://bob:x@h\n\
        void\t\"\"\n\
        odd\tftp://h:99999/\n";

    #[test]
    fn bookmarks_as_lftp_writes_them() {
        let read: Vec<String> = read(SAMPLE)
            .iter()
            .map(|bookmark| match &bookmark.content {
                Err(why) => format!("{} left out: {why}", bookmark.name),
                Ok(Login { site, password, .. }) => format!(
                    "{} {:?} {} {:?} {:?} {:?} {:?}",
                    bookmark.name,
                    site.user.as_deref().unwrap_or_default(),
                    site.host,
                    site.port,
                    site.tls,
                    site.root.as_deref().unwrap_or_default(),
                    password.as_ref().map_or("", |secret| str::from_utf8(secret.expose()).unwrap()),
                ),
            })
            .collect();
        assert_eq!(
            read,
            [
                "abs \"bob\" h None None \"/abs/dir\" \"se/s\"",
                "home \"ann@corp\" ftp.example.org Some(2121) None \"pub\" \"p:a %\"",
                "rel \"bob\" h None Some(Implicit) \"rel\" \"\"",
                "six \"\" 2001:db8::1 None None \"/etc\" \"\"",
                "bare \"\" ftp.example.org None None \"\" \"\"",
                "tilde \"\" h None None \"~bob\" \"\"",
                "top \"\" h None None \"/\" \"\"",
                "ssh left out: sftp:// is not FTP",
                "void left out: it names no server",
                "odd left out: 99999 is no port (1 to 65535)",
            ]
        );
    }
}
