//! Servers whose TLS is of another age: what exactly is too old, in the words of the field.
//!
//! The library speaks TLS 1.2 and 1.3, takes RSA keys from 2048 bits on, elliptic curves, and signatures
//! by SHA-256 and its kin. A server with less cannot be talked into anything: its operator has to
//! change something, and must be told what.

use std::fmt;

use rustls::{AlertDescription, PeerIncompatible};
use rustls_pki_types::CertificateDer;
use x509_parser::public_key::PublicKey;

/// What of a server's TLS is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outdated {
    /// Its newest version is TLS 1.1 or older.
    Version,
    /// Its certificate has an RSA key of so many bits.
    RsaKey(usize),
    /// Its certificate has a key that is neither RSA nor of an elliptic curve.
    KeyKind(&'static str),
    /// It broke the handshake off: as a rule because it found no cipher suite, or no way to sign, in what we offer.
    NothingInCommon,
}

impl fmt::Display for Outdated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outdated::Version => f.write_str("its protocol version is TLS 1.1 or older, and TLS 1.2 is the least"),
            Outdated::RsaKey(bits) if *bits < LEAST_BITS => {
                write!(f, "its certificate has an RSA key of {bits} bits, and {LEAST_BITS} bits are the least")
            }
            Outdated::RsaKey(bits) => {
                write!(f, "its certificate has an RSA key of {bits} bits, and {MOST_BITS} bits are the most")
            }
            Outdated::KeyKind(kind) => {
                write!(f, "its certificate has a {kind} key, and only RSA, ECDSA and Ed25519 are known")
            }
            Outdated::NothingInCommon => f.write_str(
                "it broke the handshake off (handshake_failure): most likely it has no cipher suite (ECDHE with AES-GCM or \
                 ChaCha20) or no signature (RSA from 2048 bits or ECDSA, with SHA-256) in common with us, or it wants a \
                 client's certificate, which fxp has none of",
            ),
        }
    }
}

impl Outdated {
    /// What is wrong with the key of `certificate`, if anything is.
    pub(super) fn key_of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
        match parsed.public_key().parsed().ok()? {
            PublicKey::RSA(key) => {
                let bits = key.key_size();
                (!(LEAST_BITS..=MOST_BITS).contains(&bits)).then_some(Outdated::RsaKey(bits))
            }
            PublicKey::DSA(_) => Some(Outdated::KeyKind("DSA")),
            PublicKey::GostR3410(_) | PublicKey::GostR3410_2012(_) => Some(Outdated::KeyKind("GOST")),
            PublicKey::EC(_) | PublicKey::Unknown(_) => None,
        }
    }

    /// What a failed handshake with a server says about its age.
    pub(super) fn by(error: &rustls::Error) -> Option<Self> {
        use rustls::Error::{AlertReceived, PeerIncompatible as Incompatible};
        match error {
            AlertReceived(AlertDescription::ProtocolVersion)
            | Incompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => Some(Outdated::Version),
            AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity) => {
                Some(Outdated::NothingInCommon)
            }
            _ => None,
        }
    }
}

/// True if the signature under `certificate` is made with SHA-1 or MD5.
pub(super) fn is_weakly_signed(certificate: &CertificateDer<'_>) -> bool {
    x509_parser::parse_x509_certificate(certificate).is_ok_and(|(_, parsed)| {
        WEAK_SIGNATURES.contains(&parsed.signature_algorithm.algorithm.to_id_string().as_str())
    })
}

/// RSA and ECDSA and DSA with SHA-1, RSA with MD5 (RFC 3279).
const WEAK_SIGNATURES: &[&str] =
    &["1.2.840.113549.1.1.5", "1.2.840.10045.4.1", "1.2.840.10040.4.3", "1.2.840.113549.1.1.4"];

/// The shortest RSA key that the library takes.
const LEAST_BITS: usize = 2048;

/// The longest one.
const MOST_BITS: usize = 8192;
