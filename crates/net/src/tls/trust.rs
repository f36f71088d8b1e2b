//! Whom to trust: the platform's roots, else the fingerprint that was remembered.

use std::fmt;
use std::str::FromStr;

/// SHA-256 of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

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

    /// With or without `SHA-256=` or `SHA256:`, with or without colons.
    fn from_str(_text: &str) -> Result<Self, Self::Err> {
        todo!("net")
    }
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

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate {} is not trusted: {}", self.fingerprint, self.reason)
    }
}

impl std::error::Error for Untrusted {}
