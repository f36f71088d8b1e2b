//! `rclone.conf`: a section for each remote, of which those with `type = ftp` are ours.
//!
//! Its passwords are obscured, as rclone calls it, so that nobody reads them over a shoulder: AES in counter
//! mode with a key that everybody knows. That is no protection, and so it is no secret how to undo it.

use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use base64ct::{Base64UrlUnpadded, Encoding};
use fxp_engine::site::{Site, TlsMode};
use fxp_proto::wire::secret::Secret;

use super::{Bookmark, Login, host_of, port_of, user_of};

/// The key that stands in rclone's sources.
const KEY: [u8; 32] = [
    0x9c, 0x93, 0x5b, 0x48, 0x73, 0x0a, 0x55, 0x4d, 0x6b, 0xfd, 0x7c, 0x63, 0xc8, 0x86, 0xa9, 0x2b, 0xd3,
    0x90, 0x19, 0x8e, 0xb8, 0x12, 0x8a, 0xfb, 0xf4, 0xde, 0x16, 0x2b, 0x8b, 0x95, 0xf6, 0x38,
];

/// The counter's first value stands before the password.
const IV: usize = 16;

/// What a file begins with that can only be read with its password.
const ENCRYPTED: &str = "RCLONE_ENCRYPT_V";

/// A section.
struct Remote<'a> {
    name: &'a str,
    values: Vec<(&'a str, &'a str)>,
}

/// True if the first line that says anything is a section's, or the file is encrypted.
pub(super) fn is_one(text: &str) -> bool {
    text.lines().any(|line| line.starts_with(ENCRYPTED))
        || text.lines().find_map(meaning).is_some_and(|line| section(line).is_some())
}

pub(super) fn read(text: &str) -> Result<Vec<Bookmark>, String> {
    if text.lines().any(|line| line.starts_with(ENCRYPTED)) {
        return Err("it is encrypted; `rclone config show > FILE` writes one that is not".into());
    }
    let mut remotes: Vec<Remote<'_>> = Vec::new();
    for line in text.lines().filter_map(meaning) {
        match (section(line), line.split_once('='), remotes.last_mut()) {
            (Some(name), ..) => remotes.push(Remote { name, values: Vec::new() }),
            (None, Some((key, value)), Some(remote)) => remote.values.push((key.trim(), value.trim())),
            _ => {}
        }
    }
    Ok(remotes
        .iter()
        .map(|remote| Bookmark { folders: Vec::new(), name: remote.name.to_owned(), content: login(remote) })
        .collect())
}

/// A line that is neither empty nor a comment.
fn meaning(line: &str) -> Option<&str> {
    let line = line.trim();
    (!line.is_empty() && !line.starts_with(['#', ';'])).then_some(line)
}

fn section(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.strip_suffix(']')
}

impl Remote<'_> {
    /// The last one counts, and an empty one is none.
    fn value(&self, key: &str) -> Option<&str> {
        let (_, value) = self.values.iter().rev().find(|(name, _)| *name == key)?;
        (!value.is_empty()).then_some(*value)
    }

    fn is_set(&self, key: &str) -> bool {
        self.value(key).is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "true" | "1" | "t"))
    }
}

fn login(remote: &Remote<'_>) -> Result<Login, String> {
    match remote.value("type") {
        Some("ftp") => {}
        Some(other) => return Err(format!("{other} is not FTP")),
        None => return Err("it has no type".into()),
    }
    let tls = match (remote.is_set("tls"), remote.is_set("explicit_tls")) {
        (true, _) => Some(TlsMode::Implicit),
        (false, true) => Some(TlsMode::Require),
        (false, false) => None,
    };
    let port = match (remote.value("port"), tls) {
        // rclone's port is 21 whatever it speaks there.
        (None, Some(TlsMode::Implicit)) => Some(21),
        (None, _) => None,
        (Some(port), Some(TlsMode::Implicit)) => port_of(port, 990)?,
        (Some(port), _) => port_of(port, 21)?,
    };
    let site = Site {
        host: host_of(remote.value("host").ok_or("it names no server")?)?,
        port,
        user: remote.value("user").map(user_of).transpose()?,
        tls,
        ..Site::default()
    };
    let mut notes = Vec::new();
    if tls.is_some() && remote.is_set("no_check_certificate") {
        notes.push(
            "rclone took any certificate from it; fxp asks before it trusts one that no authority vouches for".into(),
        );
    }
    let password = remote.value("pass").and_then(|obscured| {
        let revealed = reveal(obscured);
        if revealed.is_none() {
            notes.push("its password is garbled".into());
        }
        revealed
    });
    Ok(Login { site, password, notes })
}

/// What rclone has obscured.
fn reveal(obscured: &str) -> Option<Secret> {
    let bytes = Base64UrlUnpadded::decode_vec(obscured).ok()?;
    let (counter, password) = bytes.split_first_chunk::<IV>()?;
    let mut password = password.to_vec();
    let key = UnboundCipherKey::new(&AES_256, &KEY).and_then(DecryptingKey::ctr).ok()?;
    key.decrypt(&mut password, DecryptionContext::Iv128(counter.into())).ok()?;
    Some(Secret::new(password)).filter(|secret| !secret.expose().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "; written by rclone\n\
        [work]\ntype = ftp\nhost = ftp.example.org\nuser = ann\nport = 2121\n\
        pass = YWFhYWFhYWFhYWFhYWFhYXMaGgIHVxE\nexplicit_tls = true\n\n\
        [implicit remote]\ntype = ftp\nhost = 2001:db8::1\ntls = true\nno_check_certificate = true\n\
        [plain]\ntype=ftp\nhost=h\nport=21\npass = !!\n\
        [photos]\ntype = drive\ntoken = {\"access_token\":\"x\"}\n\
        [vault]\ntype = crypt\nremote = work:vault\n\
        [void]\ntype = ftp\n\
        [odd]\n";

    #[test]
    fn remotes_of_all_types() {
        let read: Vec<String> = read(SAMPLE)
            .expect("it is not encrypted")
            .iter()
            .map(|bookmark| match &bookmark.content {
                Err(why) => format!("{} left out: {why}", bookmark.name),
                Ok(Login { site, notes, .. }) => format!(
                    "{} {:?} {} {:?} {:?} {}",
                    bookmark.name,
                    site.user.as_deref().unwrap_or_default(),
                    site.host,
                    site.port,
                    site.tls,
                    notes.len(),
                ),
            })
            .collect();
        assert_eq!(
            read,
            [
                "work \"ann\" ftp.example.org Some(2121) Some(Require) 0",
                "implicit remote \"\" 2001:db8::1 Some(21) Some(Implicit) 1",
                "plain \"\" h None None 1",
                "photos left out: drive is not FTP",
                "vault left out: crypt is not FTP",
                "void left out: it names no server",
                "odd left out: it has no type",
            ]
        );
    }

    #[test]
    fn an_encrypted_file_says_what_to_do() {
        let why = read("# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nabc=\n").unwrap_err();
        assert!(why.contains("rclone config show"), "{why}");
    }

    #[test]
    fn obscured_passwords_are_revealed() {
        let revealed = |text| reveal(text).map(|secret| String::from_utf8(secret.expose().to_vec()).unwrap());
        // The examples of rclone's own tests.
        assert_eq!(revealed("YWFhYWFhYWFhYWFhYWFhYQ"), None, "an empty one");
        assert_eq!(revealed("YWFhYWFhYWFhYWFhYWFhYXMaGgIlEQ").as_deref(), Some("potato"));
        assert_eq!(revealed("YmJiYmJiYmJiYmJiYmJiYp3gcEWbAw").as_deref(), Some("potato"));
        for garbled in ["", "YWE", "!!", "YWFhYWFhYWFhYWFhYWFhYXMaGgIlEQ=="] {
            assert_eq!(revealed(garbled), None, "{garbled}");
        }
    }
}
