//! A self-signed certificate.
//!
//! ECDSA on P-256 and not RSA: every data connection with another server is a full handshake, and an
//! ECDSA signature costs a small part of an RSA one. Nobody is shut out: this server speaks TLS 1.2 and
//! 1.3 with elliptic-curve key exchange only, so whoever gets that far knows the curve.

use std::time::SystemTime;

use anyhow::Context;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};

/// Certificate and key, both PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// How long it is valid. Clients remember such a certificate by its fingerprint, so that every new one
/// is a question to every one of them.
const YEARS: i32 = 10;

/// Makes one for these names and addresses.
pub(super) fn self_signed(names: &[String]) -> anyhow::Result<Identity> {
    let mut params = CertificateParams::new(names)
        .with_context(|| format!("not a name for a certificate among: {}", names.join(", ")))?;
    let common_name = names.first().map_or("fxpd", String::as_str);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // As a client, too: a peer in a data connection may ask for it (CPSV, SSCN).
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    // From the beginning of last year: neither a wrong clock nor a time zone makes it not valid yet.
    let year = this_year();
    params.not_before = rcgen::date_time_ymd(year - 1, 1, 1);
    params.not_after = rcgen::date_time_ymd(year + YEARS, 1, 1);

    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).context("cannot make a key")?;
    let certificate = params.self_signed(&key).context("cannot sign the certificate")?;
    Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// What a certificate says if nobody says otherwise.
pub(super) fn names_of_this_machine() -> Vec<String> {
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy().into_owned();
    match host.as_str() {
        "" | "localhost" => vec!["localhost".to_owned()],
        _ => vec![host, "localhost".to_owned()],
    }
}

/// The year, wrong by a day at its ends at most.
fn this_year() -> i32 {
    const MEAN_YEAR_SECONDS: u64 = 31_556_952;
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    1970 + i32::try_from(since_1970.as_secs() / MEAN_YEAR_SECONDS).unwrap_or(0)
}
