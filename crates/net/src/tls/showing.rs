//! Which of its certificates a server is asked for. One that has several chooses by what the client can verify and by
//! the name that it asks for.

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// One way to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Showing {
    /// The kind of its key.
    pub key: KeyKind,
    /// Whether the server is asked for by its name (SNI).
    pub named: bool,
}

/// The kind of a certificate's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA.
    Rsa,
    /// ECDSA, EdDSA, and whatever else there is.
    Other,
}

impl Showing {
    /// All ways to ask a server for its certificate; one that has no name is not asked by it.
    pub(super) fn all(has_name: bool) -> Vec<Showing> {
        let names = if has_name { [true, false].as_slice() } else { &[false] };
        let ways =
            names.iter().flat_map(|&named| [KeyKind::Rsa, KeyKind::Other].map(|key| Showing { key, named }));
        ways.collect()
    }
}

impl KeyKind {
    fn of(scheme: SignatureScheme) -> Self {
        use SignatureScheme::{
            RSA_PKCS1_SHA1, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
            RSA_PSS_SHA384, RSA_PSS_SHA512,
        };
        match scheme {
            RSA_PKCS1_SHA1 | RSA_PKCS1_SHA256 | RSA_PKCS1_SHA384 | RSA_PKCS1_SHA512 | RSA_PSS_SHA256
            | RSA_PSS_SHA384 | RSA_PSS_SHA512 => KeyKind::Rsa,
            _ => KeyKind::Other,
        }
    }
}

/// Judges as another one does, but claims to know the signatures of one kind of key only.
#[derive(Debug)]
pub(super) struct Choosy {
    judge: Arc<dyn ServerCertVerifier>,
    kind: KeyKind,
}

impl Choosy {
    pub(super) fn new(judge: Arc<dyn ServerCertVerifier>, kind: KeyKind) -> Self {
        Choosy { judge, kind }
    }
}

impl ServerCertVerifier for Choosy {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.judge.verify_server_cert(end_entity, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.judge.supported_verify_schemes();
        schemes.retain(|scheme| KeyKind::of(*scheme) == self.kind);
        schemes
    }
}
