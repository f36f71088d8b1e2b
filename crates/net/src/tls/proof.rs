//! The proof that both ends of a data connection hold the key that the client gave them (`PEER KEY`;
//! `docs/spec/peer.md`).
//!
//! Each end shows a tag over the keying material of this very TLS connection: a man in the middle has two
//! connections, and a tag for one of them is worth nothing on the other.

use aws_lc_rs::{constant_time, hmac};
use fxp_proto::grammar::params::TlsRole;
use fxp_proto::grammar::peer::PeerKey;
use rustls::CommonState;
use tokio::net::TcpStream;

use super::engine::Engine;
use super::exporter::{self, Exporter};
use super::{EngineError, HandshakeError, protocol};

/// The protocol that both ends must have agreed on (ALPN): a host that was never introduced does not
/// speak it, so nothing but a ClientHello can be made to reach it.
pub(super) const ALPN: &[u8] = b"fxp-data/1";

/// The exporter's label.
pub(super) const LABEL: &[u8] = b"EXPERIMENTAL-FXP-DATA";

/// Bytes of a tag.
const TAG: usize = 32;

/// What an end does with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRole {
    /// It sends it.
    Source,
    /// It receives it.
    Destination,
}

impl FileRole {
    fn other(self) -> Self {
        match self {
            FileRole::Source => FileRole::Destination,
            FileRole::Destination => FileRole::Source,
        }
    }

    fn word(self) -> &'static [u8] {
        match self {
            FileRole::Source => b"source",
            FileRole::Destination => b"destination",
        }
    }
}

/// The tag of the end that is `tls` in the handshake and `file` in the transfer.
fn tag(key: &PeerKey, tls: TlsRole, file: FileRole, material: &[u8; exporter::LENGTH]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()));
    context.update(match tls {
        TlsRole::Client => b"fxp-data/1 client ",
        TlsRole::Server => b"fxp-data/1 server ",
    });
    context.update(file.word());
    context.update(material);
    context.sign()
}

/// Proves the key and has it proven, on a connection whose handshake is done: the TLS client speaks first,
/// the TLS server answers nothing but a right tag.
pub(super) async fn exchange(
    engine: &mut Engine,
    tcp: &mut TcpStream,
    exporter: &Exporter,
    key: &PeerKey,
    tls: TlsRole,
    file: FileRole,
) -> Result<(), HandshakeError> {
    if engine.state().alpn_protocol() != Some(ALPN) {
        return Err(HandshakeError::Unproven("the peer does not speak fxp-data/1"));
    }
    let material = material(engine.state(), exporter)?;
    let ours = tag(key, tls, file, &material);
    let other = match tls {
        TlsRole::Client => TlsRole::Server,
        TlsRole::Server => TlsRole::Client,
    };
    // A peer that claims our own part of the transfer shows another tag than this.
    let theirs = tag(key, other, file.other(), &material);
    if tls == TlsRole::Client {
        engine.send(tcp, ours.as_ref()).await.map_err(failed)?;
    }
    let mut shown = [0; TAG];
    engine.receive_exact(tcp, &mut shown).await.map_err(failed)?;
    constant_time::verify_slices_are_equal(&shown, theirs.as_ref())
        .map_err(|_| HandshakeError::Unproven("the peer has not proven the key"))?;
    if tls == TlsRole::Server {
        engine.send(tcp, ours.as_ref()).await.map_err(failed)?;
    }
    Ok(())
}

fn material(
    state: &CommonState,
    exporter: &Exporter,
) -> Result<zeroize::Zeroizing<[u8; exporter::LENGTH]>, HandshakeError> {
    let suite = state.negotiated_cipher_suite();
    suite
        .and_then(|suite| exporter.take(suite, LABEL))
        .ok_or(HandshakeError::Unproven("the TLS connection exports no keying material"))
}

/// The peer may have ended the connection because it did not like our tag; it does not say why.
fn failed(error: EngineError) -> HandshakeError {
    match error {
        EngineError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            HandshakeError::Unproven("the peer has hung up before it proved the key")
        }
        EngineError::Io(error) => HandshakeError::Network(error),
        EngineError::Tls(error) => protocol(error),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fxp_proto::grammar::peer::{PeerProof, PeerRequest};
    use rustls::KeyLog;
    use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;

    use super::*;

    /// From the secret of the TLS connection to the tags, as `docs/spec/peer.md` has them.
    #[test]
    fn as_the_specification_has_them() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec/peer.md"));
        let page = page.unwrap();
        let block = page.split("<!-- vector -->").nth(1).unwrap();
        let vector: BTreeMap<_, _> = block.lines().filter_map(|line| line.split_once(" = ")).collect();
        let vector: BTreeMap<_, _> = vector.into_iter().map(|(name, value)| (name.trim(), value)).collect();
        let shown = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();

        let request = PeerRequest::parse(format!("KEY {}", vector["key_on_the_wire"]).as_bytes());
        let Ok(PeerRequest::Set(PeerProof::Key(key))) = request else { panic!("no key") };
        assert_eq!(shown(key.expose()), vector["key"]);
        assert_eq!(LABEL, vector["label"].as_bytes());
        let secret = vector["exporter_master_secret"];
        let secret = (0..secret.len()).step_by(2).map(|at| u8::from_str_radix(&secret[at..at + 2], 16));
        let exporter = Exporter::default();
        exporter.log("EXPORTER_SECRET", &[], &secret.collect::<Result<Vec<u8>, _>>().unwrap());
        let material = exporter.take(TLS13_AES_128_GCM_SHA256, LABEL).unwrap();
        assert_eq!(shown(&*material), vector["x"]);
        for (name, tls, file) in [
            ("client_tag_source", TlsRole::Client, FileRole::Source),
            ("client_tag_destination", TlsRole::Client, FileRole::Destination),
            ("server_tag_source", TlsRole::Server, FileRole::Source),
            ("server_tag_destination", TlsRole::Server, FileRole::Destination),
        ] {
            assert_eq!(shown(tag(&key, tls, file, &material).as_ref()), vector[name], "{name}");
        }
    }

    /// Eight tags of one key and one connection, all different: none can be shown as another.
    #[test]
    fn every_part_has_a_tag_of_its_own() {
        let (key, material) = (PeerKey::new([7; 32]), [9; 32]);
        let mut tags = Vec::new();
        for key in [&key, &PeerKey::new([8; 32])] {
            for tls in [TlsRole::Client, TlsRole::Server] {
                for file in [FileRole::Source, FileRole::Destination] {
                    tags.push(tag(key, tls, file, &material).as_ref().to_vec());
                }
            }
        }
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 8);
        assert!(tags.iter().all(|tag| tag.len() == TAG));
    }
}
