//! An end of a data connection of the attacker's own making: it speaks TLS 1.3 and `fxp-data/1` as the
//! specification says, and then proves what it likes.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::Arc;

use aws_lc_rs::hmac;
use fxp_testkit::certificate::{Authority, Identity};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::server_side::wire::{PATIENCE, Stream, Tls, read_all};

/// Bytes of a tag.
pub(crate) const TAG: usize = 32;

/// A key, and how PEER says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) [u8; 32], pub(crate) &'static str);

/// Two keys: the victims', and one that the attacker has from somewhere else.
pub(crate) const KEY: Key = Key([0; 32], "PEER KEY AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
pub(crate) const OTHER: Key = Key(
    [
        4, 16, 65, 4, 16, 65, 4, 16, 65, 4, 16, 65, 4, 16, 65, 4, 16, 65, 4, 16, 65, 4, 16, 65, 4, 16, 65, 4,
        16, 65, 4, 16,
    ],
    "PEER KEY BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA",
);

/// The word that stands in a tag for one part of the transfer, and that for one part of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) tls: &'static str,
    pub(crate) file: &'static str,
}

impl Part {
    /// What the other end must be.
    pub(crate) fn other(self) -> Part {
        Part {
            tls: if self.tls == "client" { "server" } else { "client" },
            file: if self.file == "source" { "destination" } else { "source" },
        }
    }

    /// All there are.
    pub(crate) const ALL: [Part; 4] = [
        Part { tls: "client", file: "source" },
        Part { tls: "client", file: "destination" },
        Part { tls: "server", file: "source" },
        Part { tls: "server", file: "destination" },
    ];
}

/// One end, its handshake done.
pub(crate) struct End {
    side: Side,
    /// The keying material of this connection.
    pub(crate) material: [u8; 32],
}

enum Side {
    Client(Box<Stream>),
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl End {
    /// Shakes hands on a connection that is there, offering these protocols.
    pub(crate) fn over(tcp: TcpStream, tls: &str, protocols: &[&str]) -> io::Result<End> {
        tcp.set_read_timeout(Some(PATIENCE))?;
        let export = |connection: &mut dyn FnMut([u8; 32]) -> Result<[u8; 32], rustls::Error>| {
            connection([0; 32]).map_err(io::Error::other)
        };
        if tls == "client" {
            let stream = Tls::offering(&rustls::version::TLS13, protocols).start(tcp)?;
            let label = LABEL.as_bytes();
            let material = export(&mut |out| stream.conn.export_keying_material(out, label, Some(b"")))?;
            return Ok(End { side: Side::Client(Box::new(stream)), material });
        }
        let config = server_config(&identity(), &[&rustls::version::TLS13], protocols);
        let mut connection = ServerConnection::new(Arc::new(config)).map_err(io::Error::other)?;
        let mut tcp = tcp;
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp)?;
        }
        let material =
            export(&mut |out| connection.export_keying_material(out, LABEL.as_bytes(), Some(b"")))?;
        Ok(End { side: Side::Server(Box::new(StreamOwned::new(connection, tcp))), material })
    }

    /// The tag of `part` on this connection.
    pub(crate) fn tag(&self, key: Key, part: Part) -> [u8; TAG] {
        tag(key, part, &self.material)
    }

    /// Says and hears what an honest end in this part would.
    pub(crate) fn prove(&mut self, key: Key, part: Part) -> io::Result<()> {
        let (ours, theirs) = (self.tag(key, part), self.tag(key, part.other()));
        if part.tls == "client" {
            self.say(&ours)?;
        }
        let mut shown = [0; TAG];
        self.stream().read_exact(&mut shown)?;
        if shown != theirs {
            return Err(io::Error::other("the other end has not proven the key"));
        }
        if part.tls == "server" {
            self.say(&ours)?;
        }
        Ok(())
    }

    pub(crate) fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream();
        stream.write_all(bytes)?;
        stream.flush()
    }

    /// What the other end says, at most this much of it.
    pub(crate) fn hear(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; most];
        self.stream().read_exact(&mut bytes).map(|()| bytes)
    }

    /// What the other end says until it ends the connection in order.
    pub(crate) fn hear_all(mut self) -> io::Result<Vec<u8>> {
        read_all(&mut self.stream())
    }

    /// Sends a file, and ends the connection in order.
    pub(crate) fn give(mut self, bytes: &[u8]) -> io::Result<()> {
        self.say(bytes)?;
        match &mut self.side {
            Side::Client(stream) => stream.conn.send_close_notify(),
            Side::Server(stream) => stream.conn.send_close_notify(),
        }
        self.stream().flush()?;
        self.tcp().shutdown(Shutdown::Write)?;
        self.hear_all().map(drop)
    }

    /// The certificate that the other end showed, if it did.
    pub(crate) fn certificate(&self) -> Option<Vec<u8>> {
        let shown = match &self.side {
            Side::Client(stream) => stream.conn.peer_certificates(),
            Side::Server(stream) => stream.conn.peer_certificates(),
        };
        shown.and_then(|chain| chain.first()).map(|first| first.to_vec())
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        match &self.side {
            Side::Client(stream) => &stream.sock,
            Side::Server(stream) => &stream.sock,
        }
    }

    fn stream(&mut self) -> &mut dyn ReadWrite {
        match &mut self.side {
            Side::Client(stream) => stream,
            Side::Server(stream) => stream,
        }
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// The tag over this keying material.
pub(crate) fn tag(key: Key, part: Part, material: &[u8; 32]) -> [u8; TAG] {
    let text = [format!("fxp-data/1 {} {}", part.tls, part.file).as_bytes(), material].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key.0), &text);
    tag.as_ref().try_into().expect("32 bytes")
}

/// A certificate that nobody expects.
pub(crate) fn identity() -> Identity {
    Authority::new().expect("an authority").identity(Ipv4Addr::LOCALHOST.into()).expect("an identity")
}

/// A TLS server with this certificate, which asks for none.
pub(crate) fn server_config(
    identity: &Identity,
    versions: &[&'static rustls::SupportedProtocolVersion],
    protocols: &[&str],
) -> ServerConfig {
    let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .expect("a version")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate and its key");
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

const LABEL: &str = "EXPERIMENTAL-FXP-DATA";
