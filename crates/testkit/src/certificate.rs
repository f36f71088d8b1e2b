//! An authority of our own, and certificates for servers signed by it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose, SanType};
use sha2::{Digest, Sha256};

/// An authority that lives as long as the test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
    der: Vec<u8>,
}

impl Identity {
    /// SHA-256 of the certificate, as `fxp trust add` takes it.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.der);
        digest.iter().fold(String::from("SHA-256="), |text, byte| text + &format!("{byte:02x}"))
    }
}

/// An identity as files, in the forms that the daemons want.
#[derive(Clone, Debug)]
pub struct IdentityFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
    /// Key and certificate in one file.
    pub both: PathBuf,
    /// The authority's certificate.
    pub authority: PathBuf,
}

impl Authority {
    /// A fresh authority.
    ///
    /// # Errors
    ///
    /// If no key can be made.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(rcgen::DnType::CommonName, "fxp test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(Authority { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    /// The authority's own certificate, in PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a server at `address`.
    ///
    /// # Errors
    ///
    /// If no key can be made.
    pub fn identity(&self, address: IpAddr) -> Result<Identity> {
        self.sign(&address.to_string(), vec![SanType::IpAddress(address)])
    }

    /// A certificate with these names, whatever they are: a subject, and alternative names of the kind DNS.
    ///
    /// # Errors
    ///
    /// If no key can be made, or a name is not ASCII.
    pub fn named(&self, subject: &str, names: &[&str]) -> Result<Identity> {
        let name = |name: &&str| Ok(SanType::DnsName((*name).try_into()?));
        self.sign(subject, names.iter().map(name).collect::<Result<_>>()?)
    }

    fn sign(&self, subject: &str, names: Vec<SanType>) -> Result<Identity> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(rcgen::DnType::CommonName, subject);
        params.subject_alt_names = names;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
        })
    }

    /// Writes `identity` into `folder`.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn write(&self, identity: &Identity, folder: &Path) -> Result<IdentityFiles> {
        let files = IdentityFiles {
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
            both: folder.join("both.pem"),
            authority: folder.join("authority.pem"),
        };
        std::fs::write(&files.certificate, &identity.certificate)?;
        std::fs::write(&files.key, &identity.key)?;
        std::fs::write(&files.both, format!("{}{}", identity.key, identity.certificate))?;
        std::fs::write(&files.authority, self.pem())?;
        for secret in [&files.key, &files.both] {
            // ProFTPD refuses keys that others can read.
            std::fs::set_permissions(secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        }
        Ok(files)
    }
}
