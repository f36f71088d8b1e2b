//! Keying material of one TLS 1.3 connection (RFC 8446, 7.5), which both of its ends can compute and nobody
//! else.
//!
//! The library exports it from its buffered connections only. Ours are unbuffered; but each tells a key log
//! of the exporter's secret, and one that is made for a single connection keeps just that.

use std::fmt;
use std::sync::{Mutex, MutexGuard};

use rustls::crypto::tls13::OkmBlock;
use rustls::{KeyLog, SupportedCipherSuite};
use zeroize::Zeroizing;

/// Bytes of keying material.
pub(super) const LENGTH: usize = 32;

/// The exporter of one connection; empty until its handshake is done, and in TLS 1.2.
#[derive(Default)]
pub(super) struct Exporter(Mutex<Option<Zeroizing<Vec<u8>>>>);

impl Exporter {
    fn secret(&self) -> MutexGuard<'_, Option<Zeroizing<Vec<u8>>>> {
        self.0.lock().expect("no holder of the lock panics")
    }

    /// The keying material for `label` with an empty context, once; `suite` is the connection's.
    pub(super) fn take(&self, suite: SupportedCipherSuite, label: &[u8]) -> Option<Zeroizing<[u8; LENGTH]>> {
        let secret = self.secret().take()?;
        let suite = suite.tls13()?;
        let nothing = suite.common.hash_provider.start().finish();
        let nothing = nothing.as_ref();
        let length = u16::try_from(nothing.len()).ok()?;
        let mut derived = Zeroizing::new(vec![0; nothing.len()]);
        expand(suite, &secret, length, label, nothing, &mut derived)?;
        let mut material = Zeroizing::new([0; LENGTH]);
        expand(suite, &derived, LENGTH as u16, b"exporter", nothing, &mut *material)?;
        Some(material)
    }
}

/// HKDF-Expand-Label (RFC 8446, 7.1).
fn expand(
    suite: &rustls::Tls13CipherSuite,
    secret: &[u8],
    length: u16,
    label: &[u8],
    context: &[u8],
    output: &mut [u8],
) -> Option<()> {
    let label_length = [u8::try_from(LABEL_PREFIX.len() + label.len()).ok()?];
    let context_length = [u8::try_from(context.len()).ok()?];
    let info: [&[u8]; 6] =
        [&length.to_be_bytes(), &label_length, LABEL_PREFIX, label, &context_length, context];
    let expander = suite.hkdf_provider.expander_for_okm(&OkmBlock::new(secret));
    expander.expand_slice(&info, output).ok()
}

impl KeyLog for Exporter {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        if self.will_log(label) {
            *self.secret() = Some(Zeroizing::new(secret.to_vec()));
        }
    }

    fn will_log(&self, label: &str) -> bool {
        label == "EXPORTER_SECRET"
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exporter")
    }
}

/// Stands before every label of TLS 1.3.
const LABEL_PREFIX: &[u8] = b"tls13 ";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{ClientConnection, ServerConnection};

    use super::*;

    /// The library's own exporter agrees, for suites with either hash.
    #[test]
    fn as_the_library_exports_it() {
        for suite in
            ["TLS13_AES_128_GCM_SHA256", "TLS13_AES_256_GCM_SHA384", "TLS13_CHACHA20_POLY1305_SHA256"]
        {
            let (mut client, mut server) = super::super::keyed::tests::configs(suite);
            let exporters = [Arc::new(Exporter::default()), Arc::new(Exporter::default())];
            client.key_log = exporters[0].clone();
            server.key_log = exporters[1].clone();
            let name = rustls_pki_types::ServerName::from(std::net::Ipv4Addr::UNSPECIFIED);
            let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
            let mut server = ServerConnection::new(Arc::new(server)).unwrap();
            while client.is_handshaking() || server.is_handshaking() {
                let mut wire = Vec::new();
                client.write_tls(&mut wire).unwrap();
                server.read_tls(&mut wire.as_slice()).unwrap();
                server.process_new_packets().unwrap();
                let mut wire = Vec::new();
                server.write_tls(&mut wire).unwrap();
                client.read_tls(&mut wire.as_slice()).unwrap();
                client.process_new_packets().unwrap();
            }
            let agreed = client.negotiated_cipher_suite().unwrap();
            assert_eq!(agreed.suite().as_str(), Some(suite));
            let expected = client.export_keying_material([0; LENGTH], b"LABEL", Some(b"")).unwrap();
            for exporter in &exporters {
                assert_eq!(exporter.take(agreed, b"LABEL").as_deref(), Some(&expected), "{suite}");
                assert!(exporter.take(agreed, b"LABEL").is_none(), "a secret that was used is gone");
            }
        }
    }
}
