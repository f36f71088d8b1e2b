//! Whom to trust: the platform's roots, else the fingerprint that was remembered.

use std::fmt;
use std::str::FromStr;

use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};

/// SHA-256 of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    pub fn of(certificate: impl AsRef<[u8]>) -> Self {
        Fingerprint(Sha256::digest(certificate.as_ref()).into())
    }
}

impl fmt::Display for Fingerprint {
    /// `SHA-256=` and 64 hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SHA-256=")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is SHA-256= and 64 hex digits (colons are fine)")]
pub struct BadFingerprint;

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    /// With or without `SHA-256=`, `SHA256:` or the like in front, with or without colons.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut digits = without_label(text.trim()).bytes().filter(|byte| *byte != b':');
        let mut hash = [0; 32];
        for byte in &mut hash {
            let (high, low) = (digits.next().and_then(digit), digits.next().and_then(digit));
            *byte = high.ok_or(BadFingerprint)? << 4 | low.ok_or(BadFingerprint)?;
        }
        digits.next().is_none().then_some(Fingerprint(hash)).ok_or(BadFingerprint)
    }
}

/// Takes the name of the digest off, with the sign behind it.
fn without_label(text: &str) -> &str {
    ["SHA-256", "SHA256"]
        .iter()
        .find_map(|label| {
            let head = text.get(..label.len())?;
            head.eq_ignore_ascii_case(label).then(|| &text[label.len()..])
        })
        .map_or(text, |rest| rest.trim_start_matches(['=', ':', ' ']))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// What a client accepts from a server.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Chains up to the platform's roots, with the right name and dates, are accepted.
    pub roots: bool,
    /// Certificates with one of these fingerprints are accepted, whatever their names and dates.
    pub pinned: Vec<Fingerprint>,
}

/// How a certificate was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// By the platform's roots and the name.
    Roots,
    /// By its fingerprint.
    Pinned,
}

/// A certificate that is not trusted: all a person needs to decide.
#[derive(Clone, Debug)]
pub struct Untrusted {
    /// What it is.
    pub fingerprint: Fingerprint,
    /// Its subject, for showing.
    pub subject: String,
    /// When it ends, for showing.
    pub not_after: String,
    /// Why the roots do not vouch for it.
    pub reason: String,
    /// Another fingerprint was remembered for this server: it has changed.
    pub changed: bool,
}

impl Untrusted {
    /// Describes `certificate`, which is refused for `reason`.
    pub(crate) fn new(certificate: &CertificateDer<'_>, reason: String, changed: bool) -> Self {
        let (subject, not_after) = match x509_parser::parse_x509_certificate(certificate) {
            Ok((_, parsed)) => {
                (printable(&parsed.subject().to_string()), parsed.validity().not_after.to_string())
            }
            Err(_) => ("unreadable".to_owned(), "unknown".to_owned()),
        };
        Untrusted { fingerprint: Fingerprint::of(certificate), subject, not_after, reason, changed }
    }
}

/// A stranger wrote the subject: it is shortened, and nothing in it may steer a terminal.
fn printable(subject: &str) -> String {
    const SHOWN: usize = 256;
    subject.chars().take(SHOWN).map(|c| if c.is_control() { '?' } else { c }).collect()
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate {} is not trusted: {}", self.fingerprint, self.reason)
    }
}

impl std::error::Error for Untrusted {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_in_all_the_forms_that_tools_print() {
        let hex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        let colons = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap().to_uppercase());
        let colons = colons.collect::<Vec<_>>().join(":");
        let expected: Fingerprint = hex.parse().unwrap();
        assert_eq!(expected.to_string(), format!("SHA-256={hex}"));
        for text in [
            expected.to_string(),
            format!("sha-256={hex}"),
            format!("SHA256:{hex}"),
            format!("SHA256 {colons}"),
            format!("sha256={colons}"),
            colons,
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "SHA-256=", &hex[1..], &format!("{hex}0"), &hex.replace('0', "g")] {
            assert_eq!(text.parse::<Fingerprint>(), Err(BadFingerprint), "{text}");
        }
    }
}
