//! Typed arguments of the parameter commands.

/// `PROT` (RFC 2228, RFC 4217): how data connections are protected. TLS knows only C and P.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Protection {
    /// `PROT C`: in clear.
    #[default]
    Clear,
    /// `PROT P`: inside TLS.
    Private,
}

/// Which part a server plays in the TLS handshake of a data connection,
/// independent of who listens and of who sends the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum TlsRole {
    /// Sends the ClientHello (`CPSV`, `SSCN ON`).
    Client,
    /// Waits for it (RFC 4217's only role for a server).
    #[default]
    Server,
}

/// `TYPE` (RFC 959, 3.1.1): the types that are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum TransferType {
    /// `A`, with CRLF line ends on the wire; the default of RFC 959.
    #[default]
    Ascii,
    /// `I` or `L 8`: bytes as they are.
    Image,
}

/// Digests that servers compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DigestKind {
    /// CRC-32 (IEEE), 4 bytes.
    Crc32,
    /// MD5, 16 bytes.
    Md5,
    /// SHA-1, 20 bytes.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-512, 64 bytes.
    Sha512,
}
