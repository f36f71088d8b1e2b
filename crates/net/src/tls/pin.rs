//! Judges of a server's certificate: one that trusts as the user said and then holds the server to
//! the certificate it showed first, and one that takes any certificate.
//!
//! Both always check the handshake signature: whoever shows a certificate must own its key.

use std::sync::{Arc, Mutex, OnceLock};

use rustls::CertificateError;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::outdated::{Outdated, is_weakly_signed};
use super::trust::{Fingerprint, Trust, Untrusted, Verified};
use super::{HandshakeError, provider};

/// The part that every judge of a certificate has in common, of a server's or of a client's: whoever shows one must
/// have signed the handshake with its key, by an algorithm of the provider.
macro_rules! check_handshake_signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &rustls_pki_types::CertificateDer<'_>,
            signed: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            let algorithms = $crate::tls::provider().signature_verification_algorithms;
            rustls::crypto::verify_tls12_signature(message, certificate, signed, &algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &rustls_pki_types::CertificateDer<'_>,
            signed: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            let algorithms = $crate::tls::provider().signature_verification_algorithms;
            rustls::crypto::verify_tls13_signature(message, certificate, signed, &algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            $crate::tls::provider().signature_verification_algorithms.supported_schemes()
        }
    };
}
pub(super) use check_handshake_signatures;

/// The platform's verifier, or why there is none; loaded at the first certificate that needs it.
pub(crate) type Roots = OnceLock<Result<Arc<dyn ServerCertVerifier>, String>>;

/// The judge of one client session.
///
/// The first certificate (the control connection's) is judged by the user's trust. Every later one
/// (a data connection that did not resume) must be the same: under a wildcard certificate another
/// host could otherwise be slipped in behind the address that PASV answered.
#[derive(Debug)]
pub(crate) struct OnePeer {
    trust: Trust,
    /// False if the host is no name that a certificate could hold.
    named: bool,
    roots: Arc<Roots>,
    first: OnceLock<(Fingerprint, Verified)>,
    refused: Mutex<Option<Refused>>,
}

impl OnePeer {
    pub(crate) fn new(trust: Trust, named: bool, roots: Arc<Roots>) -> Self {
        OnePeer { trust, named, roots, first: OnceLock::new(), refused: Mutex::default() }
    }

    /// The certificate that the server showed first.
    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        self.first.get().map(|(fingerprint, _)| *fingerprint)
    }

    /// Why that one was accepted.
    pub(crate) fn verified(&self) -> Option<Verified> {
        self.first.get().map(|(_, verified)| *verified)
    }

    /// Why the last certificate was refused.
    pub(crate) fn take_refusal(&self) -> Option<HandshakeError> {
        let refused = self.refused.lock().expect("no holder of the lock panics").take();
        refused.map(|refused| match refused {
            Refused::Untrusted(untrusted) => HandshakeError::Untrusted(Box::new(untrusted)),
            Refused::Outdated(outdated) => HandshakeError::Outdated(outdated),
        })
    }

    fn refuse(&self, refused: Refused) -> rustls::Error {
        *self.refused.lock().expect("no holder of the lock panics") = Some(refused);
        rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
    }

    fn judge(
        &self,
        certificate: &CertificateDer<'_>,
        by_roots: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), String> {
        let shown = Fingerprint::of(certificate);
        if let Some((first, _)) = self.first.get() {
            let same = *first == shown;
            return same.then_some(()).ok_or_else(|| {
                "the data connection shows another certificate than the control connection".to_owned()
            });
        }
        let verified = if self.trust.pinned.contains(&shown) {
            Verified::Pinned
        } else if self.trust.roots {
            by_roots()?;
            Verified::Roots
        } else {
            return Err("its fingerprint is not among the trusted ones".to_owned());
        };
        // Two first handshakes at once cannot be: data connections come after the control connection.
        let _ = self.first.set((shown, verified));
        Ok(())
    }

    fn by_roots(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), String> {
        let roots = self.roots.get_or_init(|| match rustls_platform_verifier::Verifier::new(provider()) {
            Ok(verifier) => Ok(Arc::new(verifier)),
            Err(error) => Err(error.to_string()),
        });
        let verifier = roots.as_ref().map_err(Clone::clone)?;
        if !self.named {
            return Err("the host's name cannot stand in a certificate".to_owned());
        }
        match verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            Ok(_) => Ok(()),
            Err(error) => Err(plain_reason(error, end_entity)),
        }
    }
}

/// Why a certificate was refused.
#[derive(Debug)]
enum Refused {
    Untrusted(Untrusted),
    Outdated(Outdated),
}

/// What a person makes of the commonest refusals; the library's words for the rest.
fn plain_reason(error: rustls::Error, certificate: &CertificateDer<'_>) -> String {
    let rustls::Error::InvalidCertificate(cause) = error else { return error.to_string() };
    match cause {
        // The last two: a root that happens to bear the same name, but another key.
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
            if is_self_signed(certificate) =>
        {
            "it is self-signed, and no root certificate of this system vouches for it".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. } if is_weakly_signed(certificate) => {
            "it is signed with SHA-1 or MD5, which can be forged: the server needs a new certificate, signed with SHA-256"
                .to_owned()
        }
        CertificateError::UnknownIssuer => "no root certificate of this system vouches for it".to_owned(),
        other => other.to_string(),
    }
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    x509_parser::parse_x509_certificate(certificate)
        .is_ok_and(|(_, parsed)| parsed.subject() == parsed.issuer())
}

impl ServerCertVerifier for OnePeer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // Nobody need be asked to trust a key whose signatures cannot be checked.
        if let Some(outdated) = Outdated::key_of(end_entity) {
            return Err(self.refuse(Refused::Outdated(outdated)));
        }
        match self.judge(end_entity, || self.by_roots(end_entity, intermediates, name, ocsp, now)) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(reason) => {
                let changed = match self.fingerprint() {
                    Some(_) => true,
                    None => !self.trust.pinned.is_empty(),
                };
                let untrusted = Untrusted::new(end_entity, reason, changed);
                Err(self.refuse(Refused::Untrusted(untrusted)))
            }
        }
    }

    check_handshake_signatures!();
}

/// Takes any certificate, for data connections with servers that nobody introduced (CPSV, SSCN).
#[derive(Debug)]
pub(crate) struct AnyPeer;

impl ServerCertVerifier for AnyPeer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    check_handshake_signatures!();
}
